"""Machines that answer what a test says, and a PostgreSQL server that is a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from ops.backup.content import Content, Table
from ops.backup.repository import Held
from ops.backup.restore import COMMENT, CREATE, DROP
from ops.backup.server import Server
from ops.errors import PlatformError
from ops.machines import Answer, Machine

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
Reply = Callable[[tuple[str, ...], bytes], Answer]


def ok(output: bytes = b"") -> Answer:
    """A command that ended well."""
    return Answer(0, output, "")


def content(rows: int = 3, version: str = "2", checksum: str = "77") -> Content:
    """A database with one table and two scripts."""
    return Content(scripts=("V1__a.sql", "V2__b.sql"), version=version, tables={"public.events": Table(rows=rows, checksum=checksum)})


def held(label: str = "20261123-120000F", *, began: datetime = NOW, kind: str = "full") -> Held:
    """A finished backup of pgBackRest."""
    return Held(label, kind, began, began, 40 << 20, 5 << 20)


@dataclass(frozen=True)
class FakeMachine(Machine):
    """A machine whose answers a function gives; it remembers what it was asked and what it was given."""

    name: str = "fake"
    reply: Reply = lambda _words, _given: ok()
    asked: list[tuple[str, ...]] = field(default_factory=list)
    given: list[bytes] = field(default_factory=list)

    def try_run(self, *words: str, given: bytes | BinaryIO = b"") -> Answer:
        """Answer from the function."""
        said = given if isinstance(given, bytes) else given.read()
        self.asked.append(words)
        self.given.append(said)
        return self.reply(words, said)


@dataclass(frozen=True)
class FakeServer(Server):
    """Databases by name with what they hold; the copy of an earlier state is a second dictionary."""

    present: dict[str, Content] = field(default_factory=dict)
    past: dict[str, Content] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    spoiled: str = ""
    """A database that is filled with something else than it should be."""
    backups_held: list[Held] = field(default_factory=lambda: [held()])

    def sql(self, statements: str, *, database: str = "postgres", port: int = 0, what: str = "", **values: str) -> list[str]:  # noqa: ARG002 - as Server has it
        """Make, comment and drop databases, and list those of the copy."""
        if statements == CREATE:
            self.log.append(f"create {values['new']} like {values['old']}")
            self.present[values["new"]] = Content()
            self.comments[values["new"]] = values["comment"]
        elif statements == COMMENT:
            self.comments[values["new"]] = values["comment"]
        elif statements == DROP:
            self.log.append(f"drop {values['new']}")
            del self.present[values["new"]], self.comments[values["new"]]
        elif port:
            return list(self.past)
        else:
            self.log.append(f"{statements} {database}".replace(";", ""))
        return []

    def now(self) -> datetime:
        """Always the same."""
        return NOW

    def databases(self) -> dict[str, str]:
        """Every database with its comment."""
        return {name: self.comments.get(name, "") for name in self.present}

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """A MiB each."""
        return dict.fromkeys(names, 1 << 20)

    def free_bytes(self) -> int:
        """Enough."""
        return 1 << 40

    def backups(self) -> list[Held]:
        """As the test says."""
        return list(self.backups_held)

    def contents(self, names: Sequence[str], *, port: int = 0) -> dict[str, Content]:
        """From one of the dictionaries."""
        place = self.past if port else self.present
        return {name: place[name] for name in names}

    def histories(self, names: Sequence[str]) -> dict[str, Content]:
        """The same."""
        return self.contents(names)

    @contextmanager
    def aside(self, moment: datetime, *, database: str = "") -> Iterator[int]:
        """The copy, noted when it comes and when it goes."""
        self.log.append(f"aside {moment:%H:%M:%S} {database}".strip())
        try:
            yield self.aside_port
        finally:
            self.log.append("aside removed")

    def copy(self, source: str, target: str, *, port: int) -> None:  # noqa: ARG002 - as Server has it
        """Fill a database from the copy."""
        self.log.append(f"copy {source} to {target}")
        self.present[target] = content(rows=1) if target == self.spoiled else self.past[source]

    def load(self, dump: BinaryIO, target: str) -> None:
        """Fill a database from a dump, which holds its number of rows; `damaged` is refused."""
        text = dump.read().decode().removeprefix("PGDMP")
        self.log.append(f"load {target}")
        if text == "damaged":
            raise PlatformError(f"{target} could not be filled from the dump.")
        self.present[target] = content(rows=int(text))
