"""The object storage is started once with its keys, its certificate and its volume, holds the bucket, and goes with its objects."""

from __future__ import annotations

import http.server
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from local import container as shared
from local.addons import program_image
from local.certificates import server_certificate
from local.estate import Estate, EstateFile
from local.spaces import container
from ops.errors import PlatformError


@dataclass
class Storage:
    """What the engine was asked, and what the object storage says to who shows no key."""

    commands: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=lambda: {"/health": 200, "/highstreetly-backups": 404})
    made: int = 403
    """What it says of the bucket once it was made."""

    def run(self, command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        """Stand for the engine: a container that was started runs, with the label it was given, until it is removed."""
        words = [str(word) for word in command]
        self.commands.append(" ".join(words))
        if words[1] == "run":
            self.labels[:] = [word.partition("=")[2] for word in words if word.startswith(shared.CONTENT_LABEL)]
        elif words[1] == "rm":
            self.labels.clear()
        elif words[1] == "exec":
            self.answers["/highstreetly-backups"] = self.made
        elif words[1:3] == ["container", "inspect"]:
            return subprocess.CompletedProcess(words, 0 if self.labels else 1, stdout=f"{self.labels[0]} true\n" if self.labels else "")
        return subprocess.CompletedProcess(words, 0, stdout="")

    @property
    def started(self) -> list[str]:
        """The commands that started a container."""
        return [command for command in self.commands if command.startswith("docker run")]

    @property
    def buckets(self) -> list[str]:
        """The commands that made a bucket."""
        return [command for command in self.commands if " create-bucket " in command]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate whose addresses are loopback ones."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return Estate(EstateFile(name="trial", subnet=IPv4Network("127.0.0.0/24")))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The engine, without an object storage yet."""
    found = Storage()
    for module in (shared, container):
        monkeypatch.setattr(module, "run", found.run)
    monkeypatch.setattr(shared, "ensure_network", lambda _estate: None)
    monkeypatch.setattr(program_image, "ensure_own", lambda _toolchain, _program: "highstreetly/versitygw:0123456789abcdef")
    return found


@pytest.fixture
def served(storage: Storage, estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """The same, answering at its address with a certificate of the platform CA."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(storage.answers.get(self.path, 500))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    certificate, key = server_certificate(estate, tmp_path / "served", ["spaces"], [estate.address("spaces")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer((str(estate.address("spaces")), 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(container, "PORT", server.server_port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield storage
    server.shutdown()
    server.server_close()


def test_it_is_the_estates_container_at_its_fixed_address_under_the_real_ones_name(estate: Estate, storage: Storage) -> None:
    container.start(estate)
    (command,) = storage.started
    for part in (
        "--name trial-spaces ", "--network trial --ip 127.0.0.15 ", "--label ly.highstreet.estate=trial ", " --cap-drop ALL ",
        " --read-only ", "--volume trial-spaces:/var/lib/versitygw ", "--network-alias ams3.digitaloceanspaces.com ",
        f"--volume {estate.data_dir / 'spaces' / 'tls'}:/etc/versitygw:ro ",
    ):  # fmt: skip
        assert part in command
    assert command.endswith(" highstreetly/versitygw:0123456789abcdef posix /var/lib/versitygw")


def test_its_keys_are_in_a_file_of_its_owner_and_in_no_command(estate: Estate, storage: Storage) -> None:
    container.start(estate)
    environment = estate.data_dir / "spaces" / "environment"
    assert f"--env-file {environment} " in storage.started[0]
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    settings = dict(line.split("=", 1) for line in environment.read_text().splitlines())
    assert settings["ROOT_ACCESS_KEY_ID"] == settings["ADMIN_ACCESS_KEY_ID"] == estate.secrets.spaces_access_key
    assert settings["ROOT_SECRET_ACCESS_KEY"] == settings["ADMIN_SECRET_ACCESS_KEY"] == estate.secrets.spaces_secret_key
    assert not [command for command in storage.commands if estate.secrets.spaces_secret_key in command]


def test_one_that_runs_is_left_alone(estate: Estate, storage: Storage) -> None:
    container.start(estate)
    container.start(estate)
    assert len(storage.started) == 1


@pytest.mark.parametrize("change", ["image", "key", "memory"])
def test_one_with_something_else_is_replaced_and_its_objects_stay(
    estate: Estate, storage: Storage, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    container.start(estate)
    changes: dict[str, Callable[[], object]] = {
        "image": lambda: monkeypatch.setattr(
            program_image, "ensure_own", lambda _toolchain, _program: "highstreetly/versitygw:fedcba9876543210"
        ),
        "key": lambda: (estate.secrets.dir / "spaces_secret_key").write_text("another\n"),
        "memory": lambda: monkeypatch.setattr(container, "MEMORY_MIB", 64),
    }
    changes[change]()
    container.start(estate)
    assert len(storage.started) == 2
    assert "docker rm --force --volumes trial-spaces" in storage.commands
    assert not [command for command in storage.commands if command.startswith("docker volume")]


def test_it_is_removed_with_its_objects(estate: Estate, storage: Storage) -> None:
    container.delete(estate)
    assert storage.commands == ["docker rm --force --volumes trial-spaces", "docker volume rm --force trial-spaces"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_it_is_healthy_when_it_answers(estate: Estate, served: Storage, status: int, healthy: bool) -> None:
    served.answers["/health"] = status
    assert container.is_healthy(estate) is healthy


def test_it_is_not_healthy_with_a_certificate_of_another_authority(estate: Estate, served: Storage) -> None:
    assert served.answers["/health"] == 200
    stranger = Estate(EstateFile(name="stranger", subnet=estate.subnet), data_root=estate.data_root)
    assert not container.is_healthy(stranger)


def test_without_an_answer_it_is_not_healthy(estate: Estate) -> None:
    assert not container.is_healthy(estate)


def test_the_bucket_is_made_once_it_answers_and_no_second_time(estate: Estate, served: Storage) -> None:
    container.wait_until_healthy(estate)
    container.wait_until_healthy(estate)
    (command,) = served.buckets
    assert command.startswith("docker exec trial-spaces versitygw admin create-bucket --bucket=highstreetly-backups --owner=")


def test_a_bucket_that_is_not_there_afterwards_is_said(estate: Estate, served: Storage) -> None:
    served.made = 404
    with pytest.raises(PlatformError, match="The bucket highstreetly-backups is not there"):
        container.wait_until_healthy(estate)
