"""PostgreSQL on its machine, as the server's own account has it: statements, contents, pgBackRest, and an earlier state beside the present.

The machine's role (ansible/roles/postgres) puts the programs there that this calls: pgbackrest-backup@.service and restore-aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from ops.backup import content, repository
from ops.backup.content import Content
from ops.backup.moments import written
from ops.backup.repository import Held
from ops.errors import PlatformError
from ops.machines import DATABASES, Answer, Machine, machine
from settings import Settings

ACCOUNT = ("sudo", "-u", "postgres")
PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
PGBACKREST = ("pgbackrest", "--stanza=main")
NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""What the platform calls its databases (components/naming.py): nothing in such a name means anything to a shell or to psql."""
ASIDE_PORT_STEP = 1
"""The copy beside the present cluster answers on the port after the cluster's."""
JOURNAL_LINES = 12
NOW = """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
MOMENT = f"SELECT pg_sleep(1.1) \\g /dev/null\n{NOW};\nSELECT pg_sleep(1.1) \\g /dev/null\n"
"""A moment with a quiet second on both sides: pgBackRest counts whole seconds, and a transaction has its time before it is seen."""


@dataclass(frozen=True)
class Server:
    """The PostgreSQL machine and the cluster's port on it."""

    machine: Machine
    port: int

    @property
    def aside_port(self) -> int:
        """Where an earlier state answers beside the present one."""
        return self.port + ASIDE_PORT_STEP

    def sql(self, statements: str, *, database: str = "postgres", port: int = 0, what: str = "", **values: str) -> list[str]:
        """The lines that psql prints for ``statements``, which reach it through standard input; :'name' and :"name" stand for ``values``.

        Raises PlatformError with what PostgreSQL said.
        """
        given = [f"--set={name}={value}" for name, value in values.items()]
        words = [*ACCOUNT, *PSQL, f"--port={port or self.port}", f"--dbname={database}", *given, "--file=-"]
        answer = self.machine.run(*words, given=statements.encode(), what=what or "PostgreSQL refused a statement.")
        return answer.text.splitlines()

    def now(self) -> datetime:
        """The machine's clock."""
        return datetime.fromisoformat(self.sql(NOW)[0])

    def databases(self) -> dict[str, str]:
        """The databases that may be connected to, each with its comment."""
        lines = self.sql(
            "SELECT datname || E'\\t' || coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE NOT datistemplate"
        )
        return {name: comment for name, _, comment in (line.partition("\t") for line in lines)}

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """How many bytes each database has on the disk; those that are not there are left out."""
        lines = self.sql("SELECT datname || E'\\t' || pg_database_size(oid) FROM pg_database")
        return {name: int(size) for name, _, size in (line.partition("\t") for line in lines) if name in names}

    def free_bytes(self) -> int:
        """How much of the disk that holds the data is free."""
        answer = self.machine.run("df", "--block-size=1", "--output=avail", "/var/lib/postgresql")
        return int(answer.text.split()[-1])

    def contents(self, names: Sequence[str], *, port: int = 0) -> dict[str, Content]:
        """What databases hold, table by table; raises PlatformError for one that is not there."""
        return self._look(content.LOOK, names, port)

    def histories(self, names: Sequence[str]) -> dict[str, Content]:
        """Which scripts databases have had, without a look at their tables."""
        return self._look(content.HISTORY, names, self.port)

    def _look(self, statements: str, names: Sequence[str], port: int) -> dict[str, Content]:
        strange = [name for name in names if not NAME.fullmatch(name)]
        if strange:
            raise PlatformError(f"{strange[0]!r} is no name of a database.", remedy="./hs status shows their names")
        script = "".join(f'\\connect "{name}"\n{statements}' for name in names)
        return content.read(self.sql(script, port=port, what="The databases could not be read.")) if names else {}

    def moment(self) -> datetime:
        """A moment that lies between what was looked at before and what is looked at after."""
        return datetime.fromisoformat(next(line for line in self.sql(MOMENT) if line))

    def backups(self) -> list[Held]:
        """What the repository holds; raises PlatformError when it cannot be read."""
        words = [*ACCOUNT, *PGBACKREST, "--output=json", "info"]
        return repository.read(self.machine.run(*words, what="The repository of the backups cannot be read.").text)

    def take_backup(self, *, full: bool) -> None:
        """Take a backup and wait for its end; raises PlatformError with the last lines that it said."""
        unit = f"pgbackrest-backup@{'full' if full else 'incr'}.service"
        answer = self.machine.try_run("sudo", "systemctl", "start", unit)
        if answer.code:
            why = journal(self.machine, unit, answer)
            raise PlatformError("PostgreSQL could not be backed up.", why=why, remedy="mend what it says, then run the same command again")

    @contextmanager
    def aside(self, moment: datetime, *, database: str = "") -> Iterator[int]:
        """An earlier state of all databases, or of one, beside the present ones while the body runs; gives its port.

        Raises PlatformError when it cannot be had: a backup that is damaged, a disk without room, a copy that somebody else looks at.
        """
        words = ["sudo", "restore-aside", written(moment), str(self.aside_port), *([database] if database else [])]
        answer = self.machine.try_run(*words)
        if answer.code:
            remedy = "mend what it says, then run the same command again; sudo restore-aside --remove ends a copy that is left"
            raise PlatformError(f"The databases of {written(moment)} cannot be restored.", why=answer.said, remedy=remedy)
        try:
            yield self.aside_port
        finally:
            self.machine.try_run("sudo", "restore-aside", "--remove")

    def copy(self, source: str, target: str, *, port: int) -> None:
        """Fill ``target`` with what ``source`` holds on the server at ``port``; both are on this machine, and nothing leaves it."""
        script = (
            f"pg_dump --port={port} --format=custom --dbname={source}"
            f" | pg_restore --port={self.port} --exit-on-error --no-password --dbname={target}"
        )
        self.machine.run(*ACCOUNT, "bash", "-o", "pipefail", "-c", script, what=f"{target} could not be filled.")

    def load(self, dump: BinaryIO, target: str) -> None:
        """Fill ``target`` from a dump in pg_dump's custom format; raises PlatformError for one that pg_restore cannot read."""
        words = [*ACCOUNT, "pg_restore", f"--port={self.port}", "--exit-on-error", f"--dbname={target}"]
        remedy = "an 'unsupported version' comes from a pg_dump that is newer than the server: dump with the server's own version"
        self.machine.run(*words, given=dump, what=f"{target} could not be filled from the dump.", remedy=remedy)


def journal(of: Machine, unit: str, answer: Answer) -> str:
    """Why a unit failed: the last lines of its journal, else what systemctl said."""
    said = of.try_run("sudo", "journalctl", f"--unit={unit}", f"--lines={JOURNAL_LINES}", "--no-pager", "--output=cat").text
    return said or answer.said


def server_of(settings: Settings) -> Server:
    """The PostgreSQL machine of an environment."""
    assert settings.environment is not None
    return Server(machine(DATABASES), settings.environment.postgres.port)


__all__ = ["Server", "journal", "server_of"]
