"""The datacenter's own Pulumi project: what every ESXi host has, and the machines on them."""
