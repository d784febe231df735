"""Running the production roles on the estate's machines.

A machine that already holds what would be applied is left alone: the play writes a fingerprint of the roles, the inventory, the secrets and
the week on the machine as its last step, so a new, a half configured or a restored machine never matches. Whether the services still run is
asked together with it.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.estate import Estate
from local.machines.events import Recap, Run, explanation
from local.machines.fingerprint import fingerprint
from local.machines.inventory import Site, inventory, ssh_config
from local.machines.machines import Machine, known_hosts
from local.machines.stack import machines_in, outputs_of
from ops import console
from ops.errors import PlatformError
from ops.process import run
from ops.unchanged import files_digest

UNITS = {"postgres": "postgresql@*-main.service", "rabbitmq": "rabbitmq-server.service"}
LOGS_KEPT = 20
SSH_SECONDS = 90  # a machine that has just been started may take a minute until its services run


@dataclass(frozen=True)
class Controller:
    """Where Ansible runs: its environment, the roles, and the folder of what was generated for this estate."""

    checkout: Path
    folder: Path

    @property
    def roles(self) -> Path:
        """The Ansible project."""
        return self.checkout / "ansible"

    @property
    def inventory(self) -> Path:
        """The generated inventory."""
        return self.folder / "inventory.yml"

    @property
    def ssh_config(self) -> Path:
        """The generated OpenSSH configuration."""
        return self.folder / "ssh_config"

    @property
    def logs(self) -> list[Path]:
        """Everything that each run said, the first run's first."""
        return sorted((self.folder / "runs").glob("*.jsonl"))

    def new_log(self) -> Path:
        """An empty file for a run's log, its owner's alone; of the others the first stays, from which the machines came, and the newest."""
        for old in self.logs[1:-LOGS_KEPT]:
            old.unlink()
        log = self.folder / "runs" / f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S.%fZ}.jsonl"
        log.parent.mkdir(exist_ok=True)
        log.touch(mode=0o600)
        return log

    def program(self, name: str) -> Path:
        """A program of Ansible's own environment; the environment is made when it is not there yet."""
        run(
            ["sh", self.checkout / "requirements" / "environment", self.checkout, "ansible", ".venv-ansible"],
            what="Ansible could not be installed.",
            remedy="check that Python packages can be downloaded, then run the same command again",
        )
        return self.checkout / ".venv-ansible" / "bin" / name


def controller(estate: Estate) -> Controller:
    """The estate's controller, with inventory and SSH configuration written for its machines."""
    here = Controller(estate.checkout, estate.data_dir / "ansible")
    here.folder.mkdir(parents=True, exist_ok=True)
    secrets = estate.secrets
    site = Site(
        machines=machines_in(outputs_of(estate)),
        subnet=str(estate.subnet),
        public_key=secrets.ssh_private_key.with_suffix(".pub").read_text(),
        private_key_file=secrets.ssh_private_key,
        known_hosts_file=known_hosts(estate),
        ca_certificate_file=secrets.ca_certificate,
        ca_private_key_file=secrets.ca_private_key,
    )
    here.inventory.write_text(yaml.safe_dump(inventory(site, here.ssh_config), sort_keys=False, width=200))
    here.ssh_config.write_text(ssh_config(site))
    return here


def configure(estate: Estate, *, force: bool = False) -> Recap:
    """Have every machine be what the roles say; returns Ansible's recap, an empty one when no machine needed a run.

    Raises PlatformError naming the machine, the task and what it said when a task failed.
    """
    here = controller(estate)
    secrets = play_secrets(estate)
    wanted = _fingerprint(here, estate, secrets)
    states = _states(here, machines_in(outputs_of(estate)))
    if not force and all(state.get("applied") == wanted and state.get("active") for state in states):
        return Recap()
    with console.step("Configuring PostgreSQL and RabbitMQ with Ansible") as step:
        finished = play(here, secrets, ["--extra-vars", json.dumps({"platform_fingerprint": wanted})], step.note)
        assert finished.recap is not None
        step.note(str(finished.recap))
    return finished.recap


def play(here: Controller, secrets: Mapping[str, str], options: Sequence[str], note: Callable[[str], None] = lambda _: None) -> Run:
    """Run ansible/data.yml with ``options``, telling ``note`` each task; raises PlatformError when a task failed."""
    program = here.program("ansible-playbook")
    sockets = Path(tempfile.mkdtemp(prefix="hs-ssh-"))  # a short path: a socket's path may have 107 characters
    heard = Run()
    log = here.new_log()
    file = log.open("w")

    def hear(line: str) -> None:
        file.write(line + "\n")
        doing = heard.hear(line)
        if doing:
            note(doing)

    try:
        result = run(
            [program, here.roles / "data.yml", "--inventory", here.inventory, *options],
            cwd=here.roles,
            env={**_environment(here, sockets), **secrets},
            check=False,
            on_line=hear,
        )
    finally:
        file.close()
        shutil.rmtree(sockets, ignore_errors=True)
    _raise_failures(heard, result.returncode, here, log)
    return heard


def play_secrets(estate: Estate) -> dict[str, str]:
    """What a play of the roles is given as environment variables."""
    return {
        "POSTGRES_ADMIN_PASSWORD": estate.secrets.postgres_admin_password,
        "POSTGRES_STATE_PASSWORD": estate.secrets.pulumi_state_password,
        "POSTGRES_BACKUP_ACCESS_KEY": estate.secrets.spaces_access_key,
        "POSTGRES_BACKUP_SECRET_KEY": estate.secrets.spaces_secret_key,
        "POSTGRES_BACKUP_PASSPHRASE": estate.secrets.backup_passphrase,
        "RABBITMQ_ADMIN_PASSWORD": estate.secrets.rabbitmq_admin_password,
    }


def _fingerprint(here: Controller, estate: Estate, secrets: Mapping[str, str]) -> str:
    texts = [
        here.inventory.read_text(),
        estate.secrets.ca_certificate.read_text(),
        (here.checkout / "requirements" / "ansible.txt").read_text(),
    ]
    return fingerprint(files_digest(here.roles), texts, secrets, datetime.datetime.now(datetime.UTC).date())


def _environment(here: Controller, sockets: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(here.roles / "ansible.cfg"),
        "ANSIBLE_HOME": str(here.folder / "home"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": "",
        "LC_ALL": os.environ.get("LC_ALL") or "C.UTF-8",
    }


def _raise_failures(heard: Run, code: int, here: Controller, log: Path) -> None:
    if code == 0 and heard.recap is not None and not heard.failures:
        return
    if any(failure.unreachable for failure in heard.failures):
        what, remedy = (
            "A machine could not be reached over SSH.",
            f"ssh -F {here.ssh_config} {heard.failures[0].host}; then run the same command again",
        )
    else:
        what, remedy = (
            "Ansible could not configure a machine.",
            "correct what is named above, then run the same command again: it goes on where it stopped",
        )
    why = explanation(heard.failures) or "\n".join(heard.noise[-15:]) or f"ansible-playbook ended with exit code {code}"
    raise PlatformError(what, why=f"{why}\n(the whole run: {log})", remedy=remedy)


def _states(here: Controller, machines: Sequence[Machine]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(len(machines)) as pool:
        return list(pool.map(lambda machine: _state(here, machine), machines))


def _state(here: Controller, machine: Machine) -> dict[str, Any]:
    try:
        answer = run(["ssh", "-F", here.ssh_config, machine.name, question(machine.role)], check=False, timeout_seconds=SSH_SECONDS)
    except PlatformError:
        return {}
    if answer.returncode:
        return {}
    return parse_state(answer.stdout)


def question(role: str) -> str:
    """The shell line that asks a machine for its state; a machine that is just starting gets time to start its server."""
    unit = UNITS[role]
    return "; ".join(
        (
            "test -e /var/lib/platform-run && echo || cat /etc/platform/applied 2>/dev/null || echo",
            "for i in $(seq 80)",
            f"do state=$(systemctl is-active '{unit}' 2>/dev/null | head -n 1)",
            '[ "$state" = active ] && break',
            "systemctl is-system-running 2>/dev/null | grep -qE 'initializing|starting' || break",
            "sleep 0.5",
            "done",
            'echo "$state"',
            f"cat /etc/ansible/facts.d/{role}.fact 2>/dev/null || echo null",
        )
    )


def parse_state(answer: str) -> dict[str, Any]:
    """A machine's answer: the fingerprint applied last, whether its server runs, and its local fact."""
    applied, active, *fact = [*answer.splitlines(), "", ""]
    try:
        parsed = json.loads("\n".join(fact))
    except json.JSONDecodeError:
        parsed = None
    return {"applied": applied.strip(), "active": active.strip() == "active", "fact": parsed}


__all__ = ["UNITS", "Controller", "configure", "controller", "parse_state", "play", "play_secrets", "question"]
