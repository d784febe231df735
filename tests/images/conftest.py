"""The servers (once for all tests) and contexts that are migrated and have their broker user."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.base_images import ensure_base_images
from local.image_store import build, digest_of, ensure_image
from local.images import ensure_images
from local.toolchain import Toolchain
from ops.process import run
from tests.images.lab import COMMON_SCRIPTS, SERVER, VHOST, Database, Lab

SERVICE_USER = 10001


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    ensure_base_images()
    images = ensure_images(Toolchain().builder)
    folder = Path(__file__).parent / "servers"
    pins = digest_of(folder)
    tag = f"highstreetly/test-servers:{pins[:12]}"
    ensure_image(tag, pins, lambda step: build(tag, pins, folder, step), official=False)
    name = f"hs-images-{secrets.token_hex(3)}"
    found = Lab(name, _certificates(tmp_path_factory.mktemp("tls")), images, label=f"ly.highstreet.test={name}")
    try:
        found.start(tag)
        yield found
    finally:
        found.remove()


def _certificates(folder: Path) -> Path:
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    authority = ["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=tests", "-addext", "basicConstraints=critical,CA:TRUE"]
    run(["openssl", "req", "-x509", *new_key, *authority], cwd=folder)
    server = ["-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"]
    names = ["-subj", f"/CN={SERVER}", "-addext", f"subjectAltName=DNS:{SERVER}", "-addext", "basicConstraints=critical,CA:FALSE"]
    run(["openssl", "req", "-x509", *new_key, *server, *names], cwd=folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    return folder


@dataclass
class Context:
    """One context of the product: its database, its broker user, and what its services are told."""

    name: str
    database: Database
    broker_url: str
    subscribes_to: list[str] = field(default_factory=list)

    def environment(self, role: str) -> dict[str, str]:
        values = {
            "CONTEXT": self.name,
            "ROLE": role,
            "VERSION": "1.2.3",
            "PORT": "8080",
            "DATABASE_URL": self.database.url,
            "BROKER_URL": self.broker_url,
            "BROKER_CA": "/etc/platform/ca.crt",
        }
        return values | ({"SUBSCRIBES_TO": ",".join(self.subscribes_to)} if role == "receiver" else {"CALLS": ",".join(self.subscribes_to)})


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for path in COMMON_SCRIPTS.iterdir():
        shutil.copy(path, folder)
    _open(folder)
    return folder


def _open(folder: Path) -> None:
    """Let the containers' users read a folder of pytest's."""
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)


@pytest.fixture(scope="session")
def context(lab: Lab, scripts: Path) -> Callable[..., Context]:
    """Make a context with a database, its tables and a broker user that may do what the platform lets it."""

    def make(name: str, *subscribes_to: str) -> Context:
        database = lab.database()
        migrated = database.flyway("migrate", scripts)
        assert migrated.code == 0, migrated.output
        user = f"kind_{name}"
        lab.broker("PUT", f"/api/users/{user}", {"password": lab.password, "tags": ""})
        read = "|".join([rf"{name}\.", *([rf"({'|'.join(subscribes_to)})\.events$"] if subscribes_to else [])])
        rights = {"configure": rf"^{name}\.", "write": rf"^{name}\.", "read": f"^({read})"}
        lab.broker("PUT", f"/api/permissions/{VHOST}/{user}", rights)
        return Context(name, database, f"amqps://{user}:{lab.password}@{SERVER}:5671/{VHOST}", list(subscribes_to))

    return make
