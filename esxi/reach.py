"""Whether the hosts answer: tried before anything of theirs is declared, because the plugin's own message names neither host nor port."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from settings.datacenter.model import EsxiHost

PORTS = {22: "SSH", 443: "HTTPS"}
"""What the plugin needs: it works over SSH, and has `ovftool` clone over HTTPS. Its own settings for them have no effect."""
ANSWER_SECONDS = 5
"""The longest that a host in the same building may take to accept a connection; one lost packet is sent again after 1 s and 3 s."""


def unreachable(hosts: Mapping[str, EsxiHost], ports: Mapping[int, str] = PORTS) -> dict[str, str]:
    """The hosts that do not answer, each with what was tried and what to check. All are tried at once."""
    tried = {name: host for name, host in hosts.items() if host.probed}
    with ThreadPoolExecutor(max_workers=len(tried) or 1) as pool:
        found = pool.map(lambda name: _complaint(name, tried[name].address, ports), tried)
    return {name: complaint for name, complaint in zip(tried, found, strict=True) if complaint}


def _complaint(name: str, address: str, ports: Mapping[int, str]) -> str:
    silent = {port: reason for port in ports if (reason := _silence(address, port))}
    if not silent:
        return ""
    what = ", ".join(f"port {port} ({ports[port]}): {reason}" for port, reason in silent.items())
    return (
        f"The ESXi host {name} cannot be reached at {address}, {what}. Nothing of it was touched. Check that it is switched on, that this "
        "computer is in the management network, that its address in the stack file is right, and that its SSH is turned on (Host, Actions, "
        "Services). For a host that is lost: docs/runbooks/replace-node.md"
    )


def _silence(address: str, port: int) -> str:
    """Why nothing answers there; empty when something does."""
    try:
        with socket.create_connection((address, port), timeout=ANSWER_SECONDS):
            return ""
    except OSError as failed:
        return failed.strerror or str(failed)
