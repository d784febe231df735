"""The estate's machines as containers: which of them run, how they are known over SSH, and their removal whatever made them."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from local.estate import Estate
from ops.errors import PlatformError
from ops.process import run

SSH_PORT = 22
FIRST_ANSWER_SECONDS = 60
DEPLOY_USER = "deploy"
MACHINE_LABEL = "ly.highstreet.machine"

# The machine says its host key itself, by the engine and not over the network: that is how we know it later.
HOST_KEY = """tries=0
until [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do
  tries=$((tries + 1)); [ "$tries" -lt 300 ] || { echo "sshd did not start"; exit 1; }
  sleep 0.1
done
cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True)
class Machine:
    """A machine of the estate: its name, its fixed address, and what it is for."""

    name: str
    address: str
    role: str


def known_hosts(estate: Estate) -> Path:
    """The file of host keys of the estate's machines; your own ~/.ssh is never touched."""
    return estate.data_dir / "ansible" / "known_hosts"


def running(estate: Estate) -> set[str]:
    """The names of the estate's containers that run."""
    form = f'{{{{.Label "{MACHINE_LABEL}"}}}}'
    return set(run(["docker", "ps", "--filter", f"label={estate.label}", "--format", form]).stdout.split())


def delete(estate: Estate, name: str) -> None:
    """Remove a machine and everything on it; nothing happens when it is not there."""
    run(["docker", "rm", "--force", "--volumes", estate.container(name)], check=False)
    _forget_host_key(estate, name)


def delete_all(estate: Estate) -> None:
    """Remove every container that bears the estate's label, whether a state knows it or not."""
    found = run(["docker", "ps", "--all", "--quiet", "--filter", f"label={estate.label}"], check=False).stdout.split()
    if found:
        run(["docker", "rm", "--force", "--volumes", *found], check=False)
    known_hosts(estate).unlink(missing_ok=True)


def wait_for_ssh(machine: Machine) -> None:
    """Wait until the machine's sshd greets; raises PlatformError after a minute."""
    deadline = time.monotonic() + FIRST_ANSWER_SECONDS
    last = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((machine.address, SSH_PORT), timeout=2) as connection:
                connection.settimeout(5)
                if connection.recv(4) == b"SSH-":
                    return
                last = "it closed the connection"
        except OSError as refused:
            last = str(refused)
        time.sleep(0.1)
    raise PlatformError(
        f"The machine {machine.name} ({machine.address}) does not answer on SSH.",
        why=f"last answer: {last}",
        remedy="./hs down, then ./hs up; on a host with a firewall of its own, let it reach the docker network",
    )


def remember_host_key(estate: Estate, machine: Machine) -> None:
    """Write the machine's host key down, in place of one that a machine of this name had before."""
    container = estate.container(machine.name)
    answer = run(
        ["docker", "exec", container, "sh", "-c", HOST_KEY],
        what=f"The machine {machine.name} did not start.",
        remedy=f"docker logs {container}",
    )
    _forget_host_key(estate, machine.name)
    path = known_hosts(estate)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{machine.name},{machine.address} {answer.stdout.strip().splitlines()[-1]}\n")


def _forget_host_key(estate: Estate, name: str) -> None:
    path = known_hosts(estate)
    if path.exists():
        kept = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith(f"{name},")]
        path.write_text("".join(kept))


__all__ = ["DEPLOY_USER", "Machine", "delete", "delete_all", "known_hosts", "remember_host_key", "running", "wait_for_ssh"]
