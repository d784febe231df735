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
from local.toolchain import Toolchain


class World:
    """Stands for both containers and for kubectl."""

    def __init__(self) -> None:
        self.root = "root of today"
        self.commands: list[str] = []

    def run(self, command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0, stdout="")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(outside, "run", found.run)
    for module in (digitalocean_container, acme_container):
        for name in ("start", "wait_until_healthy"):
            monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(acme_container, "root_certificate", lambda _estate: found.root)
    return found


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("HS_DATA", str(tmp_path))
    found = Estate.load()
    found.data_dir.mkdir(parents=True)
    return found


def test_the_root_is_kept_for_those_who_verify(world: World, estate: Estate) -> None:
    outside.start(estate, Toolchain())
    assert estate.acme_root.read_text() == "root of today"
    assert world.commands == [], "there is nothing to forget in a new estate"


def test_the_same_root_leaves_certificates_alone(world: World, estate: Estate) -> None:
    estate.acme_root.write_text("root of today")
    outside.start(estate, Toolchain())
    assert world.commands == []


def test_another_root_has_certificates_and_accounts_made_anew(world: World, estate: Estate) -> None:
    estate.acme_root.write_text("root of yesterday")
    outside.start(estate, Toolchain())
    assert estate.acme_root.read_text() == "root of today"
    certificates, accounts = world.commands
    assert "--selector controller.cert-manager.io/fao=true" in certificates
    assert "--field-selector type=kubernetes.io/tls" in certificates
    assert "--namespace cert-manager letsencrypt-account letsencrypt-staging-account" in accounts
