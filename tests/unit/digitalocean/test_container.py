"""The emulator's container is started once with what it needs, is healthy when it answers everywhere, and leaves its domains behind."""

from __future__ import annotations

import re
import subprocess
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from local import container as shared
from local.certificates import server_certificate
from local.digitalocean import container, image
from local.digitalocean.server import Ports, running, tls_context
from local.estate import Estate, EstateFile
from ops.errors import PlatformError
from tests.unit.digitalocean.conftest import TOKEN

HEALTHY_HOST = "api.digitalocean.com"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate whose addresses are loopback ones."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return Estate(EstateFile(name="trial", subnet=IPv4Network("127.0.0.0/24")))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every docker command; a container that was started runs, with the label it was given, until it is removed."""
    commands: list[list[str]] = []
    labels: list[str] = []

    def run(command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        commands.append(words)
        if words[1] == "run":
            labels[:] = [word.partition("=")[2] for word in words if word.startswith(shared.CONTENT_LABEL)]
        elif words[1] == "rm":
            labels.clear()
        elif words[1:3] == ["container", "inspect"]:
            return subprocess.CompletedProcess(words, 0 if labels else 1, stdout=f"{labels[0]} true\n" if labels else "")
        return subprocess.CompletedProcess(words, 0, stdout="its last words\n")

    monkeypatch.setattr(shared, "run", run)
    monkeypatch.setattr(shared, "ensure_network", lambda _estate: None)
    monkeypatch.setattr(image, "ensure_image", lambda: "highstreetly/digitalocean:0123456789abcdef")
    return commands


def started(engine: list[list[str]]) -> list[str]:
    """The commands that started a container."""
    return [" ".join(words) for words in engine if words[1] == "run"]


def test_it_is_the_estates_container_with_its_state_its_certificate_and_its_token(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    (command,) = started(engine)
    folder, token = estate.data_dir / "digitalocean", estate.secrets.dir / "digitalocean_token"
    for part in (
        "--name trial-digitalocean ", "--network trial --ip 127.0.0.12 ", "--label ly.highstreet.estate=trial ", " --read-only ",
        f"--volume {folder}/state:{container.STATE} ", f"--volume {folder}/tls:{container.TLS}:ro ",
        f"--volume {token}:{container.TOKEN}:ro ",
    ):  # fmt: skip
        assert part in command
    assert token.exists()
    assert (folder / "tls" / "server.key").stat().st_mode & 0o777 == 0o600
    assert estate.secrets.digitalocean_token not in command


def test_one_that_runs_is_left_alone(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    container.start(estate)
    assert len(started(engine)) == 1


@pytest.mark.parametrize("change", ["image", "token", "certificate", "settings"])
def test_one_with_something_else_is_replaced_and_its_state_stays(
    estate: Estate, engine: list[list[str]], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    container.start(estate)
    state = estate.data_dir / "digitalocean" / "state" / "state.json"
    state.write_text("{}")
    if change == "image":
        monkeypatch.setattr(image, "ensure_image", lambda: "highstreetly/digitalocean:fedcba9876543210")
    elif change == "token":
        (estate.secrets.dir / "digitalocean_token").write_text("another\n")
    elif change == "certificate":
        (estate.data_dir / "digitalocean" / "tls" / "server.crt").unlink()
    else:
        monkeypatch.setattr(container, "MEMORY_MIB", 64)
    container.start(estate)
    assert len(started(engine)) == 2
    assert ["docker", "rm", "--force", "--volumes", "trial-digitalocean"] in engine
    assert state.read_text() == "{}"


@pytest.mark.parametrize(("host", "healthy"), [(HEALTHY_HOST, True), ("example.com", False)])
def test_it_is_healthy_when_all_its_ports_answer_under_the_right_certificate(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, host: str, healthy: bool
) -> None:
    assert not container.is_healthy(estate)
    tls = tls_context(*server_certificate(estate, estate.data_dir / "served", [host], []))
    with running(TOKEN, tls=tls, ports=Ports(address=str(estate.address("digitalocean")), https=0)) as server:
        monkeypatch.setattr(container, "HTTP_PORT", int(server.url.rpartition(":")[2]))
        monkeypatch.setattr(container, "HTTPS_PORT", int((server.https_url or "").rpartition(":")[2]))
        monkeypatch.setattr(container, "DNS_PORT", server.dns_port)
        assert container.is_healthy(estate) is healthy


def test_one_that_does_not_answer_is_told_with_its_last_words(
    estate: Estate, engine: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "HEALTHY_SECONDS", 0)
    monkeypatch.setattr(container, "is_healthy", lambda _estate: False)
    with pytest.raises(PlatformError, match=r"http://127\.0\.0\.12\) does not answer") as failure:
        container.wait_until_healthy(estate)
    assert failure.value.why == "its last words"
    assert engine[-1] == ["docker", "logs", "--tail", "10", "trial-digitalocean"]


def test_the_image_holds_every_module_of_the_server_and_is_named_by_them() -> None:
    copied = re.search(r"^COPY (.+) local/digitalocean/$", (image.FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    assert sorted(copied[1].split()) == sorted(path.name for path in image.FOLDER.glob("*.py") if path.name not in image.OURS)
    assert re.fullmatch(r"highstreetly/digitalocean:[0-9a-f]{16}", image.tag())


def test_the_server_needs_nothing_that_its_image_has_not() -> None:
    modules = [path for path in image.FOLDER.glob("*.py") if path.name not in image.OURS]
    used = {
        found
        for path in modules
        for found in re.findall(r"^(?:from|import) ((?:local|ops|settings|pydantic|httpx)[\w.]*)", path.read_text(), re.M)
    }
    assert {name for name in used if not name.startswith("local.digitalocean")} == set()
