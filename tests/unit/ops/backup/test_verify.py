"""Verifying a backup: restored, compared, and called what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.backup import aside, broker, control_plane, etcd, restored_secrets, states
from ops.backup import verify as module
from ops.backup.archive import ACCOUNTS, CERTIFICATES, STATE_FOLDER, hashes, pack
from ops.backup.content import Content
from ops.backup.definitions import summary
from ops.backup.record import Backup, Outcome, Part, Records
from ops.backup.store import Store
from ops.errors import InputError, PlatformError
from ops.machines import Answer
from ops.state import open_state
from settings import Settings
from tests.unit.ops.backup.fakes import NOW, FakeMachine, FakeServer, content, held, ok

EXPORT = json.dumps({"users": [{"name": "a"}], "vhosts": [{"name": "kind"}]}).encode()
FILES = {
    f"{STATE_FOLDER}highstreetly/kind.json": b'{"checkpoint": {}}',
    CERTIFICATES: b'{"items": []}',
    ACCOUNTS: b'{"items": []}',
    control_plane.SNAPSHOT: b"snapshot",
    control_plane.CERTIFICATES: b"keys",
}
HELD = etcd.Content(version="3.6.14", revision=72, keys=49, checksum="1", compacted=40)
SETTINGS = cast(Settings, SimpleNamespace(stack="kind", environment=SimpleNamespace(images=SimpleNamespace(migrations="flyway"))))


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each finds wrong with what it is given to restore: nothing, unless a test says so."""
    findings: dict[str, list[str]] = {"broker": [], "states": [], "secrets": [], "etcd": []}
    monkeypatch.setattr(broker, "restored_problems", lambda *_given: findings["broker"])
    monkeypatch.setattr(states, "restored_problems", lambda *_given: findings["states"])
    monkeypatch.setattr(restored_secrets, "restored_problems", lambda *_given: findings["secrets"])
    monkeypatch.setattr(etcd, "restored_problems", lambda *_given: findings["etcd"])
    monkeypatch.setattr(control_plane, "snapshot_problem", lambda *_given: "")
    monkeypatch.setattr(control_plane, "certificates_problem", lambda *_given: "")
    monkeypatch.setattr(aside, "namespace", lambda environment: nullcontext(f"{environment}-restored"))
    return findings


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
        etcd=HELD,
    )


def databases(asked: FakeServer, of: Backup, held: Sequence[str]) -> module.Found:
    """What a verification of the databases finds."""
    found = module.Found()
    module.check_databases(asked, of, held, found)
    return found


def others(kept: Store, of: Backup) -> module.Found:
    """What a verification of all that lies beside the databases finds."""
    found = module.Found()
    module.check_definitions(kept, of, SETTINGS, found)
    module.check_archive(kept, of, SETTINGS, found)
    return found


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
    found = databases(asked, backup(), [held().label])
    assert (found.problems, found.restored) == ([], {"databases": "1 databases, 1 tables, 3 rows"})
    assert asked.log == ["aside 14:00:00", "aside removed"]


@pytest.mark.parametrize(
    ("past", "finding"),
    [
        ({}, "kind_orders is missing"),
        ({"kind_orders": content(rows=2)}, "kind_orders: public.events has 2 rows; at that moment it had 3"),
    ],
)
def test_a_restored_database_that_is_another_is_a_finding(past: dict[str, Content], finding: str) -> None:
    found = databases(server(**past), backup(), [held().label])
    assert (found.problems, found.restored) == ([finding], {})


def test_a_backup_that_is_gone_from_the_repository_is_a_finding_and_no_older_one_is_restored_in_its_place() -> None:
    asked = server(kind_orders=content())
    [finding] = databases(asked, backup(), ["another"]).problems
    assert "is gone from the repository" in finding
    assert asked.log == []


def test_a_backup_that_cannot_be_restored_is_a_finding() -> None:
    refusing = Refusing(FakeMachine(), 5432, said="exit code 1\nrestore-aside: runuser: ERROR: [082]: checksum mismatch")
    [finding] = databases(refusing, backup(), [held().label]).problems
    assert "checksum mismatch" in finding


@pytest.mark.parametrize("said", ["/var has 3 MiB free, and the copy may need 9 MiB", "there is a copy already", "another one is at work"])
def test_a_machine_that_has_no_room_for_a_copy_says_nothing_about_the_backup(said: str) -> None:
    with pytest.raises(PlatformError, match="cannot be restored"):
        databases(Refusing(FakeMachine(), 5432, said=said), backup(), [held().label])


def test_what_is_stored_beside_the_databases_is_restored_and_the_record_says_how_much_of_what() -> None:
    found = others(store(), backup())
    assert found.problems == []
    assert set(found.restored) == {"definitions", "states", CERTIFICATES, ACCOUNTS, control_plane.SNAPSHOT}
    assert found.restored["etcd.db"] == "49 keys at revision 72"
    assert found.restored["states"] == "1 stacks"


def test_what_is_not_as_it_was_stored_is_not_restored() -> None:
    assert others(store(definitions=EXPORT + b" "), backup()).problems == ["the definitions are not what was stored"]
    found = others(store(archive=b"garbage"), backup())
    [finding] = found.problems
    assert finding.startswith("the archive cannot be opened")
    assert set(found.restored) == {"definitions"}


@pytest.mark.parametrize(
    ("who", "parts"),
    [
        ("broker", {"definitions"}),
        ("states", {"states"}),
        ("secrets", {CERTIFICATES, ACCOUNTS}),
        ("etcd", {control_plane.SNAPSHOT}),
    ],
)
def test_what_is_not_taken_back_is_a_finding_and_not_called_restored(restored: dict[str, list[str]], who: str, parts: set[str]) -> None:
    restored[who] = ["it is not the same"]
    found = others(store(), backup())
    assert set(found.problems) == {"it is not the same"}
    assert parts & set(found.restored) == set()
    assert len(found.restored) == 5 - len(parts)


def test_a_backup_that_lacks_a_part_is_not_verified_without_it() -> None:
    empty = Backup(environment="kind", started_at=NOW, outcome="taken")
    assert databases(server(), empty, []).problems == ["the backup holds no databases"]
    assert others(store(), empty).problems == ["the backup holds no definitions", "the backup holds no archive"]
    older = backup().model_copy(update={"etcd": None})
    assert others(store(), older).problems == ["the backup does not say what etcd held"]


@pytest.mark.parametrize("name", [CERTIFICATES, ACCOUNTS, control_plane.SNAPSHOT, control_plane.CERTIFICATES])
def test_an_archive_that_was_taken_without_a_file_is_not_verified_without_it(name: str) -> None:
    files = {key: content for key, content in FILES.items() if key != name}
    short = backup().model_copy(update={"archive": Part(name="archive", size_bytes=1, holds=hashes(files))})
    assert others(store(archive=pack(files)), short).problems == [f"the archive holds no {name}"]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """The records of `kind`; machines answer as the test's own functions do."""
    monkeypatch.setattr(module, "validated", lambda _environment: SETTINGS)
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
    assert set(found.restored) == {"databases", "definitions", "states", CERTIFICATES, ACCOUNTS, control_plane.SNAPSHOT}
    assert records.all()[1].restored == found.restored
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
