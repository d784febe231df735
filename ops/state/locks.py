"""Whose a lock is, and whether it may be freed. Pure decisions; a live lock is never broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Holder:
    """Who has the turn on a stack, or had it last."""

    who: str
    host: str
    pid: int
    since: str
    """When it began: ISO 8601, UTC."""
    purpose: str

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (process {self.pid}, since {self.since}): {self.purpose}"

    def as_document(self) -> dict[str, Any]:
        """The holder as it is stored."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Holder | None:
        """A stored holder; None when nothing whole is stored."""
        fields = cls.__dataclass_fields__
        return cls(**{name: document[name] for name in fields}) if all(name in document for name in fields) else None


def read_holders(stored: object) -> list[Holder]:
    """The stored holders of a stack's turns, the last one at the end; none where nothing whole is stored."""
    found = [Holder.read(document) for document in stored if isinstance(document, Mapping)] if isinstance(stored, list) else []
    return [holder for holder in found if holder]


@dataclass(frozen=True)
class Lock:
    """A lock that the engine wrote: {pid, username, hostname, timestamp} (pulumi v3.259.0, pkg/backend/diy/lock.go)."""

    key: str
    pid: int
    username: str
    hostname: str
    timestamp: str

    def __str__(self) -> str:
        return f"{self.username} on {self.hostname} (pulumi process {self.pid}, since {self.timestamp})"

    @classmethod
    def read(cls, key: str, document: Mapping[str, Any]) -> Lock:
        """A lock from its content."""
        pid = int(document.get("pid", 0))
        username, hostname, timestamp = (str(document.get(name, "")) for name in ("username", "hostname", "timestamp"))
        return cls(key, pid, username, hostname, timestamp)


State = Literal["alive", "dead", "unknown"]


def judge(lock: Lock, hostname: str, is_running: Callable[[int], bool], earlier: Sequence[Holder]) -> State:
    """Whether a lock's owner lives, as seen by whoever has the turn on the stack.

    On this host its process decides. One of another host is dead when it was taken in an earlier turn of that host, which is over; of any
    other nothing can be known from here.
    """
    if lock.hostname == hostname:
        return "alive" if is_running(lock.pid) else "dead"
    if any(holder.host == lock.hostname and _time(lock.timestamp) >= _time(holder.since) for holder in earlier):
        return "dead"
    return "unknown"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
