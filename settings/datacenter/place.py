"""Which machine stands on which host: decided by the files alone, the same each time, so that nothing moves by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from settings.datacenter.model import ROLES, Datacenter, MachineGroup, Role

MAC_PREFIX = "00:50:56"
"""VMware's; below 40:00:00 it is for addresses given by hand (VMware vSphere, static MAC addresses)."""

LAST_ADDRESS = 2**32 - 1
FIRST_HOST: Mapping[Role, int] = {"postgres": 0, "rabbitmq": 1, "control_plane": 2, "worker": 2}
"""The place among the hosts at which a role begins: the two data machines apart, and what a small cluster has more of beside neither."""


@dataclass(frozen=True)
class Placed:
    """One machine as it shall be."""

    name: str
    group: str
    role: Role
    host: str
    address: IPv4Address
    mac: str
    settings: MachineGroup


def names(group: str, count: int) -> list[str]:
    """The names of a group's machines."""
    return [group] if count == 1 else [f"{group}{number}" for number in range(1, count + 1)]


def mac_of(address: IPv4Address) -> str:
    """A MAC address that follows from an IP address: its last 22 bits, so that two machines of one network differ."""
    low = int(address) & 0x3FFFFF
    return ":".join([MAC_PREFIX, *(f"{low >> shift & 0xFF:02x}" for shift in (16, 8, 0))])


def place(datacenter: Datacenter) -> list[Placed]:
    """Every machine with its host, in the order in which they are made.

    A group goes round its hosts from a place that its role and its place among the role's groups decide. No other group's hosts or count
    and no size counts, so that a change of one group moves no machine of another, and one more machine moves none of its own: a living
    machine cannot move. What does not fit is refused (checks.py), and `hosts` places by hand.
    """
    placed = []
    groups_of: dict[Role, int] = dict.fromkeys(ROLES, 0)
    for group, settings in in_order(datacenter.machines):
        first = FIRST_HOST[settings.role] + groups_of[settings.role]
        groups_of[settings.role] += 1
        allowed = [host for host in datacenter.hosts if settings.hosts is None or host in settings.hosts] or list(datacenter.hosts)
        for index, name in enumerate(names(group, settings.count)):
            address = IPv4Address(min(int(settings.first_address) + index, LAST_ADDRESS))
            mac = settings.macs[index] if index < len(settings.macs) else mac_of(address)
            host = allowed[(first + index) % len(allowed)]
            placed.append(Placed(name, group, settings.role, host, address, mac, settings))
    return placed


def in_order(groups: Mapping[str, MachineGroup]) -> list[tuple[str, MachineGroup]]:
    """The groups in the order of their roles; those of one role as they stand in the file."""
    return sorted(groups.items(), key=lambda item: ROLES.index(item[1].role))
