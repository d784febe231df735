"""The book of releases, and a hold that stops a run."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.errors import PlatformError
from ops.releases import stop
from ops.releases.book import BROKE_OFF, Book, Hold
from ops.releases.history import as_document
from ops.state import open_state
from tests.unit.ops.releases.makers import back, release

ENGINE = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """An empty book of `test`."""
    return Book(open_state(f"file://{tmp_path}"), "test")


def test_a_release_gets_the_next_number_and_its_end_is_written_under_it(book: Book) -> None:
    begun = [book.begin(release(0, "running", finished_at=None)) for _ in range(2)]
    assert [found.number for found in begun] == [1, 2]
    ended = book.finish(begun[1], outcome="verified", databases={"orders": "3"})
    assert [found.outcome for found in book.releases()] == ["running", "verified"]
    assert book.releases()[1] == ended
    assert ended.finished_at is not None


def test_a_release_that_never_ended_is_closed_as_failed_and_ended_ones_are_left_alone(book: Book) -> None:
    book.begin(release(0, "running", finished_at=None))
    book.begin(release(0, "verified"))
    assert [found.number for found in book.close_broken()] == [1]
    assert [(found.outcome, found.failure) for found in book.releases()] == [("failed", BROKE_OFF), ("verified", "")]
    assert book.close_broken() == []


def test_a_hold_is_there_until_it_is_ended_and_names_who_and_why(book: Book) -> None:
    assert book.hold() is None
    placed = book.set_hold("rolled back")
    assert book.hold() == placed
    assert "rolled back" in str(placed)
    assert placed.by in str(placed)
    book.set_hold("something else")
    book.end_hold()
    book.end_hold()
    assert book.hold() is None


def test_history_is_newest_first_and_compares_with_what_ran_before_not_with_what_failed() -> None:
    releases = [release(1), release(2, "failed", failure="no image"), release(3), back(4, 1)]
    document = json.loads(json.dumps(as_document("test", releases, None)))
    assert [found["number"] for found in document["releases"]] == [4, 3, 2, 1]
    assert document["releases"][1]["differences"][0] == "orders-api: 1.1.0 → 1.3.0"
    assert document["hold"] is None


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (None, False),
        (Hold("x", "ada", "2026-11-23T09:00:00+00:00", stop=True), True),
        (Hold("x", "ada", "2026-11-23T09:00:00+00:00", stop=False), False),
        (Hold("x", "ada", "2026-11-23T08:59:59+00:00", stop=True), False),
    ],
)
def test_only_a_hold_that_came_after_the_run_began_and_says_so_stops_it(hold: Hold | None, expected: bool) -> None:
    assert stop.asks_to_stop(hold, datetime(2026, 11, 23, 9, 0, 0, 500, tzinfo=UTC)) is expected


def test_a_run_is_stopped_by_the_signal_of_ctrl_c_and_says_by_whom(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "LOOK_SECONDS", 0.01)
    with subprocess.Popen([sys.executable, "-c", ENGINE, "pulumi"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as engine:
        assert engine.stdout
        assert engine.stdout.readline() == b"ready\n"
        lock = tmp_path / ".pulumi" / "locks" / "organization" / "highstreetly" / "test" / "a.json"
        lock.parent.mkdir(parents=True)
        lock.write_text(json.dumps({"pid": engine.pid, "username": "me", "hostname": socket.gethostname(), "timestamp": ""}))
        with pytest.raises(stop.Stopped) as stopped:
            fail_once_interrupted(book, engine)
    assert "rolled back to release 7" in stopped.value.why


def fail_once_interrupted(book: Book, engine: subprocess.Popen[bytes]) -> None:
    with stop.stoppable(book, datetime.now(UTC) - timedelta(seconds=5)):
        book.set_hold("rolled back to release 7", stop=True)
        assert engine.wait(timeout=10) in (-signal.SIGINT, 1)
        raise PlatformError("the engine ended with a failure")


def test_a_run_that_waits_without_an_engine_gives_way_where_it_asks(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "LOOK_SECONDS", 0.01)
    with pytest.raises(stop.Stopped, match="for a rollback"):
        give_way_once_held(book)


def give_way_once_held(book: Book) -> None:
    with stop.stoppable(book, datetime.now(UTC) - timedelta(seconds=5)) as give_way:
        give_way()
        book.set_hold("rolled back to release 7", stop=True)
        for _ in range(1000):
            time.sleep(0.01)
            give_way()


def test_a_failure_without_a_hold_stays_what_it_was(book: Book) -> None:
    with pytest.raises(PlatformError, match="no such image"), stop.stoppable(book, datetime.now(UTC)):
        raise PlatformError("no such image")
