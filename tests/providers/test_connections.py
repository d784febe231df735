"""Servers that cannot be used: one clear message, in bounded time, without a secret in it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.providers.wire import UNKNOWN, Properties
from tests.providers.labs import ROLE, VHOST, PostgresLab
from tests.providers.plugin import Plugin, Refused
from tests.providers.private_servers import Backend

LONGEST_SECONDS = 12


@contextmanager
def running(name: str, configuration: Properties, **changed: Any) -> Iterator[Plugin]:
    """A plugin with a changed configuration."""
    plugin = Plugin(name, {**configuration, **changed})
    yield plugin
    plugin.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers, like a machine behind a firewall that swallows packets."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def test_a_wrong_postgresql_password_is_one_message_without_the_password(
    postgresql_configuration: Properties, postgresql_server: Backend
) -> None:
    with running("postgresql", postgresql_configuration, password="wrong-secret") as plugin, pytest.raises(Refused) as refused:
        plugin.make(ROLE, {"name": "never"})
    where = f"{postgresql_server.host}:{postgresql_server.port}"
    assert str(refused.value) == (
        f"PostgreSQL at {where} refused the user {postgresql_server.user}: wrong user or password\n"
        "To mend it: check the provider's username and password (or PGUSER and PGPASSWORD)"
    )


def test_a_wrong_rabbitmq_password_is_one_message_without_the_password(
    rabbitmq_configuration: Properties, rabbitmq_server: Backend
) -> None:
    with running("rabbitmq", rabbitmq_configuration, password="wrong-secret") as plugin, pytest.raises(Refused) as refused:
        plugin.make(VHOST, {"name": "never"})
    where = f"https://{rabbitmq_server.host}:{rabbitmq_server.port}"
    assert str(refused.value) == (
        f"RabbitMQ at {where} refused the user {rabbitmq_server.user}: wrong user or password\n"
        "To mend it: check the provider's username and password (or RABBITMQ_USERNAME and RABBITMQ_PASSWORD)"
    )


def test_a_postgresql_that_is_not_there_is_named_with_its_port_and_a_remedy(postgresql_configuration: Properties, free_port: int) -> None:
    with running("postgresql", postgresql_configuration, port=str(free_port)) as plugin, pytest.raises(Refused) as refused:
        plugin.make(ROLE, {"name": "never"})
    assert f"PostgreSQL at 127.0.0.1:{free_port} cannot be reached" in str(refused.value) or "cannot be reached" in str(refused.value)
    assert f"nc -vz {postgresql_configuration['host']} {free_port}" in str(refused.value)


def test_a_rabbitmq_that_is_not_there_is_named_with_a_remedy(rabbitmq_configuration: Properties, free_port: int) -> None:
    endpoint = f"https://127.0.0.1:{free_port}"
    with running("rabbitmq", rabbitmq_configuration, endpoint=endpoint) as plugin, pytest.raises(Refused) as refused:
        plugin.make(VHOST, {"name": "never"})
    assert str(refused.value).startswith(f"RabbitMQ at {endpoint} cannot be reached: ")
    assert f"curl -k {endpoint}" in str(refused.value)


def test_a_silent_postgresql_costs_ten_seconds_once_however_many_resources_ask(silent_port: int) -> None:
    configuration = {"host": "127.0.0.1", "port": str(silent_port), "username": "platform", "password": "x", "connectTimeout": "180"}

    def ask(index: int) -> str:
        with pytest.raises(Refused) as refused:
            plugin.make(ROLE, {"name": f"never{index}"})
        return str(refused.value)

    started = time.monotonic()
    with running("postgresql", configuration) as plugin, ThreadPoolExecutor(2) as pool:
        messages = set(pool.map(ask, range(8)))
    assert time.monotonic() - started < LONGEST_SECONDS
    assert messages == {
        f"PostgreSQL at 127.0.0.1:{silent_port} cannot be reached: no answer within 10 s\n"
        "To mend it: check that the server runs and can be reached from here "
        f"(nc -vz 127.0.0.1 {silent_port}), then run the same command again"
    }


def test_a_silent_rabbitmq_costs_ten_seconds(silent_port: int) -> None:
    configuration = {"endpoint": f"https://127.0.0.1:{silent_port}", "username": "platform", "password": "x"}
    started = time.monotonic()
    with running("rabbitmq", configuration) as plugin, pytest.raises(Refused, match="cannot be reached: no answer within 10 s"):
        plugin.make(VHOST, {"name": "never"})
    assert time.monotonic() - started < LONGEST_SECONDS


def test_a_server_with_another_ca_is_not_trusted(
    postgresql_configuration: Properties, rabbitmq_configuration: Properties, other_ca: Path
) -> None:
    with (
        running("postgresql", postgresql_configuration, sslrootcert=str(other_ca)) as plugin,
        pytest.raises(Refused, match="could not be trusted"),
    ):
        plugin.make(ROLE, {"name": "never"})
    with (
        running("rabbitmq", rabbitmq_configuration, cacertFile=str(other_ca)) as plugin,
        pytest.raises(Refused, match="could not be trusted"),
    ):
        plugin.make(VHOST, {"name": "never"})
    with running("rabbitmq", rabbitmq_configuration, cacertFile="") as plugin, pytest.raises(Refused, match="could not be trusted"):
        plugin.make(VHOST, {"name": "never"})


def test_insecure_skips_the_check_of_the_certificate_and_nothing_else(rabbitmq_configuration: Properties) -> None:
    with running("rabbitmq", rabbitmq_configuration, cacertFile="", insecure="true") as plugin:
        assert plugin.import_(VHOST, "/") is not None


def test_a_ca_file_that_is_missing_is_named(rabbitmq_configuration: Properties) -> None:
    with (
        running("rabbitmq", rabbitmq_configuration, cacertFile="/nowhere/ca.crt") as plugin,
        pytest.raises(Refused, match=r"/nowhere/ca\.crt"),
    ):
        plugin.make(VHOST, {"name": "never"})


def test_the_environment_configures_what_the_program_does_not(
    postgresql_configuration: Properties, rabbitmq_configuration: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, key in (
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGUSER", "username"),
        ("PGPASSWORD", "password"),
        ("PGSSLMODE", "sslmode"),
    ):
        monkeypatch.setenv(variable, postgresql_configuration[key])
    monkeypatch.setenv("PGSUPERUSER", "false")
    plugin = Plugin("postgresql", {"sslrootcert": postgresql_configuration["sslrootcert"]})
    assert plugin.import_(ROLE, "platform-nobody") is None
    plugin.close()
    for variable, key in (("ENDPOINT", "endpoint"), ("USERNAME", "username"), ("PASSWORD", "password"), ("CACERT", "cacertFile")):
        monkeypatch.setenv(f"RABBITMQ_{variable}", rabbitmq_configuration[key])
    plugin = Plugin("rabbitmq", {})
    assert plugin.import_(VHOST, "/") is not None
    plugin.close()


def test_a_preview_needs_no_server_while_its_address_is_not_known_yet() -> None:
    for name, token, key in (("postgresql", ROLE, "host"), ("rabbitmq", VHOST, "endpoint")):
        plugin = Plugin(name, {key: UNKNOWN, "username": "platform", "password": UNKNOWN})
        assert plugin.preview(token, {"name": "later"})["name"] == "later"
        with pytest.raises(Refused, match="part of its configuration is not known yet"):
            plugin.make(token, {"name": "later"})
        plugin.close()


def test_an_admin_who_is_no_superuser_must_be_called_so_as_with_the_official_plugin(
    postgresql_configuration: Properties, postgres: PostgresLab
) -> None:
    role = postgres.role("app", login=True, password="secret-1")
    with running("postgresql", postgresql_configuration, superuser="true") as plugin:
        with pytest.raises(Refused, match="superuser=False"):
            plugin.make(ROLE, {"name": f"{postgres.name}_other", "login": True, "password": "secret-1"})
        role.plugin = plugin
        with pytest.raises(Refused, match="superuser=False"):
            role.refresh()
    role.plugin = postgres.plugin
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", f"{postgres.name}_other") == []
