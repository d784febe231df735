"""What a machine is told at its first start, through VMware's guestinfo: cloud-init's metadata and user data.

https://cloudinit.readthedocs.io/en/latest/reference/datasources/vmware.html
"""

from __future__ import annotations

import base64
from typing import Any

import yaml

from settings.datacenter.model import Access, PlatformNetwork
from settings.datacenter.place import Placed

DEPLOY_USER = "deploy"
"""The account that Ansible signs in with."""


def guestinfo(machine: Placed, network: PlatformNetwork, access: Access) -> dict[str, str]:
    """The keys below `guestinfo.`, which the plugin adds; base64, because a value's quotes would not survive the vmx file."""
    userdata = "#cloud-config\n" + yaml.safe_dump(user_data(access), sort_keys=False)
    return {
        "metadata": _base64(yaml.safe_dump(metadata(machine, network), sort_keys=False)),
        "metadata.encoding": "base64",
        "userdata": _base64(userdata),
        "userdata.encoding": "base64",
    }


def metadata(machine: Placed, network: PlatformNetwork) -> dict[str, Any]:
    """Who the machine is: name and fixed address (netplan, version 2)."""
    interface = {
        "match": {"macaddress": machine.mac},
        "addresses": [f"{machine.address}/{network.subnet.prefixlen}"],
        "routes": [{"to": "default", "via": str(network.gateway)}],
        "nameservers": {"addresses": [str(server) for server in network.nameservers]},
    }
    return {
        "instance-id": f"{machine.name}-{machine.address}",
        "local-hostname": machine.name,
        "network": {"version": 2, "ethernets": {"platform": interface}},
    }


def user_data(access: Access) -> dict[str, Any]:
    """Who may sign in: one account, by its SSH keys alone."""
    deploy = {
        "name": DEPLOY_USER,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": list(access.deploy_authorized_keys),
    }
    return {"users": [deploy], "disable_root": True, "ssh_pwauth": False}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
