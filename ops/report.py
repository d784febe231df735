"""`./hs report`: what an environment promises, as facts for New Relic, so that alerts (alerts/) can be raised on them.

Each fact is one log record over OTLP/HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp), beside the services' own lines.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ops.errors import InputError, PlatformError
from ops.hosts import UNKNOWN
from ops.status import DEAD, EnvironmentStatus, Releases
from settings.log_shipping import LICENSE_KEY, LogShipping

NEVER_HOURS = 24.0 * 365
"""An age that raises every alarm: it was never done."""
TIMEOUT_SECONDS = 20
SERVICE = "platform-report"


@dataclass(frozen=True)
class Fact:
    """One figure about one thing; ``name`` says which figure and its unit, for example backup_age_hours."""

    name: str
    subject: str
    value: float


def facts(status: EnvironmentStatus, now: datetime | None = None) -> list[Fact]:
    """Everything that an alert is raised on, from an environment's status. What is not known is left out: silence has its alert."""
    now = now or datetime.now(UTC)
    found = [] if status.cluster_trouble else [Fact("healthy", status.environment, float(status.healthy))]
    found += [] if status.releases.unknown else _of_the_book(status.environment, status.releases, now)
    found += [Fact("certificate_days_left", host.host, _days(host.expires, now)) for host in status.public if host.certificate != UNKNOWN]
    found += [
        Fact("dead_letters" if queue.name.endswith(DEAD) else "queue_depth", queue.name.rpartition(".")[0], float(queue.ready))
        for queue in status.queues
    ]
    used = [(database.name, database.connections_percent) for database in status.databases]
    return found + [Fact("connections_used_percent", name, percent) for name, percent in used if percent is not None]


def _of_the_book(environment: str, releases: Releases, now: datetime) -> list[Fact]:
    """What the book of releases says."""
    newest, looked, verified = releases.newest, releases.looked, releases.backups.verified
    failed = newest is not None and newest.outcome in ("failed", "unverified")
    return [
        Fact("release_failed", newest.name if newest else environment, float(failed)),
        Fact("release_held", environment, float(releases.hold is not None)),
        Fact("drift_objects", environment, float(looked.objects if looked else 0)),
        Fact("drift_age_hours", environment, _hours(looked.at if looked else None, now)),
        Fact("backup_age_hours", environment, _hours(verified.started_at if verified else None, now)),
    ]


def _hours(moment: datetime | str | None, now: datetime) -> float:
    if moment is None:
        return NEVER_HOURS
    then = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return round((now - then) / timedelta(hours=1), 2)


def _days(expires: datetime | None, now: datetime) -> float:
    return round((expires - now) / timedelta(days=1), 2) if expires else 0.0


def document(environment: str, found: Iterable[Fact], nanoseconds: int) -> dict[str, Any]:
    """The facts as one OTLP request."""
    records = [
        {
            "timeUnixNano": str(nanoseconds),
            "severityText": "INFO",
            "body": {"stringValue": f"{fact.name} of {fact.subject} is {fact.value:g}"},
            "attributes": attributes({"platform.fact": fact.name, "platform.subject": fact.subject, "platform.value": fact.value}),
        }
        for fact in found
    ]
    resource = attributes({"service.name": SERVICE, "deployment.environment.name": environment, "k8s.namespace.name": environment})
    return {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": records}]}]}


def attributes(values: Mapping[str, str | float]) -> list[dict[str, Any]]:
    """Attributes as OTLP writes them in JSON."""
    return [{"key": key, "value": {"stringValue" if isinstance(value, str) else "doubleValue": value}} for key, value in values.items()]


def send(environment: str, found: Iterable[Fact], shipping: LogShipping, license_key: str) -> None:
    """Send facts to New Relic; raises InputError for a refused key and PlatformError when it cannot be reached."""
    try:
        trust = ssl.create_default_context(cafile=shipping.ca_certificate_file)
        with httpx.Client(verify=trust, timeout=TIMEOUT_SECONDS) as client:
            content = document(environment, found, time.time_ns())
            answer = client.post(f"{shipping.url}/v1/logs", json=content, headers={"api-key": license_key})
    except (OSError, httpx.HTTPError) as failed:
        raise PlatformError(
            "New Relic does not answer; nothing was reported.",
            why=f"{shipping.url}: {failed}",
            remedy="run the same command again; the next scheduled report comes by itself",
        ) from failed
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise InputError("New Relic refuses the licence key; nothing was reported.", remedy=f"set HIGHSTREETLY_{LICENSE_KEY.upper()}")
    if answer.is_error:
        raise PlatformError(
            "New Relic refuses the report.", why=f"{answer.status_code} {answer.text[:300]}", remedy="see docs/runbooks/see-logs.md"
        )


__all__ = ["Fact", "document", "facts", "send"]
