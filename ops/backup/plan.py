"""What a restore of an environment's databases does, and what forbids it. Pure decisions; the names are made here and nowhere else.

Every database is restored under a name of its own first, `live_orders_restored`. Only when all of them are whole they change places with
those that serve, in one transaction; what served stays as `live_orders_before_20261123t140000`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ops.backup.moments import short
from ops.errors import InputError, PlatformError
from settings.errors import nearest
from settings.migrations import order

NAME_BYTES_MAX = 63
"""PostgreSQL cuts longer names silently (https://www.postgresql.org/docs/current/limits.html)."""
CONTEXT_LABEL = "platform.highstreet.ly/context"
NEWEST_ANNOTATION = "platform.highstreet.ly/newest"
"""What a migration's Job says of its scripts (components/migration.py)."""
FILLING, WHOLE = "being filled with {source}", "holds {source}"
"""What a restored database's comment says until and when it is whole; it stays with the database when that is renamed."""
ROOM_FACTOR = 1.2
Step = Literal["create", "again", "reuse"]


@dataclass(frozen=True)
class Target:
    """A context's database that is restored."""

    context: str
    database: str
    kept: str
    """What the present one is called afterwards."""

    @property
    def restored(self) -> str:
        """What the new one is called until it serves."""
        return f"{self.database}_restored"


def targets(environment: str, contexts: Sequence[str], asked: Sequence[str], present: Iterable[str], now: datetime) -> list[Target]:
    """The databases to restore: those of ``asked``, or of all contexts; ``now`` names what is kept.

    Raises InputError for a context that is not known, and for a database that is not there: owner and rights are taken from it.
    """
    unknown = [name for name in asked if name not in contexts]
    if unknown:
        raise InputError(
            f"{environment} has no context {unknown[0]!r}.", why=nearest(unknown[0], contexts), remedy=f"contexts: {', '.join(contexts)}"
        )
    found = [
        Target(context, f"{environment}_{context}", f"{environment}_{context}_before_{now.astimezone(UTC):%Y%m%dt%H%M%S}")
        for context in (asked or contexts)
    ]
    missing = [target.database for target in found if target.database not in set(present)]
    if missing:
        raise InputError(
            f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'} not there; nothing was touched.",
            why="owner and rights of a restored database are those of the present one",
            remedy=f"./hs up {environment} --refresh makes what is missing anew, empty; then run the same command again",
        )
    too_long = [name for target in found for name in (target.kept, target.restored) if len(name.encode()) > NAME_BYTES_MAX]
    if too_long:
        raise InputError(f"{too_long[0]} is longer than a database's name may be ({NAME_BYTES_MAX} bytes); nothing was touched.")
    return found


def step(comment: str | None, source: str, name: str) -> Step:
    """What to do about a restored database: make it, make it again, or take it as an earlier run of the same command left it.

    ``comment`` is its comment, None without such a database. Raises InputError for one that no restore has made.
    """
    if comment is None:
        return "create"
    if comment == WHOLE.format(source=source):
        return "reuse"
    if comment.startswith((FILLING.format(source=""), WHOLE.format(source=""))):
        return "again"
    raise InputError(
        f"There is a database {name} that no restore has made; nothing was touched.",
        remedy=f"see what it holds, then rename or drop it: on the database machine, sudo -u postgres dropdb {name}",
    )


def is_done(comments: Mapping[str, str], found: Sequence[Target], source: str) -> bool:
    """Whether the databases that serve are the restored ones already: an earlier run of the same command came to its end."""
    return all(comments.get(target.database) == WHOLE.format(source=source) for target in found)


def expected_versions(jobs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The migrations' version that the running services were deployed with, by context, as the migrations' Jobs say it."""
    newest: dict[str, tuple[str, str]] = {}
    for job in jobs:
        metadata = job["metadata"]
        context = (metadata.get("labels") or {}).get(CONTEXT_LABEL)
        version = (metadata.get("annotations") or {}).get(NEWEST_ANNOTATION, "")
        made = str(metadata.get("creationTimestamp", ""))
        if context and (context not in newest or newest[context][0] < made):
            newest[context] = (made, version)
    return {context: version for context, (_, version) in newest.items()}


def version_problems(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """The contexts whose restored database lacks migrations that their running services count on, a sentence each."""
    return [
        f"{context}: restored is version {version or 'nothing'}, its services need {expected[context]}"
        for context, version in sorted(found.items())
        if _order(version) < _order(expected.get(context, ""))
    ]


def _order(version: str) -> tuple[int, ...]:
    return order(version) if version else ()


def require_versions(environment: str, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Raise PlatformError when a restored database is too old for the services that run; the present ones serve on."""
    problems = version_problems(found, expected)
    if problems:
        raise PlatformError(
            f"The restored databases of {environment} are too old for its services; the present ones serve on.",
            why="\n".join(problems),
            remedy=f"name a later time; or give --older-schema, and deploy a release of that time at once (./hs history {environment}; "
            "docs/runbooks/restore-database.md)",
        )


def require_room(free_bytes: int, needed_bytes: int) -> None:
    """Raise InputError when the database machine's disk has no room for what is restored."""
    if free_bytes < needed_bytes * ROOM_FACTOR:
        raise InputError(
            "The database machine has too little disk; nothing was touched.",
            why=f"free are {free_bytes >> 20} MiB, needed about {int(needed_bytes * ROOM_FACTOR) >> 20} MiB",
            remedy="drop databases that earlier restores kept (…_before_…), or restore fewer contexts: --context NAME",
        )


def swap_statements(found: Sequence[Target]) -> str:
    """The one transaction in which restored databases take the places of the present ones: all of them, or none.

    A rename waits up to five seconds until nobody is connected any more; it holds a lock meanwhile for which new sessions wait. They are
    refused when it is committed, because the database they asked for has another name by then, and connect anew to the restored one.
    """
    renames = [
        f'ALTER DATABASE "{before}" RENAME TO "{after}";'
        for target in found
        for before, after in ((target.database, target.kept), (target.restored, target.database))
    ]
    return "\n".join(["SET lock_timeout = '30s';", "BEGIN;", *renames, "COMMIT;"]) + "\n"


def words(found: Sequence[Target], source: str, sizes: Mapping[str, int], versions: Mapping[str, str]) -> list[str]:
    """What will happen, a line for each database."""
    return [
        f"{target.database} ({sizes.get(target.database, 0) >> 20} MiB, version {versions.get(target.context) or 'none'}) "
        f"becomes {source}; what it holds now stays as {target.kept}"
        for target in found
    ]


def named(moment: datetime) -> str:
    """What a moment's state is called in comments and questions."""
    exact = moment.astimezone(UTC).isoformat(sep=" ").replace("+00:00", " UTC")
    return f"its state of {exact if moment.microsecond else short(moment)}"


__all__ = [
    "Target", "expected_versions", "is_done", "named", "require_room", "require_versions", "step", "swap_statements", "targets",
    "version_problems", "words",
]  # fmt: skip
