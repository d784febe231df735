"""Asking the data machines as their services would, and keeping what they say when they refuse."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from ops.stack_secrets import secret_of
from settings.load import Settings

CONNECT_TIMEOUT_SECONDS = 2
ADMIN_PASSWORD = "rabbitmq_admin_password"
NO_TABLE = "42P01"
"""undefined_table: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
NEWEST = "SELECT version FROM flyway_schema_history WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1"
CONNECTIONS = """
SELECT greatest(
    100.0 * sum(numbackends) / current_setting('max_connections')::int,
    100.0 * max(numbackends) FILTER (WHERE stats.datname = current_database())
        / nullif(max(datconnlimit) FILTER (WHERE stats.datname = current_database() AND datconnlimit > 0), 0)
) FROM pg_stat_database stats JOIN pg_database database ON database.oid = stats.datid
"""
"""Of the server, or of this database where it has a limit of its own, whichever is nearer to its limit."""
ALARMS = {"mem_alarm": "its memory is used up to the watermark", "disk_free_alarm": "its disk is nearly full"}
"""https://www.rabbitmq.com/docs/alarms."""


@dataclass(frozen=True)
class DatabaseAnswer:
    """What a context's database says of itself; ``trouble`` is the driver's own message, empty where it answered."""

    trouble: str = ""
    migrated_to: str = ""
    """The newest version in Flyway's history; empty where there is none."""
    server: str = ""
    """PostgreSQL's version."""
    connections_percent: float | None = None
    """How many of the connections that the database, or the whole server, may have are open; None where it does not say."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue of the environment's vhost; limits are None where it has none."""

    name: str
    ready: int
    unacknowledged: int = 0
    consumers: int = 0
    limit: int | None = None
    bytes: int = 0
    limit_bytes: int | None = None

    @property
    def full_words(self) -> str:
        """How full it is, where that is to the limit; empty for a queue with room. RabbitMQ counts what is ready, not what is underway."""
        if self.limit is not None and self.ready >= self.limit:
            return f"{self.ready} of {self.limit} messages"
        if self.limit_bytes is not None and self.bytes >= self.limit_bytes:
            return f"{self.bytes} of {self.limit_bytes} bytes"
        return ""


@dataclass(frozen=True, kw_only=True)
class Broker:
    """RabbitMQ, asked over its management API; ``trouble`` is why it did not answer."""

    trouble: str = ""
    asked: bool = True
    vhost: bool = True
    queues: Sequence[Queue] = ()
    version: str = ""
    alarms: Sequence[str] = ()
    """Resources that a node is short of (memory, disk): publishers are stopped."""


def ask_database(url: str, ca_certificate_path: str) -> DatabaseAnswer:
    """Sign in as the service does and read how far the database is migrated."""
    import psycopg

    server = ""
    try:
        with psycopg.connect(url.partition("?")[0], sslmode="verify-full", sslrootcert=ca_certificate_path,
                             connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:  # fmt: skip
            server = str(connection.info.parameter_status("server_version"))
            used = connection.execute(CONNECTIONS).fetchone()
            percent = float(used[0]) if used else None
            row = connection.execute(NEWEST).fetchone()
    except psycopg.Error as failed:
        return DatabaseAnswer("" if failed.sqlstate == NO_TABLE else str(failed).strip() or type(failed).__name__, server=server)
    return DatabaseAnswer(migrated_to=str(row[0]) if row else "", server=server, connections_percent=percent)


def ask_broker(settings: Settings) -> Broker:
    """What RabbitMQ's management API says of the environment's vhost; not asked where its administrator's password is not to be had."""
    assert settings.environment is not None
    machine = settings.environment.rabbitmq
    if not secret_of(settings, ADMIN_PASSWORD):
        return Broker(asked=False)
    try:
        with broker_client(settings, timeout_seconds=CONNECT_TIMEOUT_SECONDS) as client:
            return read_broker(client, settings.stack)
    except httpx.ConnectTimeout:
        return Broker(trouble=f"connection to {machine.address}:{machine.management_port} timed out: i/o timeout")
    except (httpx.HTTPError, OSError, KeyError, ValueError) as failed:
        return Broker(trouble=str(failed) or type(failed).__name__)


def broker_client(settings: Settings, *, timeout_seconds: float) -> httpx.Client:
    """RabbitMQ's management API as its administrator has it, the server verified against the platform CA."""
    assert settings.environment is not None
    machine, password = settings.environment.rabbitmq, secret_of(settings, ADMIN_PASSWORD)
    return httpx.Client(
        base_url=f"https://{machine.address}:{machine.management_port}/api",
        verify=ssl.create_default_context(cafile=settings.ca_certificate_path),
        auth=(machine.admin_user, password),
        timeout=timeout_seconds,
        trust_env=False,
    )


def read_broker(client: httpx.Client, vhost: str) -> Broker:
    """The vhost, its queues and the nodes' alarms; raises httpx.HTTPError when the broker does not answer."""
    found = client.get(f"/vhosts/{vhost}")
    if found.status_code == httpx.codes.UNAUTHORIZED:
        return Broker(asked=False)
    if found.status_code == httpx.codes.NOT_FOUND:
        return Broker(vhost=False)
    found.raise_for_status()
    queues = client.get(f"/queues/{vhost}").raise_for_status().json()
    nodes, overview = client.get("/nodes"), client.get("/overview")
    alarms = _alarms(nodes.json()) if nodes.is_success else []
    version = str(overview.json().get("rabbitmq_version", "")) if overview.is_success else ""
    return Broker(queues=[queue_of(queue) for queue in queues], version=version, alarms=alarms)


def _alarms(nodes: list[Mapping[str, Any]]) -> list[str]:
    return sorted({words for node in nodes for key, words in ALARMS.items() if node.get(key)})


def queue_of(found: Mapping[str, Any]) -> Queue:
    """A queue as the management API describes it. Its own argument and a policy may both limit it: the smaller holds."""
    arguments, policy = found.get("arguments") or {}, found.get("effective_policy_definition") or {}

    def limit(name: str) -> int | None:
        values = [int(value) for value in (arguments.get(f"x-{name}"), policy.get(name)) if value is not None]
        return min(values, default=None)

    return Queue(
        name=str(found["name"]),
        ready=int(found.get("messages_ready") or 0),
        unacknowledged=int(found.get("messages_unacknowledged") or 0),
        consumers=int(found.get("consumers") or 0),
        limit=limit("max-length"),
        bytes=int(found.get("message_bytes_ready") or 0),
        limit_bytes=limit("max-length-bytes"),
    )


__all__ = ["Broker", "DatabaseAnswer", "Queue", "ask_broker", "ask_database", "broker_client", "queue_of", "read_broker"]
