"""How a rollout ends is written down as it is: until the engine is done what ran before still runs, afterwards the new release does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.errors import PlatformError
from ops.releases import run
from ops.releases.book import Book
from ops.releases.run import Candidate, roll_out
from ops.state import open_state
from settings import Settings
from tests.unit.ops.releases.makers import back, release

SILENT = PlatformError("The database kind_orders does not answer.", why="connection refused", remedy="./hs status")


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """An empty book of `kind`, whose rollouts go well unless a test breaks them."""
    monkeypatch.setattr("ops.releases.databases.owners", lambda _environment: [])
    monkeypatch.setattr("ops.releases.databases.versions", lambda _owners, _ca: {"orders": "3"})
    monkeypatch.setattr("ops.deploy.bring_up", lambda *_words, **_options: {})
    monkeypatch.setattr(run, "_verify", lambda _settings: "")
    return Book(open_state(f"file://{tmp_path}"), "kind")


@pytest.fixture
def candidate(settings: Settings, tmp_path: Path) -> Candidate:
    """A release of `kind` that is about to be rolled out."""
    return Candidate(release(0, "running", environment="kind", finished_at=None), settings, tmp_path)


def fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_words: object, **_options: object) -> None:
        raise error

    return fail


def test_a_rollout_that_went_well_is_verified_with_the_databases_versions(book: Book, candidate: Candidate) -> None:
    ended = roll_out(candidate, book, None, {}, dump=False)
    assert (ended.outcome, ended.failure, ended.databases) == ("verified", "", {"orders": "3"})
    assert book.releases() == [ended]


@pytest.mark.parametrize("error", [PlatformError("no such image"), KeyboardInterrupt()], ids=["a failure", "Ctrl-C"])
def test_until_the_engine_is_done_it_failed(
    book: Book, candidate: Candidate, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.deploy.bring_up", fails(error))
    with pytest.raises(type(error)):
        roll_out(candidate, book, None, {}, dump=False)
    (ended,) = book.releases()
    assert (ended.outcome, ended.failure) == ("failed", str(error) or run.INTERRUPTED)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("", "./hs rollback kind"),
        ("./hs logs orders-api", "./hs logs orders-api; or ./hs rollback kind"),
        ("./hs rollback kind", "./hs rollback kind"),
    ],
)
def test_a_deploy_that_failed_is_told_the_way_back_too(
    book: Book, candidate: Candidate, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    monkeypatch.setattr("ops.deploy.bring_up", fails(PlatformError("no such image", remedy=said)))
    with pytest.raises(PlatformError) as failed:
        roll_out(candidate, book, None, {}, dump=False)
    assert failed.value.remedy == remedy


def test_a_rollback_that_failed_is_told_no_other_way_than_its_own(
    book: Book, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.deploy.bring_up", fails(PlatformError("no such image", remedy="try again")))
    with pytest.raises(PlatformError) as failed:
        roll_out(Candidate(back(3, to=1), candidate.settings, candidate.folder), book, None, {}, dump=False)
    assert failed.value.remedy == "try again"


def test_ctrl_c_while_it_is_verified_leaves_it_running_unverified(
    book: Book, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_verify", fails(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        roll_out(candidate, book, None, {}, dump=False)
    (ended,) = book.releases()
    assert (ended.outcome, ended.failure) == ("unverified", run.INTERRUPTED)


def test_a_database_that_does_not_answer_afterwards_leaves_it_running_unverified(
    book: Book, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.releases.databases.versions", fails(SILENT))
    with pytest.raises(PlatformError) as failed:
        roll_out(candidate, book, None, {}, dump=False)
    assert failed.value.what == "Release 1 of kind runs, but is not verified."
    assert failed.value.why == f"{SILENT.what}\n{SILENT.why}"
    (ended,) = book.releases()
    assert (ended.outcome, ended.failure) == ("unverified", failed.value.why)


def test_the_engine_calls_its_run_like_the_release_and_a_failure_tells_the_command_again(
    book: Book, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr("ops.deploy.bring_up", lambda *_words, **options: told.update(options))
    ended = roll_out(candidate, book, None, {}, dump=False)
    assert (told["message"], told["again"]) == (ended.message, "./hs deploy kind")
    assert ended.message == "release 1 test/1.0.0"
    assert Candidate(back(3, to=1), candidate.settings, candidate.folder).command == "./hs rollback test --to 1"
