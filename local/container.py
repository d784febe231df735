"""A container that stands for something of the world outside: started once with what it needs, waited for, and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.estate import Estate
from local.image_store import digest_of
from local.network import ensure_network
from ops.errors import PlatformError
from ops.process import run

CONTENT_LABEL = "ly.highstreet.content"
"""The hash of what the container was started with: another one, another container."""
HEALTHY_SECONDS = 30
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a container is started with."""

    image: str
    memory_mib: int
    options: Sequence[str]
    """Those of `docker run` beside the estate's names and addresses."""
    arguments: Sequence[str] = ()
    """The program's own."""
    files: Sequence[Path] = ()
    """Files and folders that it reads only when it starts."""

    @property
    def content(self) -> str:
        """The hash of all of it."""
        return digest_of(self.image, str(self.memory_mib), repr(list(self.options)), repr(list(self.arguments)), *self.files)


def start(estate: Estate, machine: str, title: str, wanted: Start) -> None:
    """Start the estate's container for ``machine``, anew where it runs with something else; nothing happens when it runs so already.

    Raises PlatformError with ``title`` (`The ACME server`) when it does not start; it does not wait until it answers.
    """
    content, name, address = wanted.content, estate.container(machine), estate.address(machine)
    if state(estate, machine) == (content, True):
        return
    delete(estate, machine)
    ensure_network(estate)
    options = [
        *("--name", name, "--hostname", machine, "--network", estate.network, "--ip", str(address)),
        *("--label", estate.label, "--label", f"ly.highstreet.machine={machine}", "--label", f"{CONTENT_LABEL}={content}"),
        *("--restart", "unless-stopped", "--memory", f"{wanted.memory_mib}m", *wanted.options),
    ]
    run(
        ["docker", "run", "--detach", *options, wanted.image, *wanted.arguments],
        what=f"{title} could not be started.",
        remedy=f"docker ps --all; another container may hold the name {name} or the address {address}",
    )


def state(estate: Estate, machine: str) -> tuple[str, bool]:
    """What the container was started with, and whether it runs; empty without a container."""
    form = f'{{{{index .Config.Labels "{CONTENT_LABEL}"}}}} {{{{.State.Running}}}}'
    found = run(["docker", "container", "inspect", "--format", form, estate.container(machine)], check=False)
    content, _, running = found.stdout.strip().rpartition(" ")
    return (content, running == "true") if found.returncode == 0 else ("", False)


def delete(estate: Estate, machine: str) -> None:
    """Remove the container and its unnamed volumes; nothing happens when it is not there."""
    run(["docker", "rm", "--force", "--volumes", estate.container(machine)], check=False)


def wait_until(is_healthy: Callable[[Estate], bool], estate: Estate, machine: str, title: str, url: str) -> None:
    """Wait until the container is healthy; raises PlatformError with its last words after half a minute."""
    deadline = time.monotonic() + HEALTHY_SECONDS
    while not is_healthy(estate):
        if time.monotonic() > deadline:
            said = run(["docker", "logs", "--tail", "10", estate.container(machine)], check=False).stdout
            raise PlatformError(f"{title} ({url}) does not answer.", why=said.strip(), remedy="./hs down, then ./hs up")
        time.sleep(POLL_SECONDS)


__all__ = ["CONTENT_LABEL", "Start", "delete", "start", "state", "wait_until"]
