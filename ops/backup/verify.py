"""`./hs backup verify`: the newest backup is restored, and compared with what was there when it was taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ops import console
from ops.backup import archive, aside, broker, content, control_plane, definitions, etcd, restored_secrets, states
from ops.backup.moments import short
from ops.backup.record import Backup, Outcome, Records, latest
from ops.backup.server import Server, server_of
from ops.backup.store import Store, store
from ops.deploy import validated
from ops.errors import InputError, PlatformError
from ops.releases.book import who
from ops.state import State
from settings import Settings

OF_THE_MACHINE = ("MiB free", "there is a copy already", "another one is at work")
"""What restore-aside says (ansible/roles/postgres/files/restore-aside.py) when it has not even begun."""


@dataclass
class Found:
    """What a verification found."""

    problems: list[str] = field(default_factory=list)
    """A sentence each."""
    restored: dict[str, str] = field(default_factory=dict)
    """What was restored and is the same, by part; in words, how much of it."""

    def add(self, part: str, problems: Sequence[str], words: str) -> None:
        """Keep what became of a part."""
        self.problems += problems
        if not problems:
            self.restored[part] = words


def verify(environment: str, state: State) -> Backup:
    """Restore the newest whole backup beside what is present, part by part, and write down what was found.

    Returns the record: ``verified``, or ``damaged`` with a sentence for each finding. Raises InputError when there is none, and
    PlatformError when a machine or the cluster does not do its part: then nothing is known, and the record stays as it is.
    """
    settings = validated(environment)
    records = Records(state, environment)
    backup = latest(records.all()).taken
    if backup is None:
        raise InputError(f"There is no backup of {environment}.", remedy=f"./hs backup {environment}")
    server, kept = server_of(settings), store()
    held = [found.label for found in server.backups()]  # a machine or a store that is away must not look like a backup that is damaged
    kept.reach()
    found = Found()
    check_databases(server, backup, held, found)
    check_definitions(kept, backup, settings, found)
    check_archive(kept, backup, settings, found)
    return records.write(backup, **verdict(found), verified_at=datetime.now(UTC), verified_by=who())


def verdict(found: Found) -> dict[str, object]:
    """What a verification's findings make of a record."""
    outcome: Outcome = "damaged" if found.problems else "verified"
    return {"outcome": outcome, "failures": tuple(found.problems), "restored": found.restored}


def check_databases(server: Server, backup: Backup, held: Sequence[str], findings: Found) -> None:
    """Restore the moment that a backup's record describes, and compare every table; ``held`` is what the repository says it holds.

    Raises PlatformError when the machine has no room or no time for a restore: that says nothing about the backup.
    """
    if backup.moment is None or backup.postgres is None:
        findings.problems.append("the backup holds no databases")
        return
    if backup.postgres.name not in held:
        findings.problems.append(f"pgBackRest's backup {backup.postgres.name} is gone from the repository")
        return
    with console.step(f"Restoring the databases of {short(backup.moment)} aside") as step:
        try:
            with server.aside(backup.moment) as port:
                present = server.sql("SELECT datname FROM pg_database WHERE NOT datistemplate", port=port)
                found = server.contents([name for name in backup.databases if name in present], port=port)
        except PlatformError as failed:
            if is_of_the_machine(failed.why):
                raise
            step.note("not possible")
            findings.problems.append(_words(failed))
            return
        problems = [
            problem for name, expected in backup.databases.items() for problem in content.differences(name, expected, found.get(name))
        ]
        tables = sum(len(expected.tables) for expected in backup.databases.values())
        rows = sum(database.rows for database in found.values())
        words = f"{len(found)} databases, {tables} tables, {rows} rows"
        step.note(f"{words}: {len(problems) or 'no'} differences")
    findings.add("databases", problems, words)


def is_of_the_machine(why: str) -> bool:
    """Whether restore-aside failed for a reason that lies in the machine, and not in what is stored."""
    return any(reason in why for reason in OF_THE_MACHINE)


def check_definitions(kept: Store, backup: Backup, settings: Settings, findings: Found) -> None:
    """Compare the stored definitions with the record, and restore the environment's part into an empty vhost, with copies of its users."""
    if backup.definitions is None:
        findings.problems.append("the backup holds no definitions")
        return
    with console.step("Restoring RabbitMQ's definitions aside") as step:
        words = ""
        try:
            stored = kept.definitions(backup.definitions.name)
        except PlatformError as failed:
            problems = [_words(failed)]
        else:
            problems = definitions.problems(stored, backup.definitions.holds, backup.environment)
            problems = problems or broker.restored_problems(settings, stored)
            words = broker.words(stored, settings.stack)
        step.note(f"{words or 'nothing'}: {len(problems) or 'no'} findings")
    findings.add("definitions", problems, words)


def check_archive(kept: Store, backup: Backup, settings: Settings, findings: Found) -> None:
    """Compare every file of the archive with the record, and restore each: states, Secrets and etcd's snapshot."""
    if backup.archive is None or backup.etcd is None:
        findings.problems.append(f"the backup {'holds no archive' if backup.archive is None else 'does not say what etcd held'}")
        return
    with console.step("Opening the archive of certificates, the cluster and state") as step:
        try:
            stored = kept.get(backup.environment, backup.archive.name)
        except PlatformError as failed:
            problems = [_words(failed)]
        else:
            problems = archive.problems(stored, backup.archive.holds, backup.environment) or _lacks(archive.unpack(stored))
        step.note(f"{len(backup.archive.holds)} files, {len(problems) or 'no'} findings")
    if problems:
        findings.problems += problems
        return
    files = archive.unpack(stored)
    _check_states(files, findings)
    with aside.namespace(backup.environment) as place:
        _check_secrets(files, place, findings)
        _check_etcd(files[control_plane.SNAPSHOT], backup.etcd, place, settings, findings)


def _lacks(files: Mapping[str, bytes]) -> list[str]:
    needed = (archive.CERTIFICATES, archive.ACCOUNTS, control_plane.SNAPSHOT, control_plane.CERTIFICATES)
    return [f"the archive holds no {name}" for name in needed if name not in files]


def _check_states(files: Mapping[str, bytes], findings: Found) -> None:
    stored = {name: state for name, state in files.items() if name.startswith(archive.STATE_FOLDER)}
    with console.step("Having the engine read every stack's state") as step:
        problems = [problem for name, state in stored.items() for problem in states.restored_problems(name, state)]
        step.note(f"{len(stored)} stacks: {len(problems) or 'no'} findings")
    findings.add("states", problems, f"{len(stored)} stacks")


def _check_secrets(files: Mapping[str, bytes], place: str, findings: Found) -> None:
    with console.step("Restoring certificates and ACME accounts aside") as step:
        for name in (archive.CERTIFICATES, archive.ACCOUNTS):
            words = f"{len(json.loads(files[name])['items'])} Secrets"
            problems = restored_secrets.restored_problems(name, files[name], place)
            step.note(f"{name}: {words}, {len(problems) or 'no'} findings")
            findings.add(name, problems, words)


def _check_etcd(snapshot: bytes, expected: etcd.Content, place: str, settings: Settings, findings: Found) -> None:
    assert settings.environment is not None
    with console.step("Restoring etcd's snapshot aside") as step:
        problems = etcd.restored_problems(expected, snapshot, place, settings.environment.images.migrations)
        step.note(f"{expected.words}: {len(problems) or 'no'} findings")
    findings.add(control_plane.SNAPSHOT, problems, expected.words)


def _words(failed: PlatformError) -> str:
    return "\n".join(filter(None, (failed.what, failed.why)))


__all__ = ["Found", "check_archive", "check_databases", "check_definitions", "is_of_the_machine", "verdict", "verify"]
