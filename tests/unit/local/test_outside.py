"""What stands for the world outside is started together, and a new root makes the certificates of the old one be issued again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import outside
from local.acme import container as acme_container
from local.digitalocean import container as digitalocean_container
from local.estate import Estate
from local.newrelic import container as newrelic_container
from local.registry import container as registry_container
from local.spaces import container as spaces_container
from local.toolchain import Toolchain


class World:
    """Stands for the containers and for kubectl."""

    def __init__(self) -> None:
        self.root = "root of today"
        self.commands: list[str] = []
        self.containers: list[str] = []
        self.accounts: list[str] = []
        """What the issuers say, one answer after the other."""

    def run(self, command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        if "clusterissuers" in command:
            return subprocess.CompletedProcess(command, 0, stdout=self.accounts.pop(0) if self.accounts else "")
        self.commands.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0, stdout="")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(outside, "run", found.run)
    for module in (digitalocean_container, acme_container, registry_container, spaces_container, newrelic_container):
        for name in ("start", "wait_until_healthy", "delete"):
            called = f"{module.MACHINE} {name}"
            monkeypatch.setattr(module, name, lambda *_, called=called: found.containers.append(called))
    monkeypatch.setattr(acme_container, "root_certificate", lambda _estate: found.root)
    return found


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("HS_DATA", str(tmp_path))
    found = Estate.load()
    found.data_dir.mkdir(parents=True)
    return found


def test_all_are_started_before_any_is_waited_for_and_all_are_removed(world: World, estate: Estate) -> None:
    outside.start(estate, Toolchain())
    outside.delete(estate)
    assert world.containers == [
        f"{machine} {done}"
        for done in ("start", "wait_until_healthy", "delete")
        for machine in ("digitalocean", "acme", "registry", "spaces", "newrelic")
    ]


def test_the_root_is_kept_for_those_who_verify(world: World, estate: Estate) -> None:
    outside.start(estate, Toolchain())
    assert estate.acme_root.read_text() == "root of today"
    assert world.commands == [], "there is nothing to forget in a new estate"


def test_the_same_root_leaves_certificates_alone(world: World, estate: Estate) -> None:
    estate.acme_root.write_text("root of today")
    outside.start(estate, Toolchain())
    assert world.commands == []


def test_another_root_has_accounts_made_anew_and_only_then_certificates(
    world: World, estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    estate.acme_root.write_text("root of yesterday")
    world.accounts = [
        "letsencrypt=a/1\nletsencrypt-staging=a/2\n",
        "letsencrypt=a/1\nletsencrypt-staging=\n",
        "letsencrypt=b/1\nletsencrypt-staging=\n",
        "letsencrypt=b/1\nletsencrypt-staging=b/2\n",
    ]
    outside.start(estate, Toolchain())
    assert estate.acme_root.read_text() == "root of today"
    assert world.accounts == [], "certificates were asked for before the accounts were there"
    accounts, certificates = world.commands
    assert "--namespace cert-manager --ignore-not-found letsencrypt-account letsencrypt-staging-account" in accounts
    assert "--selector controller.cert-manager.io/fao=true" in certificates
    assert "--field-selector type=kubernetes.io/tls" in certificates


def test_a_cluster_that_does_not_answer_is_not_waited_for(world: World, estate: Estate) -> None:
    estate.acme_root.write_text("root of yesterday")
    outside.start(estate, Toolchain())
    assert len(world.commands) == 2
