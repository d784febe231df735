"""What others read from the stack: Ansible's inventory, and people. No secret, and every address once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from settings.datacenter.load import DatacenterSettings
from settings.datacenter.model import ROLES, Datacenter, Firewall, VirtualAddresses
from settings.datacenter.place import Placed


def roles(machines: Iterable[Placed]) -> list[str]:
    """The roles there are, in the order in which their machines are made."""
    present = {machine.role for machine in machines}
    return [role for role in ROLES if role in present]


def outputs(settings: DatacenterSettings) -> dict[str, Any]:
    """The stack's outputs, by name."""
    datacenter = settings.datacenter
    return {
        "machines": {machine.name: _machine(machine) for machine in settings.machines},
        "network": {
            "subnet": str(datacenter.network.subnet),
            "gateway": str(datacenter.network.gateway),
            "nameservers": [str(server) for server in datacenter.network.nameservers],
        },
        "addresses": _addresses(datacenter.addresses) if datacenter.addresses else {},
        "hosts": {name: host.address for name, host in datacenter.hosts.items()},
        "access": datacenter.access.model_dump(mode="json"),
        "firewall": _firewall(datacenter.firewall, datacenter.addresses) if datacenter.firewall and datacenter.addresses else {},
        "boot_order": boot_order(settings.machines, datacenter),
    }


def boot_order(machines: Iterable[Placed], datacenter: Datacenter) -> dict[str, list[str]]:
    """For each host its machines in the order in which it shall start them after a loss of power.

    The plugin cannot set it: `./hs inventory --autostart HOST` prints a script that does.
    """
    return {host: [machine.name for machine in machines if machine.host == host] for host in datacenter.hosts}


def _machine(machine: Placed) -> dict[str, Any]:
    return {
        "address": str(machine.address),
        "role": machine.role,
        "host": machine.host,
        "group": machine.group,
        "mac": machine.mac,
        "cpus": machine.settings.cpus,
        "memory_mib": machine.settings.memory_mib,
        "disk_gib": machine.settings.disk_gib,
    }


def _addresses(virtual: VirtualAddresses) -> dict[str, str]:
    return {name: str(value) for name, value in virtual.model_dump().items()}


def _firewall(firewall: Firewall, virtual: VirtualAddresses) -> dict[str, Any]:
    described = firewall.model_dump(mode="json", exclude={"publish"})
    return described | {
        "public_address": str(virtual.public),
        "ingress_address": str(virtual.ingress),
        "services": [door.service for door in firewall.publish],
    }
