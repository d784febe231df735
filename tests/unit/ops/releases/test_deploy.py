"""What forbids a deploy, before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import EXIT_BAD_INPUT, InputError
from ops.releases.book import Book, Hold
from ops.releases.deploy import is_same, require_promotion, require_unheld, require_unmoved
from ops.state import open_state
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


def test_the_same_content_is_nothing_to_do_only_when_it_was_verified_and_is_what_runs() -> None:
    wanted = release(0, "running", finished_at=None, commit=release(2).commit, **same(2))
    assert is_same(wanted, [release(1), release(2)])
    assert not is_same(wanted, [release(2), release(3)])
    assert not is_same(wanted, [release(2, "failed")])
    assert not is_same(wanted, [release(1), release(2), back(3, 1)])
    assert not is_same(wanted, [])


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
