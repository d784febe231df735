"""`./hs backup verify`: the newest backup is restored, and compared with what was there when it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ops import console
from ops.backup import archive, content, definitions
from ops.backup.moments import short
from ops.backup.record import Backup, Outcome, Records, latest
from ops.backup.server import SPOOL_IN_USE, Server, server_of
from ops.backup.store import Store, store
from ops.deploy import validated
from ops.errors import InputError, PlatformError
from ops.releases.book import who
from ops.state import State

OF_THE_MACHINE = ("MiB free", "there is a copy already", "another one is at work", SPOOL_IN_USE)
"""What restore-aside says (ansible/roles/postgres/files/restore-aside.py) when it has not even begun."""


def verify(environment: str, state: State) -> Backup:
    """Restore the newest whole backup beside the present databases, open what else it holds, and write down what was found.

    Returns the record: ``verified``, or ``damaged`` with a sentence for each finding. Raises InputError when there is none, and
    PlatformError when a machine cannot be reached: then nothing is known, and the record stays as it is.
    """
    settings = validated(environment)
    records = Records(state, environment)
    backup = latest(records.all()).taken
    if backup is None:
        raise InputError(f"There is no backup of {environment}.", remedy=f"./hs backup {environment}")
    server, kept = server_of(settings), store()
    held = [found.label for found in server.backups()]  # a machine or a store that is away must not look like a backup that is damaged
    kept.reach()
    found = [*check_databases(server, backup, held), *check_definitions(kept, backup), *check_archive(kept, backup)]
    return records.write(backup, **verdict(found), verified_at=datetime.now(UTC), verified_by=who())


def verdict(found: list[str]) -> dict[str, object]:
    """What a verification's findings make of a record."""
    outcome: Outcome = "damaged" if found else "verified"
    return {"outcome": outcome, "failures": tuple(found)}


def check_databases(server: Server, backup: Backup, held: Sequence[str]) -> list[str]:
    """Restore the moment that a backup's record describes, and compare every table; ``held`` is what the repository says it holds.

    Raises PlatformError when the machine has no room or no time for a restore: that says nothing about the backup.
    """
    if backup.moment is None or backup.postgres is None:
        return ["the backup holds no databases"]
    if backup.postgres.name not in held:
        return [f"pgBackRest's backup {backup.postgres.name} is gone from the repository"]
    with console.step(f"Restoring the databases of {short(backup.moment)} aside") as step:
        try:
            with server.aside(backup.moment) as port:
                present = server.sql("SELECT datname FROM pg_database WHERE NOT datistemplate", port=port)
                found = server.contents([name for name in backup.databases if name in present], port=port)
        except PlatformError as failed:
            if is_of_the_machine(failed.why):
                raise
            step.note("not possible")
            return ["\n".join(filter(None, (failed.what, failed.why)))]
        problems = [
            problem for name, expected in backup.databases.items() for problem in content.differences(name, expected, found.get(name))
        ]
        tables = sum(len(expected.tables) for expected in backup.databases.values())
        rows = sum(database.rows for database in found.values())
        step.note(f"{len(found)} databases, {tables} tables, {rows} rows: {len(problems) or 'no'} differences")
    return problems


def is_of_the_machine(why: str) -> bool:
    """Whether restore-aside failed for a reason that lies in the machine, and not in what is stored."""
    return any(reason in why for reason in OF_THE_MACHINE)


def check_definitions(kept: Store, backup: Backup) -> list[str]:
    """Open the stored definitions, and compare them with the record."""
    if backup.definitions is None:
        return ["the backup holds no definitions"]
    with console.step("Opening RabbitMQ's definitions") as step:
        try:
            problems = definitions.problems(kept.definitions(backup.definitions.name), backup.definitions.holds, backup.environment)
        except PlatformError as failed:
            problems = ["\n".join(filter(None, (failed.what, failed.why)))]
        step.note(f"{len(problems) or 'no'} findings")
    return problems


def check_archive(kept: Store, backup: Backup) -> list[str]:
    """Open the archive, compare every file with the record, and every key with its certificate."""
    if backup.archive is None:
        return ["the backup holds no archive"]
    with console.step("Opening the archive of certificates, the cluster and state") as step:
        try:
            problems = archive.problems(kept.get(backup.environment, backup.archive.name), backup.archive.holds, backup.environment)
        except PlatformError as failed:
            problems = ["\n".join(filter(None, (failed.what, failed.why)))]
        step.note(f"{len(backup.archive.holds)} files, {len(problems) or 'no'} findings")
    return problems


__all__ = ["check_archive", "check_databases", "check_definitions", "is_of_the_machine", "verdict", "verify"]
