"""What forbids a deploy, before anything is touched."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.errors import EXIT_BAD_INPUT, InputError
from ops.releases.book import Book, Hold
from ops.releases.choose import rollback_target
from ops.releases.deploy import NOTHING_TO_DO, add_tag, deploy, is_same, require_promotion, require_unheld, require_unmoved
from ops.releases.record import Release
from ops.state import State, open_state
from settings import Settings
from tests.unit.ops.releases.makers import back, release

HELD = Hold("rolled back to release 3", "ada", "2026-11-23T09:00:00+00:00")


def test_a_tag_that_was_deployed_as_another_commit_was_moved() -> None:
    releases = [release(1), release(2)]
    with pytest.raises(InputError) as refused:
        require_unmoved("test/1.1.0", "f" * 40, releases)
    assert refused.value.exit_code == EXIT_BAD_INPUT
    assert "release 1" in refused.value.why
    require_unmoved("test/1.1.0", releases[0].commit, releases)
    require_unmoved("", "f" * 40, releases)


def test_a_held_environment_refuses_tags_and_not_people() -> None:
    with pytest.raises(InputError) as refused:
        require_unheld("test/1.4.0", HELD, "test")
    assert "rolled back to release 3" in refused.value.why
    assert refused.value.remedy == "./hs resume test"
    require_unheld("", HELD, "test")
    require_unheld("test/1.4.0", None, "test")


def ran(folder: Path, message: str, result: str = "succeeded") -> State:
    """A state in which the engine's last run of `test` was called like this."""
    history = folder / ".pulumi" / "history" / "highstreetly" / "test"
    history.mkdir(parents=True, exist_ok=True)
    number = len(list(history.iterdir()))
    (history / f"test-{number}.history.json").write_text(json.dumps({"message": message, "result": result}))
    return open_state(f"file://{folder}")


def test_the_same_content_is_nothing_to_do_only_when_it_was_verified_and_is_what_runs(tmp_path: Path) -> None:
    wanted = release(0, "running", finished_at=None, commit=release(2).commit, **same(2))
    state = ran(tmp_path, release(2).message)
    assert is_same(wanted, [release(1), release(2)], state)
    assert not is_same(wanted, [release(2), release(3)], state)
    assert not is_same(wanted, [release(2, "failed")], state)
    assert not is_same(wanted, [release(1), release(2), back(3, 1)], state)
    assert not is_same(wanted, [], state)


@pytest.mark.parametrize("message", ["", "up test"], ids=["destroyed", "somebody's own trial"])
def test_the_same_content_is_deployed_again_when_something_else_was_done_to_the_stack(tmp_path: Path, message: str) -> None:
    wanted = release(0, "running", finished_at=None, commit=release(2).commit, **same(2))
    assert not is_same(wanted, [release(2)], open_state(f"file://{tmp_path}"))
    ran(tmp_path, release(2).message)
    assert not is_same(wanted, [release(2)], ran(tmp_path, message))
    assert not is_same(wanted, [release(2)], ran(tmp_path, release(2).message, "failed"))
    assert is_same(wanted, [release(2)], ran(tmp_path, release(2).message)), "./hs drift --fix takes its name again"


def test_another_tag_for_what_runs_is_written_down_once_and_can_be_returned_to(tmp_path: Path) -> None:
    book = Book(open_state(f"file://{tmp_path}"), "test")
    newest = book.begin(release(1))
    for tag in ("test/2.0.0", "", "test/1.1.0"):
        add_tag(tag, newest, book)
    (found,) = book.releases()
    assert found.tags == ("test/1.1.0", "test/2.0.0")
    assert found.name == "test/1.1.0"
    assert rollback_target([found, release(2)], "test/2.0.0", "test") == found
    with pytest.raises(InputError, match=r"test/2\.0\.0 was moved"):
        require_unmoved("test/2.0.0", "f" * 40, [found])


def test_the_run_counts_from_before_a_hold_was_looked_for(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments: list[datetime] = []

    def describe(*given: Any) -> Release:
        moments.insert(0, given[-1])
        return release(0, "running", commit=release(2).commit, **same(2))

    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    Book(open_state(f"file://{tmp_path}"), "kind").begin(release(2))
    for name, stand_in in {
        "require_committed": lambda _root: "0" * 40,
        "files_of": lambda _commit, _root: nullcontext(tmp_path),
        "validated": lambda _stack, _folder: settings,
        "require_unheld": lambda *_given: moments.append(datetime.now(UTC)),
        "describe": describe,
        "is_same": lambda *_given: True,
    }.items():
        monkeypatch.setattr(f"ops.releases.deploy.{name}", stand_in)
    assert deploy("kind") is None
    assert NOTHING_TO_DO in capsys.readouterr().out
    assert moments == sorted(moments)


def same(number: int) -> dict[str, object]:
    found = release(number)
    return {"images": found.images, "configuration": found.configuration, "migrations": found.migrations}


def test_live_needs_what_test_verified_unless_a_reason_is_given(tmp_path: Path) -> None:
    state = open_state(f"file://{tmp_path}")
    candidate = release(5, environment="live")
    with pytest.raises(InputError) as refused:
        require_promotion(candidate, "test", state, "")
    assert "never verified in test" in refused.value.what
    assert "--reason" in refused.value.remedy
    require_promotion(candidate, "test", state, "the shop is down")
    require_promotion(candidate, None, state, "")
    Book(state, "test").begin(release(5))
    require_promotion(candidate, "test", state, "")
