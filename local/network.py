"""The docker network that the cluster's nodes and the machines share."""

from __future__ import annotations

import ipaddress
import json

from local.estate import Estate
from ops.errors import InputError, PlatformError
from ops.process import run


def address_plan(subnet: ipaddress.IPv4Network) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Network]:
    """The gateway's address, and the half of ``subnet`` from which the engine gives addresses by itself.

    Machines have fixed addresses in the other half, so that a node that starts first can never hold one of them.
    """
    return subnet[1], list(subnet.subnets(prefixlen_diff=1))[1]


def ensure_network(estate: Estate) -> None:
    """Make the estate's docker network unless it is there; raises InputError when it is there with another subnet."""
    found = run(["docker", "network", "inspect", estate.network], check=False)
    if found.returncode == 0:
        subnets = [part.get("Subnet") for part in json.loads(found.stdout)[0]["IPAM"]["Config"]]
        if str(estate.subnet) not in subnets:
            raise InputError(
                f"The docker network {estate.network} is there with {', '.join(map(str, subnets))}, not with {estate.subnet}.",
                why="local/estate.yaml was changed while the estate was up, or the network belongs to something else.",
                remedy=f"./hs down with the old local/estate.yaml, or: docker network rm {estate.network}",
            )
        return
    gateway, dynamic = address_plan(estate.subnet)
    made = run(
        ["docker", "network", "create", "--driver", "bridge", "--subnet", str(estate.subnet), "--gateway", str(gateway),
         "--ip-range", str(dynamic), "--label", estate.label, estate.network],
        check=False,
    )  # fmt: skip
    if made.returncode and "already exists" not in made.stdout:
        raise PlatformError(
            f"The docker network {estate.network} ({estate.subnet}) could not be made.",
            why=made.stdout.strip(),
            remedy="give local/estate.yaml a subnet that nothing else uses (docker network ls), or start the engine: ./hs doctor",
        )


def remove_network(estate: Estate) -> None:
    """Remove the estate's docker network if it is there; raises PlatformError while something is still attached to it."""
    if run(["docker", "network", "inspect", estate.network], check=False).returncode:
        return
    run(
        ["docker", "network", "rm", estate.network],
        what=f"The docker network {estate.network} could not be removed.",
        remedy=f"docker network inspect {estate.network}, then remove what is attached to it",
    )


__all__ = ["address_plan", "ensure_network", "remove_network"]
