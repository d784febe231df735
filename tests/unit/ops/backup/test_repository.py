"""What pgBackRest's list of backups means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.backup.repository import oldest_end, read, taken_since
from ops.errors import PlatformError
from tests.unit.ops.backup.fakes import NOW, held

START = int(NOW.timestamp())


def backup(label: str, start: int = START, **what: Any) -> dict[str, Any]:
    """A backup as `pgbackrest --output=json info` lists it (2.45)."""
    info = {"delta": 30, "repository": {"delta": 10, "size": 20}, "size": 40}
    found = {"label": label, "type": "full", "error": False, "timestamp": {"start": start, "stop": start + 9}, "info": info}
    return found | what


def info(*backups: dict[str, Any], code: int = 0, message: str = "ok", repository: str = "ok") -> str:
    """The whole answer."""
    repo = [{"key": 1, "cipher": "aes-256-cbc", "status": {"code": code, "message": repository}}]
    return json.dumps([{"name": "main", "status": {"code": code, "message": message}, "repo": repo, "backup": list(backups)}])


def test_backups_are_listed_oldest_first_with_their_sizes_and_times() -> None:
    found = read(info(backup("B", START + 60), backup("A")))
    assert [held.label for held in found] == ["A", "B"]
    assert (found[0].size_bytes, found[0].stored_bytes, found[0].kind) == (40, 10, "full")
    assert found[0].finished_at == datetime.fromtimestamp(START + 9, UTC)
    assert oldest_end(found) == found[0].finished_at


def test_a_backup_with_an_error_cannot_be_restored_and_is_not_listed() -> None:
    assert [held.label for held in read(info(backup("A", error=True), backup("B", START + 60)))] == ["B"]


def test_a_repository_without_backups_has_none() -> None:
    found = read(info(code=2, message="no valid backups"))
    assert found == []
    assert oldest_end(found) is None


@pytest.mark.parametrize("code", [1, 3, 99])
def test_a_repository_that_cannot_be_read_is_not_an_empty_one(code: int) -> None:
    with pytest.raises(PlatformError, match="cannot be read") as failed:
        read(info(code=code, message="other", repository="[CryptoError] unable to decrypt"))
    assert "unable to decrypt" in failed.value.why


def test_what_a_wrong_passphrase_makes_of_the_repository_is_read_as_it_comes() -> None:
    raw = info(code=99, message="other", repository="[FormatError] outside of section: \x1a\x04").replace("\\u001a\\u0004", "\x1a\x04")
    with pytest.raises(PlatformError, match="cannot be read") as failed:
        read(raw)
    assert "[FormatError] outside of section: \x1a\x04" in failed.value.why


@pytest.mark.parametrize("text", ["", "[]", "{}", "ERROR: [055]", '[{"name": "main"}]'])
def test_an_answer_that_is_none_is_said(text: str) -> None:
    with pytest.raises(PlatformError, match=r"pgBackRest's answer could not be read"):
        read(text)


def test_only_a_backup_that_began_after_it_was_asked_for_counts_as_taken() -> None:
    before = [held("A", began=NOW - timedelta(hours=1))]
    by_the_clock = held("B", began=NOW - timedelta(seconds=5))
    mine = held("C", began=NOW)
    asked_at = NOW + timedelta(milliseconds=700)
    assert taken_since(before, before, asked_at) is None
    assert taken_since([*before, by_the_clock], before, asked_at) is None
    assert taken_since([*before, by_the_clock, mine], before, asked_at) == mine
