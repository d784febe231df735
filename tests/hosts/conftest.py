"""Fixtures of the host tests: the estate's machines over SSH, as Ansible reaches them, and what the tests sign in with.

HS_TEST_ESTATE_DIR   the estate's data folder (secrets/, ansible/), for example ~/.local/share/highstreetly/highstreetly
"""

from __future__ import annotations

import os
import shlex
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import testinfra
import yaml

from local.estate import CHECKOUT
from local.machines.configure import Controller
from tests.hosts.machine import Machine

PASSWORDS = {
    "postgres_admin_password": "postgres_admin_password",
    "postgres_state_password": "pulumi_state_password",
    "rabbitmq_admin_password": "rabbitmq_admin_password",
}
BACKUP_SECRETS = {
    "postgres_backup_access_key": "spaces_access_key",
    "postgres_backup_secret_key": "spaces_secret_key",
    "postgres_backup_passphrase": "backup_passphrase",
}
"""Both: the files of the estate's secrets, by the names of the plays' environment variables in lower case."""


@pytest.fixture(scope="session")
def estate_dir() -> Path:
    """The estate's data folder."""
    folder = os.environ.get("HS_TEST_ESTATE_DIR")
    if not folder:
        pytest.fail("HS_TEST_ESTATE_DIR must name the data folder of an estate that is up")
    return Path(folder)


@pytest.fixture(scope="session")
def controller(estate_dir: Path) -> Controller:
    """Where Ansible runs, with the inventory that `./hs up` generated."""
    return Controller(CHECKOUT, estate_dir / "ansible")


@pytest.fixture(scope="session")
def addresses(controller: Controller) -> dict[str, str]:
    """The machines' addresses, from that inventory."""
    groups = yaml.safe_load(controller.inventory.read_text())["all"]["children"]
    return {name: host["ansible_host"] for group in groups.values() for name, host in group["hosts"].items()}


@pytest.fixture(scope="session")
def subnet(controller: Controller) -> str:
    """The network that everything of the estate is in."""
    network: str = yaml.safe_load(controller.inventory.read_text())["all"]["vars"]["common_management_networks"][0]
    return network


@pytest.fixture(scope="session")
def backup_secrets(estate_dir: Path) -> dict[str, str]:
    """What opens the object storage and the backups in it, by the names of the plays' environment variables."""
    return {name: (estate_dir / "secrets" / file).read_text().strip() for name, file in BACKUP_SECRETS.items()}


@pytest.fixture(scope="session")
def secrets(estate_dir: Path, backup_secrets: dict[str, str]) -> dict[str, str]:
    """All that a play of the roles is given."""
    return {name: (estate_dir / "secrets" / file).read_text().strip() for name, file in PASSWORDS.items()} | backup_secrets


@pytest.fixture(scope="session")
def ca_certificate(estate_dir: Path) -> Path:
    """The platform CA's certificate."""
    return estate_dir / "secrets" / "ca.crt"


@pytest.fixture(scope="session")
def trusting(ca_certificate: Path) -> ssl.SSLContext:
    """A TLS context that trusts the platform CA and nobody else, and checks names and addresses."""
    return ssl.create_default_context(cafile=str(ca_certificate))


def _host(controller: Controller, name: str) -> Machine:
    host = testinfra.get_host(f"ssh://{name}", ssh_config=str(controller.ssh_config), sudo=True, controlpersist=60)
    assert host.run("true").succeeded, f"{name} cannot be reached: ssh -F {shlex.quote(str(controller.ssh_config))} {name}"
    return host


@pytest.fixture(scope="session")
def postgres(controller: Controller) -> Machine:
    """The machine that runs PostgreSQL."""
    return _host(controller, "postgres")


@pytest.fixture(scope="session")
def rabbitmq(controller: Controller) -> Machine:
    """The machine that runs RabbitMQ."""
    return _host(controller, "rabbitmq")


@pytest.fixture(scope="session", params=["postgres", "rabbitmq"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each machine in turn."""
    host: Machine = request.getfixturevalue(request.param)
    return host


@pytest.fixture(scope="session")
def database_url(addresses: dict[str, str], secrets: dict[str, str], ca_certificate: Path) -> dict[str, Any]:
    """How the admin role connects: verify-full, as every client does."""
    return {
        "host": addresses["postgres"],
        "port": 5432,
        "user": "platform",
        "password": secrets["postgres_admin_password"],
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": str(ca_certificate),
        "connect_timeout": 10,
    }


@pytest.fixture
def database(database_url: dict[str, Any]) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection of the admin role."""
    with psycopg.connect(**database_url, autocommit=True) as connection:
        yield connection
