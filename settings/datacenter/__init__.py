"""What the datacenter's stacks (esxi/) may say: hosts, networks, machines and the firewall, and where each machine is placed."""
