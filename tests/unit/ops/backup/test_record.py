"""The record of a backup: numbered, written down however it ends, and never called a backup before it was restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from ops.backup.record import KEPT_DAYS, Backup, Outcome, Part, Records, latest, verified_age
from ops.backup.show import as_document, holds
from ops.state import open_state
from tests.unit.ops.backup.fakes import NOW, content


def backup(number: int, outcome: Outcome) -> Backup:
    """A backup an hour after the one before it."""
    return Backup(environment="kind", number=number, started_at=NOW + timedelta(hours=number), outcome=outcome)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Empty ones."""
    return Records(open_state(f"file://{tmp_path}"), "kind")


def test_a_backup_is_numbered_and_read_again_as_it_was_written(records: Records) -> None:
    begun = [records.begin(backup(0, "running")) for _ in range(2)]
    assert [found.number for found in begun] == [1, 2]
    whole = begun[1].model_copy(
        update={
            "postgres": Part(name="20261123-120000F", size_bytes=5, stored_bytes=2, holds={"type": "full"}),
            "databases": {"kind_orders": content()},
            "moment": NOW,
        }
    )
    ended = records.finish(whole, "taken")
    assert records.all()[1] == ended
    assert ended.finished_at is not None
    assert records.all()[0].outcome == "running"


def test_records_of_one_environment_are_not_those_of_another(records: Records) -> None:
    records.begin(backup(0, "taken"))
    assert Records(records.state, "live").all() == []


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], "never backed up"),
        (["failed", "running"], "never backed up"),
        (["taken"], "a backup of 2026-11-23 15:00:00 UTC was never restored"),
        (["verified"], "backed up 2026-11-23 15:00:00 UTC"),
        (["verified", "failed"], "backed up 2026-11-23 15:00:00 UTC"),
        (["verified", "taken"], "backed up 2026-11-23 15:00:00 UTC; one of 2026-11-23 16:00:00 UTC was not restored yet"),
        (["damaged"], "the backup of 2026-11-23 15:00:00 UTC is damaged; there is no good one"),
        (["verified", "damaged"], "the backup of 2026-11-23 16:00:00 UTC is damaged; the last good one is of 2026-11-23 15:00:00 UTC"),
    ],
)
def test_only_what_was_restored_is_called_backed_up(outcomes: list[Outcome], words: str) -> None:
    assert latest([backup(number, outcome) for number, outcome in enumerate(outcomes, 1)], NOW).words == words


def test_what_was_restored_and_is_no_longer_kept_is_not_called_backed_up(records: Records) -> None:
    later = NOW + timedelta(days=KEPT_DAYS)
    assert latest([backup(1, "verified")], later).words.startswith("backed up")
    found = latest([backup(1, "verified"), backup(2, "taken")], later + timedelta(hours=1))
    assert found.words == "not backed up: the last that was restored, of 2026-11-23 15:00:00 UTC, is no longer kept"
    assert found.verified is None
    records.begin(backup(1, "verified"))
    assert verified_age(records.state, "kind", NOW + timedelta(days=40)) == timedelta(days=40, hours=-1)


def test_a_record_counts_as_long_as_the_machine_keeps_the_backup() -> None:
    role = Path(__file__).parents[4] / "ansible" / "roles" / "postgres" / "defaults" / "main.yml"
    assert yaml.safe_load(role.read_text())["postgres_backup_keep_days"] == KEPT_DAYS


def test_the_age_of_the_newest_verified_backup_is_what_an_alarm_looks_at(records: Records) -> None:
    now = backup(0, "taken").started_at + timedelta(hours=5)
    records.begin(backup(0, "taken"))
    assert verified_age(records.state, "kind", now) is None
    records.begin(backup(1, "verified"))
    records.begin(backup(2, "verified"))
    records.begin(backup(3, "damaged"))
    assert verified_age(records.state, "kind", now) == timedelta(hours=3)
    assert verified_age(records.state, "live", now) is None


def test_the_list_is_newest_first_and_says_what_each_holds() -> None:
    found = as_document("kind", [backup(1, "verified"), backup(2, "failed")], NOW)
    assert [one["number"] for one in found["backups"]] == [2, 1]
    assert found["latest"].startswith("backed up")
    assert holds(backup(1, "failed")) == "nothing"
    part = Part(name="A", size_bytes=3 << 20)
    whole = backup(1, "taken").model_copy(
        update={"postgres": part, "definitions": part, "archive": part.model_copy(update={"holds": {"a": "b"}})}
    )
    assert holds(whole) == "A with 0 databases of 3 MiB in all, definitions, 1 files"
