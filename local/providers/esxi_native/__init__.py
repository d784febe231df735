"""VMs, port groups and resource pools of an ESXi host, on the container engine of this machine."""
