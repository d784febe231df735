"""The container engine as a hypervisor: machines are containers with systemd, found by their name and the host's label."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.providers.errors import BackendError

HOST_LABEL = "ly.highstreet.estate"
MACHINE_LABEL = "ly.highstreet.machine"
COMMAND_SECONDS = 300
"""The longest that one command of the engine may take; a start takes about a second."""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Machine:
    """A container that stands for a VM, as the engine tells it."""

    container: str
    name: str
    host: str
    running: bool
    memory_mib: int
    network: str
    """The network it is attached to; empty for none."""
    address: str
    """Its fixed address there; empty for none."""

    @classmethod
    def parse(cls, found: dict[str, Any]) -> Machine:
        """A machine by what `docker container inspect` tells of it."""
        labels = found["Config"]["Labels"] or {}
        networks = found["NetworkSettings"]["Networks"] or {}
        network = next(iter(networks), "")
        fixed = (networks.get(network) or {}).get("IPAMConfig") or {}
        return cls(
            container=found["Name"].removeprefix("/"),
            name=labels.get(MACHINE_LABEL, ""),
            host=labels.get(HOST_LABEL, ""),
            running=bool(found["State"]["Running"]),
            memory_mib=int(found["HostConfig"]["Memory"]) // MIB,
            network=network,
            address=fixed.get("IPv4Address") or "",
        )


class Engine:
    """The engine behind the `docker` command, for the machines of one host. Connects to nothing until it is asked; thread-safe."""

    def __init__(self, host: str) -> None:
        self.host = host

    def container(self, machine: str) -> str:
        """The name of the container that stands for a machine of this host."""
        return f"{self.host}-{machine}"

    def command(self, what: str, *words: str, remedy: str = "", given: str = "") -> str:
        """Run a command of `docker` and return what it says; raises BackendError, which begins with ``what``, when it fails."""
        finished = self._docker(words, given)
        if finished.returncode:
            raise BackendError(what, why=_last_lines(finished.stderr or finished.stdout), remedy=remedy)
        return finished.stdout

    def find(self, container: str) -> Machine | None:
        """The container of that name, None when there is none."""
        finished = self._docker(("container", "inspect", container))
        if finished.returncode == 0:
            return Machine.parse(json.loads(finished.stdout)[0])
        if "no such container" in finished.stderr.lower():
            return None
        raise BackendError(f"The container engine does not tell of {container}", why=_last_lines(finished.stderr), remedy="docker info")

    def has_network(self, network: str) -> bool:
        """Whether there is a network of that name."""
        return self._docker(("network", "inspect", network)).returncode == 0

    def holder(self, network: str, address: str) -> str:
        """The container that has an address on a network, running or not; empty when it is free."""
        listed = self._docker(("ps", "--all", "--quiet", "--no-trunc", "--filter", f"network={network}")).stdout.split()
        if not listed:
            return ""
        inspected = self._docker(("container", "inspect", *listed)).stdout  # a container that went meanwhile is left out
        for found in json.loads(inspected or "[]"):
            place = (found["NetworkSettings"]["Networks"] or {}).get(network) or {}
            if address in (place.get("IPAddress"), (place.get("IPAMConfig") or {}).get("IPv4Address")):
                return str(found["Name"]).removeprefix("/")
        return ""

    def hardware(self) -> list[str]:
        """What lets systemd be a container's first process, by the version of the kernel's control groups."""
        version = self.command("The container engine does not answer", "info", "--format", "{{.CgroupVersion}}", remedy="start it").strip()
        cgroups = ["--cgroupns", "private"] if version == "2" else ["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
        return ["--privileged", "--tmpfs", "/run", "--tmpfs", "/tmp:exec", *cgroups]

    def _docker(self, words: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["docker", *words], input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
            )  # fmt: skip
        except FileNotFoundError:
            raise BackendError("There is no container engine", why="docker is not installed", remedy="./hs doctor") from None
        except subprocess.TimeoutExpired:
            raise BackendError(f"The container engine did not finish `docker {words[0]}` within {COMMAND_SECONDS} s") from None


def memory(mib: int) -> list[str]:
    """The options that give a container its memory, and no swap beside it."""
    return ["--memory", f"{mib}m", "--memory-swap", f"{mib}m"]


def _last_lines(text: str) -> str:
    return " ".join(text.strip().splitlines()[-5:]) or "it gave no reason"
