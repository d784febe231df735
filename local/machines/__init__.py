"""The data VMs' look-alikes: containers with systemd and sshd, configured over SSH by the roles that production uses.

``stack`` has the datacenter's own program make them (on the container engine, in ESXi's place), ``machines`` knows them as containers,
``configure`` runs Ansible on them, ``inventory``, ``fingerprint`` and ``events`` hold the decisions, without side effects.
"""
