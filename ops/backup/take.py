"""`./hs backup`: everything that an environment cannot be made anew from its repository, into the store, now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from ops import console
from ops.backup import archive, content, definitions
from ops.backup.gather import gather
from ops.backup.record import Backup, Part, Records
from ops.backup.repository import taken_since
from ops.backup.server import Server, server_of
from ops.backup.store import Store, store
from ops.deploy import validated
from ops.errors import InputError, PlatformError
from ops.releases.book import where, who
from ops.state import State
from settings import Settings

INTERRUPTED = "interrupted"
TRIES = 2
"""A backup that the clock has begun is waited for, and then one's own is taken."""
What = dict[str, Any]
"""What a part adds to the record, by field."""


def take(environment: str, state: State, *, full: bool = False) -> Backup:
    """Back an environment up, and return the record: ``taken``, and not more until it was restored.

    All parts are tried, so that a cluster that is gone does not keep the databases from being backed up. Raises PlatformError, after the
    record was written, when one could not be taken.
    """
    settings = validated(environment)
    require_environment_settings(settings)
    records = Records(state, environment)
    backup = records.begin(Backup(environment=environment, full=full, started_at=datetime.now(UTC), by=who(), host=where()))
    failures: list[str] = []
    try:
        for part in _parts(settings, state, full=full):
            try:
                backup = backup.model_copy(update=part())
            except PlatformError as failed:
                console.show_error(failed)
                failures.append("\n".join(filter(None, (failed.what, failed.why))))
    except BaseException:
        records.finish(backup, "failed", [*failures, INTERRUPTED])
        raise
    ended = records.finish(backup, "failed" if failures else "taken", failures)
    if failures:
        raise PlatformError(
            f"Backup {ended.number} of {environment} is not whole.",
            why="\n".join(failures),
            remedy=f"mend what is named above, then ./hs backup {environment}",
        )
    return ended


def require_environment_settings(settings: Settings) -> None:
    """Raise InputError for a stack that holds no environment: it has no databases."""
    if settings.environment is None:
        raise InputError(f"{settings.stack} holds no environment.", remedy="./hs backup kind")


def _parts(settings: Settings, state: State, *, full: bool) -> Sequence[Callable[[], What]]:
    server, kept = server_of(settings), store()
    return (
        lambda: take_databases(server, settings, full=full),
        lambda: take_definitions(kept),
        lambda: take_archive(kept, settings, state),
    )


def take_databases(server: Server, settings: Settings, *, full: bool) -> What:
    """Have pgBackRest take a backup, then note what the environment's databases hold at a moment after it."""
    with console.step("Backing PostgreSQL up") as step:
        before, asked_at = server.backups(), server.now()
        for _ in range(TRIES):
            server.take_backup(full=full)
            if held := taken_since(server.backups(), before, asked_at):
                break
        else:
            raise PlatformError("PostgreSQL could not be backed up.", why="pgBackRest ended well, and the repository holds no new backup")
        step.note(f"{held.label}; looking at the databases")
        present = server.databases()
        names = [name for context in settings.catalogue.contexts if (name := f"{settings.stack}_{context}") in present]
        if not names:
            raise PlatformError(f"{settings.stack} has no databases.", why="it was never deployed", remedy=f"./hs up {settings.stack}")
        earlier, moment, later = server.contents(names), server.moment(), server.contents(names)
        described = {name: content.at_a_moment(earlier[name], later[name]) for name in names}
        step.note(f"{held.label}, {held.size_bytes >> 20} MiB in all databases, {len(names)} of {settings.stack}")
    part = Part(name=held.label, size_bytes=held.size_bytes, stored_bytes=held.stored_bytes, holds={"type": held.kind})
    return {"postgres": part, "moment": moment, "databases": described}


def take_definitions(kept: Store) -> What:
    """Have the broker's definitions stored, and note how much they hold."""
    with console.step("Backing RabbitMQ's definitions up") as step:
        name = kept.take_definitions()
        stored = kept.definitions(name)
        try:
            holds = definitions.summary(stored)
        except ValueError as unreadable:
            raise PlatformError("RabbitMQ's definitions could not be backed up.", why=f"{name}: {unreadable}") from unreadable
        step.note(f"{holds['users']} users, {holds['vhosts']} vhosts, {holds['queues']} queues")
    return {"definitions": Part(name=name, size_bytes=len(stored), holds=holds)}


def take_archive(kept: Store, settings: Settings, state: State) -> What:
    """Store certificates, accounts' keys, the cluster's state and the stacks'; read back and compared."""
    assert settings.environment is not None
    environment = settings.stack
    with console.step("Backing certificates, the cluster and state up") as step:
        found = gather(environment, state, settings.environment.images.migrations)
        files = found.files
        packed = archive.pack(files)
        wrong = archive.problems(packed, archive.hashes(files), environment)
        if wrong:
            raise PlatformError(
                "Certificates, the cluster and state could not be backed up.", why="\n".join(wrong), remedy=f"./hs status {environment}"
            )
        name = f"{environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz.enc"
        kept.put(environment, name, packed)
        step.note(f"{len(files)} files, etcd with {found.etcd.words}")
    size = sum(map(len, files.values()))
    part = Part(name=name, size_bytes=size, stored_bytes=len(packed), holds=archive.hashes(files))
    return {"archive": part, "etcd": found.etcd}


__all__ = ["require_environment_settings", "take", "take_archive", "take_databases", "take_definitions"]
