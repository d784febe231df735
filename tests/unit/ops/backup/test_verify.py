"""Verifying a backup: restored, compared, and called what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.backup import verify as module
from ops.backup.archive import STATE_FOLDER, hashes, pack
from ops.backup.content import Content
from ops.backup.definitions import summary
from ops.backup.record import Backup, Outcome, Part, Records
from ops.backup.store import Store
from ops.errors import InputError, PlatformError
from ops.machines import Answer
from ops.state import open_state
from tests.unit.ops.backup.fakes import NOW, FakeMachine, FakeServer, content, held, ok

EXPORT = json.dumps({"users": [{"name": "a"}], "vhosts": [{"name": "kind"}]}).encode()
FILES = {f"{STATE_FOLDER}highstreetly/kind.json": b'{"checkpoint": {}}'}


def backup(outcome: Outcome = "taken") -> Backup:
    """A whole backup of one database."""
    return Backup(
        environment="kind",
        started_at=NOW,
        outcome=outcome,
        moment=NOW,
        databases={"kind_orders": content()},
        postgres=Part(name=held().label, size_bytes=1),
        definitions=Part(name="definitions", size_bytes=1, holds=summary(EXPORT)),
        archive=Part(name="archive", size_bytes=1, holds=hashes(FILES)),
    )


def server(**past: Content) -> FakeServer:
    """A server whose copy of the past is this."""
    return FakeServer(FakeMachine(), 5432, past=past)


@dataclass(frozen=True)
class Refusing(FakeServer):
    """A server whose copy cannot be made."""

    said: str = ""

    @contextmanager
    def aside(self, moment: datetime, *, database: str = "") -> Iterator[int]:  # noqa: ARG002 - as Server has it
        """Refuse."""
        raise PlatformError(f"The databases of {moment} cannot be restored.", why=self.said)
        yield 0


def store(archive: bytes | None = None, definitions: bytes = EXPORT) -> Store:
    """A store that holds what the backup says, unless the test says otherwise."""

    def reply(words: tuple[str, ...], _given: bytes) -> Answer:
        if "show" in words:
            return ok(definitions)
        return ok(pack(FILES) if archive is None else archive) if "get" in words else ok()

    return Store(FakeMachine(reply=reply))


def test_a_restored_database_that_is_the_same_has_no_findings_and_the_copy_goes() -> None:
    asked = server(kind_orders=content(), live_orders=content())
    assert module.check_databases(asked, backup(), [held().label]) == []
    assert asked.log == ["aside 14:00:00", "aside removed"]


@pytest.mark.parametrize(
    ("past", "finding"),
    [
        ({}, "kind_orders is missing"),
        ({"kind_orders": content(rows=2)}, "kind_orders: public.events has 2 rows; at that moment it had 3"),
    ],
)
def test_a_restored_database_that_is_another_is_a_finding(past: dict[str, Content], finding: str) -> None:
    assert module.check_databases(server(**past), backup(), [held().label]) == [finding]


def test_a_backup_that_is_gone_from_the_repository_is_a_finding_and_no_older_one_is_restored_in_its_place() -> None:
    asked = server(kind_orders=content())
    [finding] = module.check_databases(asked, backup(), ["another"])
    assert "is gone from the repository" in finding
    assert asked.log == []


def test_a_backup_that_cannot_be_restored_is_a_finding() -> None:
    refusing = Refusing(FakeMachine(), 5432, said="exit code 1\nrestore-aside: runuser: ERROR: [082]: checksum mismatch")
    [finding] = module.check_databases(refusing, backup(), [held().label])
    assert "checksum mismatch" in finding


@pytest.mark.parametrize("said", ["/var has 3 MiB free, and the copy may need 9 MiB", "there is a copy already", "another one is at work"])
def test_a_machine_that_has_no_room_for_a_copy_says_nothing_about_the_backup(said: str) -> None:
    with pytest.raises(PlatformError, match="cannot be restored"):
        module.check_databases(Refusing(FakeMachine(), 5432, said=said), backup(), [held().label])


def test_what_is_stored_beside_the_databases_is_opened_and_compared() -> None:
    assert module.check_definitions(store(), backup()) == []
    assert module.check_archive(store(), backup()) == []
    assert module.check_definitions(store(definitions=EXPORT + b" "), backup()) == ["the definitions are not what was stored"]
    [finding] = module.check_archive(store(archive=b"garbage"), backup())
    assert finding.startswith("the archive cannot be opened")


def test_a_backup_that_lacks_a_part_is_not_verified_without_it() -> None:
    empty = Backup(environment="kind", started_at=NOW, outcome="taken")
    assert module.check_databases(server(), empty, []) == ["the backup holds no databases"]
    assert module.check_definitions(store(), empty) == ["the backup holds no definitions"]
    assert module.check_archive(store(), empty) == ["the backup holds no archive"]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """The records of `kind`; machines answer as the test's own functions do."""
    monkeypatch.setattr(module, "validated", lambda _environment: SimpleNamespace(stack="kind"))
    monkeypatch.setattr(module, "server_of", lambda _settings: server(kind_orders=content()))
    monkeypatch.setattr(module, "store", store)
    return Records(open_state(f"file://{tmp_path}"), "kind")


def test_the_newest_whole_backup_is_verified_and_the_record_says_so(records: Records) -> None:
    outcomes: list[Outcome] = ["verified", "taken", "failed"]
    for outcome in outcomes:
        records.begin(backup(outcome))
    found = module.verify("kind", records.state)
    assert (found.number, found.outcome, found.failures) == (2, "verified", ())
    assert found.verified_at is not None
    assert [record.outcome for record in records.all()] == ["verified", "verified", "failed"]


def test_a_backup_with_a_finding_is_damaged_and_becomes_verified_again_when_it_is_mended(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.begin(backup())
    monkeypatch.setattr(module, "store", lambda: store(archive=b""))
    found = module.verify("kind", records.state)
    assert found.outcome == "damaged"
    assert len(found.failures) == 1
    monkeypatch.setattr(module, "store", store)
    assert module.verify("kind", records.state).failures == ()
    assert records.all()[0].outcome == "verified"


def test_a_store_that_is_away_leaves_the_record_as_it_is(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_words: Any, _given: bytes) -> Answer:
        return Answer(1, b"", "connection refused")

    records.begin(backup())
    monkeypatch.setattr(module, "store", lambda: Store(FakeMachine(reply=away)))
    with pytest.raises(PlatformError, match="The store does not answer"):
        module.verify("kind", records.state)
    assert records.all()[0].outcome == "taken"


def test_without_a_whole_backup_there_is_nothing_to_verify(records: Records) -> None:
    records.begin(backup("failed"))
    with pytest.raises(InputError, match="There is no backup of kind"):
        module.verify("kind", records.state)
