"""ansible/firewall.yml, run for real against an emulated firewall on a loopback port. It needs no machine of the estate."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.digitalocean.server import tls_context
from local.estate import CHECKOUT
from local.machines.configure import Controller
from local.sonicos.firewall import Firewall
from local.sonicos.server import Emulator, running
from tests.unit.sonicwall.conftest import self_signed

PASSWORD = "a-firewall-password"
VARIABLES: dict[str, Any] = {
    "sonicwall_address": "127.0.0.1",
    "sonicwall_public_address": "203.0.113.10",
    "sonicwall_ingress_address": "10.10.0.80",
    "sonicwall_timeout_seconds": 10,
}
SIGN_OFF = "DELETE /auth"
DROP = "DELETE /config/pending"
WAITS_SECONDS = 30
Start = Callable[..., subprocess.Popen[str]]


@dataclass(frozen=True)
class Outcome:
    """What a run of the playbook came to: its exit code, Ansible's counts, and all that it printed."""

    code: int
    changed: int
    output: str


Play = Callable[..., Outcome]


@pytest.fixture(scope="session")
def program() -> str:
    """ansible-playbook of Ansible's own environment."""
    return str(Controller(CHECKOUT, CHECKOUT).program("ansible-playbook"))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the emulated firewall's certificate for 127.0.0.1, which it signed itself: firewall.crt and firewall.key."""
    return self_signed(tmp_path_factory.mktemp("firewall"))


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another certificate for the same address, as somebody in between would show it."""
    return self_signed(tmp_path_factory.mktemp("other")) / "firewall.crt"


@pytest.fixture
def emulator(certificate: Path) -> Iterator[Emulator]:
    """A firewall with factory settings."""
    tls = tls_context(certificate / "firewall.crt", certificate / "firewall.key")
    with running(tls, Firewall(password=PASSWORD)) as emulator:
        yield emulator


@pytest.fixture
def start(program: str, emulator: Emulator, certificate: Path, tmp_path: Path) -> Start:
    """Start ansible/firewall.yml against the emulator: its options, its variables, and the password."""

    def started(*options: str, password: str = PASSWORD, **variables: Any) -> subprocess.Popen[str]:
        given = {
            **VARIABLES,
            "sonicwall_port": emulator.port,
            "sonicwall_ca_certificate_file": str(certificate / "firewall.crt"),
            **variables,
        }
        inventory = tmp_path / "inventory.json"
        inventory.write_text(json.dumps({"firewall": {"hosts": {"sonicwall": given}}}))
        environment = {
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "SONICWALL_PASSWORD": password,
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
        }
        words = [program, str(CHECKOUT / "ansible" / "firewall.yml"), "--inventory", str(inventory), *options]
        return subprocess.Popen(
            words,
            cwd=CHECKOUT / "ansible",
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return started


@pytest.fixture
def play(start: Start) -> Play:
    """Run ansible/firewall.yml against the emulator to its end."""

    def played(*options: str, **given: Any) -> Outcome:
        process = start(*options, **given)
        output, _ = process.communicate(timeout=60)
        counted = re.search(r"changed=(\d+)", output)
        return Outcome(process.returncode, int(counted[1]) if counted else 0, output)

    return played


def writes(emulator: Emulator) -> list[str]:
    """The requests that stage something."""
    return [asked for asked in emulator.asked if not asked.startswith("GET") and "/auth" not in asked and "/config" not in asked]


def test_published_once_unchanged_twice_and_withdrawn(emulator: Emulator, play: Play) -> None:
    emulator.firewall.by_hand("address-objects/ipv4", {"name": "highstreetly-office", "zone": "LAN", "host": {"ip": "10.1.1.1"}})
    factory = copy.deepcopy(emulator.firewall.running)
    networks = ["10.10.0.0/24"]
    first = play("--diff", sonicwall_loopback_networks=networks)
    assert (first.code, first.changed) == (0, 1), first.output
    assert "+  destination: address.name" not in first.output
    assert "+access rule highstreetly-publish" in first.output
    assert "+  destination.address.name: highstreetly-public" in first.output
    assert emulator.firewall.commits == 1
    assert emulator.asked[-1] == SIGN_OFF
    assert (emulator.firewall.sessions, emulator.firewall.staged) == ({}, None)
    published = copy.deepcopy(emulator.firewall.running)
    second = play(sonicwall_loopback_networks=networks)
    assert (second.code, second.changed, emulator.firewall.commits) == (0, 0, 1), second.output
    assert len(writes(emulator)) == 7
    assert emulator.firewall.running == published
    withdrawn = play(sonicwall_state="absent")
    assert (withdrawn.code, withdrawn.changed) == (0, 1), withdrawn.output
    assert emulator.firewall.running == factory
    assert PASSWORD not in first.output + second.output + withdrawn.output


def test_check_shows_drift_and_changes_nothing_and_a_run_mends_it(emulator: Emulator, play: Play) -> None:
    assert play().code == 0
    wanted = copy.deepcopy(emulator.firewall.running)
    emulator.firewall.named("access-rules/ipv4", "highstreetly-publish")["management"] = True
    emulator.firewall.named("service-groups", "highstreetly-web")["service_object"] = [{"name": "HTTPS"}, {"name": "SSH Management"}]
    drifted = copy.deepcopy(emulator.firewall.running)
    emulator.requests.clear()
    checked = play("--check", "--diff", "-vvv")
    assert (checked.code, checked.changed) == (0, 1), checked.output
    assert "-  management: true" in checked.output
    assert "-  service_object: HTTPS, SSH Management" in checked.output
    assert "+  service_object: HTTP, HTTPS" in checked.output
    assert PASSWORD not in checked.output
    assert (writes(emulator), emulator.firewall.running) == ([], drifted)
    assert emulator.asked[-1] == SIGN_OFF
    assert play().changed == 1
    assert emulator.firewall.running == wanted


@pytest.mark.parametrize("path", ["/api/sonicos/config/pending", "/api/sonicos/access-rules/ipv4"])
def test_a_refused_commit_or_change_leaves_everything_as_it_was(emulator: Emulator, play: Play, path: str) -> None:
    before = copy.deepcopy(emulator.firewall.running)
    emulator.faults.add({"method": "POST", "path": path, "status": 500})
    failed = play()
    assert failed.code == 2
    assert "Every change of this run was dropped" in failed.output
    assert emulator.asked[-2:] == [DROP, SIGN_OFF]
    assert (emulator.firewall.running, emulator.firewall.staged, emulator.firewall.sessions) == (before, None, {})
    assert play().changed == 1


def test_a_commit_without_an_answer_says_that_it_is_not_known(emulator: Emulator, play: Play) -> None:
    emulator.faults.add({"method": "POST", "path": "/api/sonicos/config/pending", "after_effect": True})
    failed = play()
    assert failed.code == 2
    assert "Whether it had committed the changes is not known" in failed.output
    assert emulator.firewall.sessions == {}
    assert play().changed == 0


def test_a_wrong_password_is_tried_once(emulator: Emulator, play: Play) -> None:
    failed = play(password="not-the-password")
    assert failed.code == 2
    assert "refused the name and the password of admin" in failed.output
    assert "SONICWALL_PASSWORD" in failed.output
    assert (emulator.firewall.attempts, emulator.asked) == (1, ["POST /auth"])
    assert "not-the-password" not in failed.output


def test_a_firewall_that_another_administrator_is_changing_is_left_to_them(emulator: Emulator, play: Play) -> None:
    emulator.firewall.administrator = "anna"
    refused = play()
    assert refused.code == 2
    assert "Another administrator is changing the firewall" in refused.output
    assert "sonicwall_preempt" in refused.output
    assert (writes(emulator), emulator.firewall.preempted, emulator.firewall.sessions) == ([], [], {})
    assert play("--check").code == 0  # reading disturbs nobody
    taken = play(sonicwall_preempt=True)
    assert (taken.code, taken.changed, emulator.firewall.preempted) == (0, 1, ["anna"]), taken.output


def test_a_firewall_that_does_not_answer_is_named_with_what_to_check(play: Play) -> None:
    failed = play(sonicwall_port=1)
    assert failed.code == 2
    for told in ("The firewall at https://127.0.0.1:1 could not be reached: Connection refused", "allows HTTPS management"):
        assert told in failed.output, failed.output


def test_a_certificate_that_is_not_the_expected_one_gets_no_password(emulator: Emulator, play: Play, other_ca: Path) -> None:
    other = play(sonicwall_ca_certificate_file=str(other_ca))
    pinned = play(sonicwall_ca_certificate_file="", sonicwall_certificate_sha256="0" * 64)
    for failed in (other, pinned):
        assert failed.code == 2
        assert "shows a certificate that is not trusted" in failed.output
    assert emulator.requests == []


def test_a_pinned_certificate_is_enough(emulator: Emulator, play: Play, certificate: Path) -> None:
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert((certificate / "firewall.crt").read_text())).hexdigest()
    written = ":".join(fingerprint[place : place + 2].upper() for place in range(0, 64, 2))
    done = play(sonicwall_ca_certificate_file="", sonicwall_certificate_sha256=written)
    assert (done.code, done.changed, emulator.firewall.commits) == (0, 1, 1), done.output


def test_a_configuration_that_exposes_management_is_refused_whole_before_the_firewall_is_asked(emulator: Emulator, play: Play) -> None:
    refused = play(sonicwall_ingress_address="127.0.0.1", sonicwall_services=["HTTPS", "SSH Management"], password="")
    assert refused.code == 2
    for told in (
        "sonicwall_services: 'SSH Management' is not published",
        "sonicwall_ingress_address: 127.0.0.1 is where the firewall itself is managed",
        "sonicwall_password: the environment variable SONICWALL_PASSWORD is empty",
    ):
        assert told in refused.output, refused.output
    assert emulator.requests == []


def test_nothing_is_published_while_the_firewall_can_be_managed_from_outside(emulator: Emulator, play: Play) -> None:
    emulator.firewall.interfaces[1]["management"]["ssh"] = True
    refused = play()
    assert refused.code == 2
    assert "interface X1 allows management by ssh from the zone WAN" in refused.output
    assert (writes(emulator), emulator.asked[-1]) == ([], SIGN_OFF)


def test_an_older_sonicos_is_refused(emulator: Emulator, play: Play) -> None:
    emulator.firewall.firmware = "SonicOS Enhanced 6.5.4.4-44n"
    refused = play()
    assert refused.code == 2
    assert "needs SonicOS 7 or later" in refused.output
    assert emulator.asked[-1] == SIGN_OFF


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_run_that_is_stopped_leaves_nothing_staged_and_no_session(emulator: Emulator, start: Start, number: signal.Signals) -> None:
    emulator.faults.add({"method": "POST", "path": "/api/sonicos/access-rules/ipv4", "delay_seconds": 3})
    process = start()
    until = time.monotonic() + WAITS_SECONDS
    while "POST /access-rules/ipv4" not in emulator.asked and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, number)
    process.communicate(timeout=WAITS_SECONDS)
    while (SIGN_OFF not in emulator.asked or emulator.firewall.sessions) and time.monotonic() < until:
        time.sleep(0.05)
    assert emulator.asked[-2:] == [DROP, SIGN_OFF]
    assert (emulator.firewall.commits, emulator.firewall.staged, emulator.firewall.sessions) == (0, None, {})
