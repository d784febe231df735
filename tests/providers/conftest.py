"""Real servers for the stand-in providers: the estate's, named by environment variables, else private processes of our own.

HS_TEST_POSTGRES_URL (postgres://user:password@address:port) and HS_TEST_POSTGRES_CA, HS_TEST_RABBITMQ_URL
(https://user:password@address:port, the management API) and HS_TEST_RABBITMQ_CA (files).
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from local.providers.wire import Properties
from local.toolchain import Toolchain
from tests.providers import private_servers
from tests.providers.labs import PostgresLab, RabbitLab
from tests.providers.plugin import Plugin
from tests.providers.private_servers import Backend


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path every user can enter: PostgreSQL's socket lies in it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is ended by `timeout` or `kill` stops its servers too
    with tempfile.TemporaryDirectory(prefix="hs-providers-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgresql_server(server_folder: Path) -> Iterator[Backend]:
    """A PostgreSQL with TLS and an admin role that is no superuser."""
    if os.environ.get("HS_TEST_POSTGRES_URL"):
        yield _named("POSTGRES")
        return
    installed = private_servers.postgres_folder()
    if installed is None:
        pytest.fail("no PostgreSQL: set HS_TEST_POSTGRES_URL and HS_TEST_POSTGRES_CA, or apt-get install postgresql-15")
    with private_servers.postgres(installed, server_folder / "postgres") as backend:
        yield backend


@pytest.fixture(scope="session")
def rabbitmq_server(server_folder: Path) -> Iterator[Backend]:
    """A RabbitMQ with its management API on TLS and an administrator."""
    if os.environ.get("HS_TEST_RABBITMQ_URL"):
        yield _named("RABBITMQ")
        return
    installed = private_servers.rabbitmq_script()
    if installed is None:
        pytest.fail("no RabbitMQ: set HS_TEST_RABBITMQ_URL and HS_TEST_RABBITMQ_CA, or apt-get install rabbitmq-server")
    with private_servers.rabbitmq(installed, server_folder / "rabbitmq") as backend:
        yield backend


@pytest.fixture(scope="session")
def postgresql_configuration(postgresql_server: Backend) -> Properties:
    """The provider's inputs, as the Python SDK sends them: everything but texts as JSON."""
    server = postgresql_server
    return {
        "host": server.host, "port": str(server.port), "username": server.user, "password": server.password, "database": "postgres",
        "sslmode": server.sslmode, "sslrootcert": str(server.ca), "superuser": "false", "connectTimeout": "180",
    }  # fmt: skip


@pytest.fixture(scope="session")
def rabbitmq_configuration(rabbitmq_server: Backend) -> Properties:
    """The provider's inputs, as the Python SDK sends them."""
    server = rabbitmq_server
    endpoint = f"https://{server.host}:{server.port}"
    return {"endpoint": endpoint, "username": server.user, "password": server.password, "cacertFile": str(server.ca)}


@pytest.fixture
def postgres(postgresql_server: Backend, postgresql_configuration: Properties) -> Iterator[PostgresLab]:
    """A plugin on the PostgreSQL server, a name of its own for what a test makes there, and its removal afterwards."""
    lab = PostgresLab(Plugin("postgresql", postgresql_configuration), postgresql_server, f"t{secrets.token_hex(3)}")
    yield lab
    lab.clean()
    lab.plugin.close()


@pytest.fixture
def rabbit(rabbitmq_server: Backend, rabbitmq_configuration: Properties) -> Iterator[RabbitLab]:
    """A plugin on the RabbitMQ server, a name of its own for what a test makes there, and its removal afterwards."""
    lab = RabbitLab(Plugin("rabbitmq", rabbitmq_configuration), rabbitmq_server, f"t{secrets.token_hex(3)}")
    yield lab
    lab.clean()
    lab.plugin.close()


def _named(server: str) -> Backend:
    url = urlsplit(os.environ[f"HS_TEST_{server}_URL"])
    assert url.hostname
    assert url.port
    password = unquote(url.password or "")
    command = tuple(shlex.split(os.environ.get(f"HS_TEST_{server}_LOG_COMMAND", "")))
    ca = Path(os.environ[f"HS_TEST_{server}_CA"])
    return Backend(url.hostname, url.port, unquote(url.username or ""), password, ca, log_command=command)


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def other_ca(server_folder: Path) -> Path:
    """A CA that signed no server's certificate."""
    private_servers.certificates(server_folder / "other")
    return server_folder / "other" / "ca.crt"


@pytest.fixture(scope="session")
def object_storage(server_folder: Path) -> Iterator[Backend]:
    """An S3 server with an empty bucket."""
    with private_servers.object_storage(Toolchain().ensure(["versitygw"])["versitygw"], server_folder / "spaces") as backend:
        yield backend
