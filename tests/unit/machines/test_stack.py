"""The stack of the machines without an engine: what it is told, when it is run, and what a run that broke off left."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.estate import Estate
from local.machines import machines, stack
from local.machines.machines import Machine
from ops import console
from ops.errors import PlatformError

OUTPUTS: dict[str, Any] = {
    "machines": {
        "rabbitmq": {"address": "172.30.7.11", "role": "rabbitmq"},
        "postgres": {"address": "172.30.7.10", "role": "postgres"},
    }
}
MACHINES = [Machine("postgres", "172.30.7.10", "postgres"), Machine("rabbitmq", "172.30.7.11", "rabbitmq")]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate in a checkout of its own, with the files that decide what its stack holds."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    for name in stack.SOURCES:
        path = tmp_path / name
        (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        (path if path.suffix else path / "module.py").write_text(f"# {name}\n")
    (tmp_path / "local" / "estate.yaml").write_text("{name: trial, subnet: 172.30.7.0/24}")
    found = Estate.load(tmp_path)
    found.data_dir.mkdir(parents=True)
    found.secrets.ssh_private_key.with_suffix(".pub").write_text("ssh-ed25519 AAAA highstreetly trial\n")
    return found


class Runs:
    """Stands in for the engine and for the containers: which machines run, and how often the stack was deployed."""

    def __init__(self) -> None:
        self.running = {"postgres", "rabbitmq", "digitalocean"}
        self.deployed = 0
        self.breaks_off = False
        self.known_keys: list[str] = []

    def deploy(self, _estate: Estate, _step: console.Step) -> dict[str, Any]:
        self.deployed += 1
        if self.breaks_off:
            raise KeyboardInterrupt
        return OUTPUTS


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Everything outside this module replaced."""
    found = Runs()
    monkeypatch.setattr(stack, "_deploy", found.deploy)
    monkeypatch.setattr(stack, "ensure_network", lambda _estate: None)
    monkeypatch.setattr(stack, "ensure_image", lambda: "highstreetly/machine:1")
    monkeypatch.setattr(machines, "running", lambda _estate: found.running)
    monkeypatch.setattr(machines, "wait_for_ssh", lambda _machine: None)
    monkeypatch.setattr(machines, "remember_host_key", lambda _estate, machine: found.known_keys.append(machine.name))
    return found


def test_the_program_is_told_the_estates_network_addresses_and_keys(estate: Estate) -> None:
    told = stack.datacenter(estate, "highstreetly/machine:1")["datacenter"]
    assert told["network"] == {
        "port_group": "trial", "subnet": "172.30.7.0/24", "gateway": "172.30.7.1", "nameservers": ["172.30.7.1"],
    }  # fmt: skip
    assert told["hosts"] == {"local": {"address": "trial", "templates": ["highstreetly/machine:1"]}}
    assert told["machines"]["rabbitmq"] == {"template": "highstreetly/machine:1", "first_address": "172.30.7.11"}
    assert told["access"]["deploy_authorized_keys"] == ["ssh-ed25519 AAAA highstreetly trial"]
    assert "PRIVATE" not in yaml.safe_dump(told)


def test_the_stack_is_run_once_and_not_again_while_nothing_changes(estate: Estate, runs: Runs) -> None:
    assert stack.bring_up(estate) == OUTPUTS
    assert stack.bring_up(estate) == OUTPUTS
    assert runs.deployed == 1
    assert runs.known_keys == ["postgres", "rabbitmq"]
    assert stack.recorded(estate) == MACHINES


def test_a_machine_that_does_not_run_has_the_stack_run(estate: Estate, runs: Runs) -> None:
    stack.bring_up(estate)
    runs.running.remove("rabbitmq")
    stack.bring_up(estate)
    assert runs.deployed == 2


@pytest.mark.parametrize("source", stack.SOURCES)
def test_a_change_of_what_decides_has_the_stack_run(estate: Estate, runs: Runs, source: str) -> None:
    stack.bring_up(estate)
    path = estate.checkout / source
    (path if path.is_file() else path / "another.py").write_text("# changed\n")
    stack.bring_up(estate)
    assert runs.deployed == 2


def test_a_run_that_broke_off_is_not_taken_for_a_finished_one(estate: Estate, runs: Runs) -> None:
    stack.bring_up(estate)
    runs.running.remove("rabbitmq")
    runs.breaks_off = True
    with pytest.raises(KeyboardInterrupt):
        stack.bring_up(estate)
    runs.running.add("rabbitmq")  # it was started, and nobody knows whether it is whole
    runs.breaks_off = False
    stack.bring_up(estate)
    assert runs.deployed == 3


def test_an_estate_that_is_not_up_has_no_machines_and_says_so(estate: Estate) -> None:
    assert stack.recorded(estate) == []
    with pytest.raises(PlatformError, match="have not been made"):
        stack.outputs_of(estate)
    stack._record(estate, "", None)
    with pytest.raises(PlatformError, match="have not been made"):
        stack.outputs_of(estate)


def test_only_machines_that_were_being_made_and_are_unknown_are_half_made() -> None:
    def pending(name: str, kind: str = "creating", token: str = stack.MACHINE_TYPE) -> dict[str, Any]:
        return {"type": kind, "resource": {"urn": f"urn:{name}", "type": token, "inputs": {"name": name}}}

    operations = [
        pending("new"), pending("known"), pending("leaving", "deleting"), pending("net", token="esxi-native:index:PortGroup"),
    ]  # fmt: skip
    assert stack.half_made({"resources": [{"urn": "urn:known"}], "pending_operations": operations}) == ["new"]
    assert stack.half_made({}) == []


def test_a_host_key_replaces_the_one_of_a_machine_that_had_the_name_before(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["ssh-ed25519 OLD\n", "ssh-ed25519 OTHER\n", "ssh-ed25519 NEW\n"])

    class Answer:
        stdout = ""

    def answer(*_words: object, **_options: object) -> Answer:
        given = Answer()
        given.stdout = next(said)
        return given

    monkeypatch.setattr(machines, "run", answer)
    for machine in (MACHINES[0], MACHINES[1], MACHINES[0]):
        machines.remember_host_key(estate, machine)
    assert machines.known_hosts(estate).read_text().splitlines() == [
        "rabbitmq,172.30.7.11 ssh-ed25519 OTHER", "postgres,172.30.7.10 ssh-ed25519 NEW",
    ]  # fmt: skip


def test_everything_with_the_estates_label_is_removed_whatever_the_state_says(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    class Answer:
        stdout = "aaa\nbbb\n"

    def answer(words: list[str], **_options: object) -> Answer:
        commands.append(words)
        return Answer()

    monkeypatch.setattr(machines, "run", answer)
    shutil.rmtree(estate.data_dir)
    machines.delete_all(estate)
    assert "label=ly.highstreet.estate=trial" in commands[0]
    assert commands[1] == ["docker", "rm", "--force", "--volumes", "aaa", "bbb"]
