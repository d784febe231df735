"""What pgBackRest says its repository holds, as `pgbackrest info` tells it (https://pgbackrest.org/command.html#command-info). Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.errors import PlatformError

READABLE = (0, 2)
"""Codes of a stanza's status: 0 all is well, 2 there is no backup yet. `info` itself ends with 0 whatever the status is."""


@dataclass(frozen=True)
class Held:
    """A finished backup in the repository."""

    label: str
    kind: str
    """full, diff or incr."""
    started_at: datetime
    finished_at: datetime
    size_bytes: int
    """Of the databases."""
    stored_bytes: int
    """What this backup added to the repository, compressed."""


def read(text: str) -> list[Held]:
    """The backups that can be restored, oldest first; raises PlatformError when the repository cannot be read."""
    try:
        [stanza] = json.loads(text, strict=False)  # with a wrong passphrase its message quotes what it could not read
        status = stanza["status"]
        backups = stanza.get("backup") or []
    except (ValueError, KeyError) as unreadable:
        raise PlatformError("pgBackRest's answer could not be read.", why=text[-500:], remedy="./hs backup list") from unreadable
    if status["code"] not in READABLE:
        told = [str(repository["status"]["message"]) for repository in stanza.get("repo") or [] if "status" in repository]
        raise PlatformError(
            "The repository of the backups cannot be read.",
            why="\n".join([str(status.get("message", "")), *told]),
            remedy="see whether the object storage answers: on the database machine, sudo -u postgres pgbackrest --stanza=main info",
        )
    return sorted((_held(backup) for backup in backups if not backup.get("error")), key=lambda held: held.finished_at)


def _held(backup: dict[str, Any]) -> Held:
    times, info = backup["timestamp"], backup["info"]
    return Held(
        label=str(backup["label"]),
        kind=str(backup["type"]),
        started_at=datetime.fromtimestamp(times["start"], UTC),
        finished_at=datetime.fromtimestamp(times["stop"], UTC),
        size_bytes=int(info["size"]),
        stored_bytes=int(info["repository"]["delta"]),
    )


def oldest_end(held: list[Held]) -> datetime | None:
    """The end of the oldest backup; None without one."""
    return held[0].finished_at if held else None


def taken_since(held: list[Held], before: list[Held], asked_at: datetime) -> Held | None:
    """The newest backup that is not among ``before`` and began no earlier than it was asked for.

    A backup that the clock had begun meanwhile began earlier: what was written in between may be missing from it.
    """
    labels = {backup.label for backup in before}
    new = [backup for backup in held if backup.label not in labels and backup.started_at >= asked_at.replace(microsecond=0)]
    return new[-1] if new else None


__all__ = ["Held", "oldest_end", "read", "taken_since"]
