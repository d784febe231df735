"""A cause: what fails, since when, what shows it, and the command that comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What sort of thing fails; `./hs why --json` prints it, so these words stay."""

    CLUSTER = "cluster"
    DATABASE = "database"
    BROKER = "broker"
    NETWORK = "network policy"
    DNS = "dns"
    QUOTA = "quota"
    UNSCHEDULED = "unscheduled"
    IMAGE = "image"
    CONFIGURATION = "configuration"
    REFUSED = "refused"
    """The cluster refuses to make the pods, for another reason than the quota."""
    MIGRATION = "migration"
    MEMORY = "memory"
    CRASH = "crash"
    QUEUE = "queue"
    NOT_READY = "not ready"
    MISSING = "not deployed"
    SCALED = "scaled to nothing"
    CERTIFICATE = "certificate"
    DEAD_LETTERS = "dead letters"


ORDER = list(Kind)
"""What others depend on comes first."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something is not healthy.

    Raises ValueError without evidence: what nothing shows is a guess, and guesses send people the wrong way at night.
    """

    kind: Kind
    subject: str
    """The service, UI, migration, machine, database, queue or public name that fails."""
    sentence: str
    """What fails, without a full stop; begins in lower case."""
    since: datetime | None = None
    pod: str = ""
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """What else shows it: a condition, an answer, a number, a policy."""
    dependency: str = ""
    """The failing machine, registry or name that the subject needs; empty where the subject fails by itself."""
    affected: tuple[str, ...] = ()
    """What fails because of this."""
    release: str = ""
    """The release that last changed the subject, in words; empty where none is recent."""
    next: str = ""
    """The command to type next."""
    root: str = ""
    """Causes with the same root are one; empty: it stands alone."""

    def __post_init__(self) -> None:
        if not (self.events or self.log or self.seen):
            raise ValueError(f"no evidence for {self.subject}: {self.sentence}")

    @property
    def names(self) -> frozenset[str]:
        """The subject and all that fails because of it."""
        return frozenset((self.subject, *self.affected))

    def as_json(self) -> dict[str, object]:
        """The public fields; ``since`` is ISO 8601, or null."""
        return {
            "kind": str(self.kind),
            "subject": self.subject,
            "cause": self.sentence,
            "since": self.since.isoformat() if self.since else None,
            "pod": self.pod,
            "events": list(self.events),
            "log": list(self.log),
            "seen": list(self.seen),
            "dependency": self.dependency,
            "affected": list(self.affected),
            "release": self.release,
            "next": self.next,
        }


def merged(first: Cause, second: Cause) -> Cause:
    """Two causes with one root: the first one's words, with what the second adds to what is seen and affected."""
    also = [second.subject] if second.subject != first.subject else []
    moments = [moment for moment in (first.since, second.since) if moment]
    return replace(
        first,
        since=min(moments, default=None),
        events=first.events or second.events,
        log=first.log or second.log,
        seen=tuple(dict.fromkeys((*first.seen, *second.seen))),
        affected=tuple(name for name in dict.fromkeys((*first.affected, *also, *second.affected)) if name != first.subject),
        dependency=first.dependency or second.dependency,
    )


__all__ = ["ORDER", "Cause", "Kind", "merged"]
