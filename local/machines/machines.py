"""Making and removing a machine, as the hypervisor does in the datacenter."""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from local.estate import Estate
from local.machines.image import ensure_image
from local.network import ensure_network
from ops.errors import InputError, PlatformError
from ops.process import run

SSH_PORT = 22
FIRST_ANSWER_SECONDS = 60
MEMORY_MIB = 512  # of each machine; its services derive their settings from it
DEPLOY_USER = "deploy"

# What cloud-init does on a VM: the account's key. Then the machine says its host key, which is how we know it later.
FIRST_START = f"""set -eu
install -d -m 0700 -o {DEPLOY_USER} -g {DEPLOY_USER} /home/{DEPLOY_USER}/.ssh
cat > /home/{DEPLOY_USER}/.ssh/authorized_keys
chown {DEPLOY_USER}:{DEPLOY_USER} /home/{DEPLOY_USER}/.ssh/authorized_keys
chmod 0600 /home/{DEPLOY_USER}/.ssh/authorized_keys
tries=0
until [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do
  tries=$((tries + 1)); [ "$tries" -lt 300 ] || {{ echo "sshd did not start"; exit 1; }}
  sleep 0.1
done
cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True)
class Machine:
    """A machine of the estate: its name and its fixed address."""

    name: str
    address: ipaddress.IPv4Address

    @classmethod
    def of(cls, estate: Estate, name: str) -> Machine:
        """The estate's machine of that name."""
        return cls(name, estate.address(name))


def known_hosts(estate: Estate) -> Path:
    """The file of host keys of the estate's machines; your own ~/.ssh is never touched."""
    return estate.data_dir / "ansible" / "known_hosts"


def exists(estate: Estate, name: str) -> bool:
    """Whether the machine is there, running or not."""
    return run(["docker", "container", "inspect", estate.container(name)], check=False).returncode == 0


def create(estate: Estate, name: str) -> bool:
    """Make the machine and wait for its sshd, or start it if it is there; True when it was made.

    Raises InputError when it is there with another address, PlatformError when it does not come up.
    """
    machine = Machine.of(estate, name)
    made = not exists(estate, name)
    if made:
        _start_new(estate, machine)
    else:
        _start_again(estate, machine)
    wait_for_ssh(machine)
    return made


def delete(estate: Estate, name: str) -> None:
    """Remove the machine and everything on it; nothing happens when it is not there."""
    run(["docker", "rm", "--force", "--volumes", estate.container(name)], check=False)
    _forget_host_key(estate, name)


def wait_for_ssh(machine: Machine) -> None:
    """Wait until the machine's sshd greets; raises PlatformError after a minute."""
    deadline = time.monotonic() + FIRST_ANSWER_SECONDS
    last = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((str(machine.address), SSH_PORT), timeout=2) as connection:
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


def _start_new(estate: Estate, machine: Machine) -> None:
    ensure_network(estate)
    container = estate.container(machine.name)
    run(
        ["docker", "run", "--detach", *_identity(estate, machine), *_hardware(), ensure_image()],
        what=f"The machine {machine.name} could not be started.",
        remedy=f"docker ps --all; another container may hold the name {container} or the address {machine.address}",
    )
    try:
        public_key = estate.secrets.ssh_private_key.with_suffix(".pub").read_text()
        answer = run(["docker", "exec", "--interactive", container, "sh", "-c", FIRST_START], input=public_key,
                     what=f"The machine {machine.name} did not start.", remedy=f"docker logs {container}")  # fmt: skip
    except BaseException:
        delete(estate, machine.name)  # half a machine would be taken for a whole one by the next run
        raise
    _remember_host_key(estate, machine, answer.stdout.strip().splitlines()[-1])


def _start_again(estate: Estate, machine: Machine) -> None:
    container = estate.container(machine.name)
    state = json.loads(run(["docker", "container", "inspect", container]).stdout)[0]
    wanted = str(machine.address)
    configured = (state["NetworkSettings"]["Networks"].get(estate.network) or {}).get("IPAMConfig") or {}
    if configured.get("IPv4Address") != wanted:
        raise InputError(
            f"The machine {machine.name} is there with the address {configured.get('IPv4Address')}, not {wanted}.",
            why="Its certificate, its firewall and its settings were made for that address.",
            remedy="./hs down, then ./hs up (this loses the local data), or give the address back",
        )
    if not state["State"]["Running"]:
        run(["docker", "start", container], what=f"The machine {machine.name} could not be started.", remedy=f"docker logs {container}")


def _identity(estate: Estate, machine: Machine) -> list[str]:
    return [
        *("--name", estate.container(machine.name), "--hostname", machine.name),
        *("--network", estate.network, "--ip", str(machine.address)),
        *("--label", estate.label, "--label", f"ly.highstreet.machine={machine.name}"),
        *("--restart", "unless-stopped"),
    ]


def _hardware() -> list[str]:
    """What lets systemd be the first process, and how much memory there is."""
    memory = ["--memory", f"{MEMORY_MIB}m", "--memory-swap", f"{MEMORY_MIB}m"]
    folders = ["--tmpfs", "/run", "--tmpfs", "/tmp:exec"]
    version = run(["docker", "info", "--format", "{{.CgroupVersion}}"]).stdout.strip()
    cgroups = ["--cgroupns", "private"] if version == "2" else ["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    return ["--privileged", *memory, *folders, *cgroups]


def _remember_host_key(estate: Estate, machine: Machine, key: str) -> None:
    _forget_host_key(estate, machine.name)
    path = known_hosts(estate)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{machine.name},{machine.address} {key}\n")


def _forget_host_key(estate: Estate, name: str) -> None:
    path = known_hosts(estate)
    if path.exists():
        kept = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith(f"{name},")]
        path.write_text("".join(kept))


__all__ = ["DEPLOY_USER", "MEMORY_MIB", "Machine", "create", "delete", "exists", "known_hosts", "wait_for_ssh"]
