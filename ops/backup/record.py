"""The record of one backup: what it holds, and whether it was ever restored. Kept beside the state, as releases are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ops.backup import etcd as etcds
from ops.backup.content import Content
from ops.backup.moments import short
from ops.state import State

Outcome = Literal["running", "failed", "taken", "verified", "damaged"]
"""``taken``: stored, and nobody knows yet whether it can be restored. ``verified``: it was restored and is what it must be. ``damaged``: it
was restored, or could not be, and is not what it must be. ``failed``: a part of it was not taken."""
COLLECTION = "backups"
KEPT_DAYS = 28
"""How long what a record names is in the store for certain: `postgres_backup_keep_days` of the machine's role."""


class Part(BaseModel):
    """Something that lies in the store under a name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    size_bytes: int
    """Of what it holds; for PostgreSQL the size of all databases."""
    stored_bytes: int = 0
    """What this backup added to the store, where that is known."""
    holds: Mapping[str, str] = {}
    """What is in it: the SHA-256 of each file; or a number of each kind."""


class Backup(BaseModel):
    """One backup of an environment. Fields that a newer program wrote are kept out; those it lacks have defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: str
    number: int = 0
    """Counted from 1 in each environment."""
    full: bool = False
    started_at: datetime
    finished_at: datetime | None = None
    by: str = ""
    host: str = ""
    outcome: Outcome = "running"
    failures: tuple[str, ...] = ()
    """What was not taken, or what a verification found; a sentence each."""
    moment: datetime | None = None
    """The moment that ``databases`` describe, which a verification restores."""
    databases: Mapping[str, Content] = {}
    postgres: Part | None = None
    definitions: Part | None = None
    archive: Part | None = None
    etcd: etcds.Content | None = None
    """What etcd held, and in the archive's snapshot must hold again."""
    verified_at: datetime | None = None
    """When it was last looked at, whatever was found."""
    verified_by: str = ""
    restored: Mapping[str, str] = {}
    """What that verification restored and found to be the same, by part; in words, how much of it."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def is_whole(self) -> bool:
        """Whether every part of it was taken."""
        return self.outcome in ("taken", "verified", "damaged")

    def is_kept(self, now: datetime) -> bool:
        """Whether what it names is still in the store, where it is deleted by its age."""
        return now - self.started_at < timedelta(days=KEPT_DAYS)

    def as_document(self) -> dict[str, Any]:
        """The record as it is stored and as `./hs backup list --json` prints it, with the seconds that it took."""
        return {**self.model_dump(mode="json"), "seconds": self.seconds}


@dataclass(frozen=True)
class Records:
    """The backups of one environment."""

    state: State
    environment: str

    def all(self) -> list[Backup]:
        """Every backup, oldest first."""
        return [
            Backup.model_validate({**document, "number": number})
            for number, document in self.state.read_documents(COLLECTION, self.environment)
        ]

    def begin(self, backup: Backup) -> Backup:
        """Write down a backup that begins, and give it the next number."""
        return backup.model_copy(update={"number": self.state.append_document(COLLECTION, self.environment, backup.as_document())})

    def write(self, backup: Backup, **what: Any) -> Backup:
        """Write down what has become of a backup, and return it."""
        changed = backup.model_copy(update=what)
        self.state.write_document(COLLECTION, self.environment, changed.number, changed.as_document())
        return changed

    def finish(self, backup: Backup, outcome: Outcome, failures: Sequence[str] = ()) -> Backup:
        """Write down how a backup ended, and return it."""
        return self.write(backup, outcome=outcome, failures=tuple(failures), finished_at=datetime.now(UTC))


@dataclass(frozen=True)
class Latest:
    """What an environment can be restored from, as far as anybody has tried."""

    taken: Backup | None
    """The newest whole one, tried or not."""
    verified: Backup | None
    """The newest that was restored and is still kept."""
    expired: Backup | None = None
    """The newest that was restored, where none of those is kept any more."""

    @property
    def words(self) -> str:
        """One line for a person; a backup that nobody has restored is not called one."""
        if self.taken is None:
            return "never backed up"
        if self.expired:
            return f"not backed up: the last that was restored, of {short(self.expired.started_at)}, is no longer kept"
        if self.taken.outcome == "damaged":
            since = f"the last good one is of {short(self.verified.started_at)}" if self.verified else "there is no good one"
            return f"the backup of {short(self.taken.started_at)} is damaged; {since}"
        if self.verified is None:
            return f"a backup of {short(self.taken.started_at)} was never restored"
        newer = f"; one of {short(self.taken.started_at)} was not restored yet" if self.taken.number != self.verified.number else ""
        return f"backed up {short(self.verified.started_at)}{newer}"


def verified_age(state: State, environment: str, now: datetime) -> timedelta | None:
    """How old an environment's newest verified backup is, counted from when it began: what to raise an alarm on. None without one.

    One that is no longer kept counts: an alarm is raised on its age long before.
    """
    newest = latest(Records(state, environment).all(), now)
    found = newest.verified or newest.expired
    return now - found.started_at if found else None


def latest(backups: Sequence[Backup], now: datetime | None = None) -> Latest:
    """The newest whole backup and the newest verified one among records in their order."""
    at = now or datetime.now(UTC)
    whole = [backup for backup in backups if backup.is_whole]
    verified = [backup for backup in whole if backup.outcome == "verified"]
    kept = [backup for backup in verified if backup.is_kept(at)]
    return Latest(whole[-1] if whole else None, kept[-1] if kept else None, verified[-1] if verified and not kept else None)


__all__ = ["Backup", "Latest", "Part", "Records", "latest", "verified_age"]
