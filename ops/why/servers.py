"""Asking the data machines as their services would, and keeping what they say when they refuse."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from ops.why.facts import Broker, Queue
from settings.load import Settings

CONNECT_TIMEOUT_SECONDS = 2
NO_TABLE = "42P01"
"""undefined_table: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
NEWEST = "SELECT version FROM flyway_schema_history WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1"
ALARMS = {"mem_alarm": "its memory is used up to the watermark", "disk_free_alarm": "its disk is nearly full"}
"""https://www.rabbitmq.com/docs/alarms."""


def ask_database(url: str, ca_certificate_path: str) -> tuple[str, str]:
    """(why the database does not answer, the newest applied version); each empty where there is none."""
    import psycopg

    try:
        with psycopg.connect(url.partition("?")[0], sslmode="verify-full", sslrootcert=ca_certificate_path,
                             connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:  # fmt: skip
            row = connection.execute(NEWEST).fetchone()
    except psycopg.Error as failed:
        return ("", "") if failed.sqlstate == NO_TABLE else (str(failed).strip() or type(failed).__name__, "")
    return "", str(row[0]) if row else ""


def ask_broker(settings: Settings) -> Broker:
    """What RabbitMQ's management API says of the environment's vhost; not asked where its administrator's password is not here."""
    assert settings.environment is not None
    machine, password = settings.environment.rabbitmq, settings.secrets.get("rabbitmq_admin_password")
    if not password:
        return Broker(asked=False)
    trusted = ssl.create_default_context(cafile=settings.ca_certificate_path)
    base = f"https://{machine.address}:{machine.management_port}/api"
    try:
        with httpx.Client(
            base_url=base, verify=trusted, auth=(machine.admin_user, str(password)), timeout=CONNECT_TIMEOUT_SECONDS, trust_env=False
        ) as client:
            return read_broker(client, settings.stack)
    except httpx.ConnectTimeout:
        return Broker(trouble=f"connection to {machine.address}:{machine.management_port} timed out: i/o timeout")
    except (httpx.HTTPError, KeyError, ValueError) as failed:
        return Broker(trouble=str(failed) or type(failed).__name__)


def read_broker(client: httpx.Client, vhost: str) -> Broker:
    """The vhost, its queues and the nodes' alarms; raises httpx.HTTPError when the broker does not answer."""
    found = client.get(f"/vhosts/{vhost}")
    if found.status_code == httpx.codes.UNAUTHORIZED:
        return Broker(asked=False)
    if found.status_code == httpx.codes.NOT_FOUND:
        return Broker(vhost=False)
    found.raise_for_status()
    queues = client.get(f"/queues/{vhost}").raise_for_status().json()
    nodes = client.get("/nodes")
    alarms = _alarms(nodes.json()) if nodes.is_success else []
    return Broker(queues=[queue_of(queue) for queue in queues], alarms=alarms)


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


__all__ = ["ask_broker", "ask_database", "queue_of", "read_broker"]
