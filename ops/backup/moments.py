"""The moment that databases are restored to: written strictly, never in the future, never before the oldest backup. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ops.errors import InputError

EXAMPLE = "2026-11-23T14:00:00Z"
FORM = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")
"""ISO 8601 as people write it; PostgreSQL's clock has microseconds. The zone is asked for apart, because it is what people forget."""
REMEDY = f"write date, time and zone, for example {EXAMPLE}"


def parse(text: str) -> datetime:
    """The moment that ``text`` names, in UTC; raises InputError for what is no time, and for one without its zone."""
    found = FORM.fullmatch(text)
    try:
        if not found:
            raise ValueError("it is not written as ISO 8601")
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise InputError(f"{text!r} is not a time.", why=str(wrong), remedy=REMEDY) from None
    if moment.tzinfo is None:
        raise InputError(
            f"{text!r} does not say its zone.",
            why="a restore to the wrong hour would lose what was written meanwhile",
            remedy=f"{text}Z if it is UTC; {REMEDY}",
        )
    return moment.astimezone(UTC)


def written(moment: datetime) -> str:
    """A moment as every command of a machine reads it: UTC, with microseconds only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def short(moment: datetime) -> str:
    """A moment to the second, for people."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def require_past(moment: datetime, now: datetime) -> None:
    """Raise InputError for a moment that is yet to come."""
    if moment > now:
        remedy = f"name an earlier time, for example {EXAMPLE}"
        raise InputError(f"{written(moment)} is yet to come.", why=f"it is {written(now)}", remedy=remedy)


def require_restorable(moment: datetime, *, now: datetime, oldest: datetime | None) -> None:
    """Raise InputError unless a moment can be restored: it has passed by the database machine's clock, and a backup ended before it.

    ``oldest`` is the end of the oldest backup; None where the repository holds none.
    """
    require_past(moment, now)
    if oldest is None:
        raise InputError("There is nothing to restore from.", why="the repository holds no finished backup", remedy="./hs backup --full")
    if moment <= oldest:
        raise InputError(
            f"{written(moment)} is before the end of the oldest backup.",
            why=f"that ended at {written(oldest)}; nothing earlier can be restored",
            remedy=f"name a time after {written(oldest)}",
        )


__all__ = ["EXAMPLE", "parse", "require_past", "require_restorable", "short", "written"]
