"""What a program says when something that it needs cannot be had, read from its last lines. Pure functions.

The wordings are those of Go's net package, pgx, amqp091-go, libpq, PostgreSQL's JDBC driver (Flyway) and NGINX.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """How a dependency fails."""

    CERTIFICATE = "certificate"
    CONNECTIONS = "too many connections"
    AUTHENTICATION = "authentication"
    MISSING = "missing"
    STARTING = "starting"
    REJECTED = "rejected"
    """The broker took no message: a queue is full."""
    NAME = "name"
    REFUSED = "refused"
    TIMEOUT = "timeout"


_PATTERNS = (
    (
        Fault.CERTIFICATE,
        r"certificate has expired|certificate verify failed|failed to verify certificate|unknown authority|x509: |PKIX path",
    ),
    (Fault.CONNECTIONS, r"too many clients already|too many connections for|remaining connection slots|SQLSTATE 53300"),
    (
        Fault.AUTHENTICATION,
        r"password authentication failed|SQLSTATE 28(P01|000)|username or password not allowed|ACCESS_REFUSED|no pg_hba\.conf entry"
        r"|role \"[^\"]+\" (does not exist|is not permitted to log in)|permission denied for database",
    ),
    (Fault.MISSING, r"database \"[^\"]+\" does not exist|SQLSTATE 3D000|vhost '?[\w-]+'? not found|no access to this vhost"),
    (Fault.STARTING, r"the database system is |SQLSTATE 57P0[123]|terminating connection due to administrator command"),
    (Fault.REJECTED, r"the broker refused an event|basic\.nack"),
    (
        Fault.NAME,
        r"lookup [\w.-]+( on [\w.:-]+)?: |no such host|[Tt]emporary failure in name resolution|UnknownHostException"
        r"|Name or service not known|could not translate host name|host not found in upstream|could not be resolved",
    ),
    (Fault.REFUSED, r"[Cc]onnection refused|ECONNREFUSED|Connection to \S+ refused"),
    (
        Fault.TIMEOUT,
        r"i/o timeout|[Cc]onnection timed out|[Cc]onnect timed out|timeout expired|deadline exceeded|ETIMEDOUT|[Nn]o route to host"
        r"|[Nn]etwork is unreachable",
    ),
)
_PLACES = (
    r"lookup (?P<host>[\w.-]+)",
    r"host name \"(?P<host>[\w.-]+)\"",
    r"upstream: \"https?://(?P<host>[\w.-]+):(?P<port>\d+)",
    r"dial tcp (?P<host>[\w.-]+):(?P<port>\d+)",
    r"server at \"(?P<host>[\w.-]+)\"(?: \([\w.:]+\))?, port (?P<port>\d+)",
    r"Connection to (?P<host>[\w.-]+):(?P<port>\d+)",
    r"postgresql://(?P<host>[\w.-]+)(?::(?P<port>\d+))?/",
    r"(?:ECONNREFUSED|ETIMEDOUT) (?P<host>[\w.-]+):(?P<port>\d+)",
    r"https?://(?P<host>[\w.-]+)(?::(?P<port>\d+))?",
)


@dataclass(frozen=True)
class Trouble:
    """A dependency that a program says it cannot have."""

    fault: Fault
    host: str = ""
    """The name or address that it could not have; empty where the line does not say."""
    port: int = 0
    check: str = ""
    """The readiness check that failed, where the line names one: database or broker."""
    line: str = ""


def fault_of(text: str) -> Fault | None:
    """The fault that a message tells of; None where it tells of none."""
    return next((fault for fault, pattern in _PATTERNS if re.search(pattern, text)), None)


def trouble_of(line: str) -> Trouble | None:
    """The trouble that a line tells of; None where it tells of none.

    Lines of an application at the level of information are what went well, whatever words they hold.
    """
    entry = entry_of(line)
    if str(entry.get("level", "")).upper() in ("DEBUG", "INFO"):
        return None
    text = f"{entry.get('msg', '')}: {entry.get('error', '')}" if entry else line
    fault = fault_of(text)
    if fault is None:
        return None
    place = next((found for pattern in _PLACES if (found := re.search(pattern, text))), None)
    values = place.groupdict() if place else {}
    check = str(entry.get("check", "")) or ("broker" if "the broker" in text else "")
    return Trouble(fault, values.get("host") or "", int(values.get("port") or 0), check, line)


def latest(lines: Iterable[str]) -> list[Trouble]:
    """The troubles that lines tell of, newest first, each kind of one dependency once."""
    found: dict[tuple[object, ...], Trouble] = {}
    for line in reversed(list(lines)):
        trouble = trouble_of(line)
        if trouble:
            found.setdefault((trouble.fault, trouble.host, trouble.port, trouble.check), trouble)
    return list(found.values())


def entry_of(line: str) -> Mapping[str, Any]:
    """A line of a structured log; empty for any other line."""
    try:
        entry = json.loads(line[line.index("{") :])
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


__all__ = ["Fault", "Trouble", "entry_of", "fault_of", "latest", "trouble_of"]
