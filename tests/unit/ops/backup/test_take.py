"""Taking a backup: every part is tried, and the record says which were not taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.backup import take as module
from ops.backup.record import Records
from ops.backup.repository import Held
from ops.backup.store import Store
from ops.errors import PlatformError
from ops.state import State, open_state
from settings import Settings
from tests.unit.ops.backup.fakes import NOW, FakeMachine, FakeServer, content, held, ok

SETTINGS = cast(
    Settings, SimpleNamespace(stack="kind", environment=object(), catalogue=SimpleNamespace(contexts={"orders": 1, "shops": 1}))
)
EXPORT = json.dumps({"users": [{"name": "a"}], "vhosts": [{"name": "kind"}]}).encode()


@dataclass(frozen=True)
class BackedUp(FakeServer):
    """A server whose backups come as the test lists them, one for each that is taken."""

    coming: list[Held] = field(default_factory=list)
    later: dict[str, Any] = field(default_factory=dict)
    looked: list[Sequence[str]] = field(default_factory=list)

    def take_backup(self, *, full: bool) -> None:
        """The next one."""
        self.log.append(f"backup {full}")
        self.backups_held.append(self.coming.pop(0))

    def moment(self) -> Any:
        """A minute later; from then on the databases hold something else."""
        self.present.update(self.later)
        return NOW + timedelta(minutes=1)


def server(*coming: Held, **later: Any) -> BackedUp:
    """A server with one database of the environment, and another's."""
    present = {"kind_orders": content(), "live_orders": content()}
    return BackedUp(FakeMachine(), 5432, present=present, coming=list(coming), later=later)


def test_postgresql_is_backed_up_and_the_environment_s_databases_are_described_at_a_moment_afterwards() -> None:
    asked = server(held("mine", kind="incr"), kind_orders=content(rows=4, checksum="9"))
    found = module.take_databases(asked, SETTINGS, full=False)
    assert found["postgres"].name == "mine"
    assert found["moment"] == NOW + timedelta(minutes=1)
    assert list(found["databases"]) == ["kind_orders"]
    table = found["databases"]["kind_orders"].tables["public.events"]
    assert (table.rows, table.rows_later, table.checksum) == (3, 4, "")
    assert asked.log == ["backup False"]


def test_a_backup_that_the_clock_had_begun_is_waited_for_and_one_more_is_taken() -> None:
    asked = server(held("the clock's", began=NOW - timedelta(minutes=1)), held("mine"))
    assert module.take_databases(asked, SETTINGS, full=True)["postgres"].name == "mine"
    assert asked.log == ["backup True", "backup True"]


def test_a_repository_without_a_new_backup_is_no_backup() -> None:
    early = [held(name, began=NOW - timedelta(minutes=1)) for name in ("a", "b")]
    with pytest.raises(PlatformError, match="could not be backed up"):
        module.take_databases(server(*early), SETTINGS, full=False)


def test_an_environment_without_databases_has_nothing_that_could_be_verified() -> None:
    asked = server(held("mine"))
    asked.present.pop("kind_orders")
    with pytest.raises(PlatformError, match="has no databases"):
        module.take_databases(asked, SETTINGS, full=False)


def test_definitions_are_read_back_and_counted() -> None:
    def reply(words: tuple[str, ...], _given: bytes) -> Any:
        return ok(EXPORT) if "show" in words else ok(b"definitions-1.json.enc\n")

    part = module.take_definitions(Store(FakeMachine(reply=reply)))["definitions"]
    assert (part.name, part.size_bytes, part.holds["users"]) == ("definitions-1.json.enc", len(EXPORT), "1")


def test_definitions_that_are_none_are_not_taken() -> None:
    def reply(words: tuple[str, ...], _given: bytes) -> Any:
        return ok(b"{}") if "show" in words else ok(b"definitions-1.json.enc\n")

    with pytest.raises(PlatformError, match="could not be backed up"):
        module.take_definitions(Store(FakeMachine(reply=reply)))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """An empty state; the environment's settings need no files."""
    monkeypatch.setattr(module, "validated", lambda _environment: SETTINGS)
    return open_state(f"file://{tmp_path}")


def test_one_part_that_fails_keeps_the_others_and_the_record_says_so(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> dict[str, Any]:
        raise PlatformError("The cluster did not answer.", why="connection refused")

    monkeypatch.setattr(
        module, "_parts", lambda *_parts, **_full: (lambda: {"moment": NOW}, fails, lambda: {"databases": {"a": content()}})
    )
    with pytest.raises(PlatformError, match="is not whole") as failed:
        module.take("kind", state)
    assert "connection refused" in failed.value.why
    [record] = Records(state, "kind").all()
    assert record.outcome == "failed"
    assert (record.moment, list(record.databases)) == (NOW, ["a"])
    assert record.failures == ("The cluster did not answer.\nconnection refused",)


def test_a_whole_one_is_taken_and_not_more(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_parts", lambda *_parts, **_full: (lambda: {"moment": NOW},))
    assert module.take("kind", state, full=True).outcome == "taken"
    [record] = Records(state, "kind").all()
    assert (record.outcome, record.full, record.failures) == ("taken", True, ())


def test_one_that_is_interrupted_is_written_down_as_failed(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_parts", lambda *_parts, **_full: (interrupt,))
    with pytest.raises(KeyboardInterrupt):
        module.take("kind", state)
    assert [record.outcome for record in Records(state, "kind").all()] == ["failed"]
