"""The data VMs' look-alikes: containers with systemd and sshd, configured over SSH by the roles that production uses.

``machines`` makes and removes them (what the hypervisor does in the datacenter), ``configure`` runs Ansible on them,
``inventory``, ``fingerprint`` and ``events`` hold the decisions, without side effects.
"""
