"""The registry is started once with its settings and its volume, is healthy when its API answers, and goes with its images."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import container as shared
from local.addons import program_image
from local.cluster import mirror
from local.estate import Estate, EstateFile
from local.registry import container
from tests.unit.registry.server import Registry, serve


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate whose addresses are loopback ones."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return Estate(EstateFile(name="trial", subnet=IPv4Network("127.0.0.0/24")))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every docker command; a container that was started runs, with the label it was given, until it is removed."""
    commands: list[str] = []
    labels: list[str] = []

    def run(command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        commands.append(" ".join(words))
        if words[1] == "run":
            labels[:] = [word.partition("=")[2] for word in words if word.startswith(shared.CONTENT_LABEL)]
        elif words[1] == "rm":
            labels.clear()
        elif words[1:3] == ["container", "inspect"]:
            return subprocess.CompletedProcess(words, 0 if labels else 1, stdout=f"{labels[0]} true\n" if labels else "")
        return subprocess.CompletedProcess(words, 0, stdout="")

    for module in (shared, container):
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(shared, "ensure_network", lambda _estate: None)
    monkeypatch.setattr(program_image, "ensure_own", lambda _toolchain, _program: "highstreetly/registry:0123456789abcdef")
    return commands


def started(engine: list[str]) -> list[str]:
    """The commands that started a container."""
    return [command for command in engine if command.startswith("docker run")]


def test_it_is_the_estates_container_at_its_fixed_address_with_a_volume(estate: Estate, engine: list[str]) -> None:
    container.start(estate)
    (command,) = started(engine)
    for part in (
        "--name trial-registry ", "--network trial --ip 127.0.0.14 ", "--label ly.highstreet.estate=trial ", " --cap-drop ALL ",
        " --read-only ", "--volume trial-registry:/var/lib/registry ",
        f"--volume {estate.data_dir / 'registry'}:/etc/distribution:ro ",
    ):  # fmt: skip
        assert part in command
    assert command.endswith(" highstreetly/registry:0123456789abcdef serve /etc/distribution/config.yml")


def test_its_settings_let_images_be_deleted_and_keep_them_in_the_volume(estate: Estate, engine: list[str]) -> None:
    container.start(estate)
    assert started(engine)
    settings = yaml.safe_load((estate.data_dir / "registry" / "config.yml").read_text())
    assert settings["storage"] == {"filesystem": {"rootdirectory": "/var/lib/registry"}, "delete": {"enabled": True}}
    assert settings["http"]["addr"] == ":5000"


def test_one_that_runs_is_left_alone(estate: Estate, engine: list[str]) -> None:
    container.start(estate)
    container.start(estate)
    assert len(started(engine)) == 1


@pytest.mark.parametrize("change", ["image", "settings", "memory"])
def test_one_with_something_else_is_replaced_and_its_images_stay(
    estate: Estate, engine: list[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    container.start(estate)
    changes: dict[str, Callable[[], None]] = {
        "image": lambda: monkeypatch.setattr(
            program_image, "ensure_own", lambda _toolchain, _program: "highstreetly/registry:fedcba9876543210"
        ),
        "settings": lambda: monkeypatch.setattr(container, "configuration", lambda: "version: 0.1\n"),
        "memory": lambda: monkeypatch.setattr(container, "MEMORY_MIB", 64),
    }
    changes[change]()
    container.start(estate)
    assert len(started(engine)) == 2
    assert "docker rm --force --volumes trial-registry" in engine
    assert not [command for command in engine if command.startswith("docker volume")]


def test_it_is_removed_with_its_images(estate: Estate, engine: list[str]) -> None:
    container.delete(estate)
    assert engine == ["docker rm --force --volumes trial-registry", "docker volume rm --force trial-registry"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_it_is_healthy_when_its_api_answers(estate: Estate, monkeypatch: pytest.MonkeyPatch, status: int, healthy: bool) -> None:
    registry = Registry(moods=[(status, {})])
    server = serve(registry, str(estate.address("registry")))
    try:
        monkeypatch.setattr(container, "PORT", server.server_port)
        assert container.is_healthy(estate) is healthy
        assert registry.asked == ["GET /v2/"]
    finally:
        server.shutdown()
        server.server_close()
    assert not container.is_healthy(estate)


def test_every_node_is_told_to_ask_the_registry_first_and_docker_hub_then(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = {}

    def run(command: list[str], *, input: str, **_: object) -> None:  # noqa: A002 - the word that subprocess.run uses
        assert command[:3] == ["docker", "exec", "--interactive"]
        assert command[-1] == "/etc/containerd/certs.d/docker.io/hosts.toml"
        written[command[3]] = input

    monkeypatch.setattr(mirror, "run", run)
    monkeypatch.setattr(mirror, "nodes_of", lambda _estate: ["trial-control-plane", "trial-worker"])
    mirror.write(estate)
    assert set(written) == {"trial-control-plane", "trial-worker"}
    for text in written.values():
        assert text.index('server = "https://registry-1.docker.io"') < text.index('[host."http://127.0.0.14:5000"]')
        assert 'capabilities = ["pull", "resolve"]' in text


def test_a_cluster_without_nodes_is_told_nothing(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "nodes_of", lambda _estate: [])
    monkeypatch.setattr(mirror, "run", lambda *_args, **_options: pytest.fail("nothing is to be run"))
    mirror.write(estate)
