"""What a rollback says before it starts, and what it refuses to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import EXIT_FAILED_RUN, InputError, PlatformError
from ops.releases.book import Hold
from ops.releases.rollback import require_no_contract_step, settings_of, show_difference
from settings import Settings
from tests.unit.ops.releases.makers import back, release


def test_files_of_an_older_form_are_left_to_the_program_that_wrote_them(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.test.yaml").write_text("config: {highstreetly:formerly: 1}\n")
    with pytest.raises(InputError) as refused:
        settings_of(release(7), tmp_path)
    assert "release 7" in refused.value.what
    assert "formerly" in refused.value.why
    assert f"git worktree add ../release-7 {release(7).commit[:12]}" in refused.value.remedy
    assert "./hs rollback test --to 7" in refused.value.remedy


@pytest.fixture
def contract_step(monkeypatch: pytest.MonkeyPatch) -> str:
    """A contract step that the database of orders has had, and no release knows."""
    step = "V9__contract_drop_note.sql"
    monkeypatch.setattr("ops.releases.databases.owners", lambda _environment: [])
    monkeypatch.setattr("ops.releases.databases.applied_scripts", lambda _owners, _ca: {"orders": [step]})
    return step


def test_a_contract_step_is_refused_before_anything_is_touched(contract_step: str, settings: Settings) -> None:
    with pytest.raises(InputError) as refused:
        require_no_contract_step("kind", settings, release(7))
    assert refused.value.what == "kind cannot return to release 7 (test/1.7.0); nothing was touched."
    assert f"orders/{contract_step}" in refused.value.why
    assert "resume" not in refused.value.remedy


def test_one_that_a_stopped_rollout_brought_is_a_failure_that_says_what_was_done(contract_step: str, settings: Settings) -> None:
    with pytest.raises(PlatformError) as failed:
        require_no_contract_step("kind", settings, release(7), Hold("rolled back", "ada", "2026-11-23T09:00:00+00:00"))
    assert failed.value.exit_code == EXIT_FAILED_RUN
    assert "whatever was at work was stopped, and kind is held by ada" in failed.value.what
    assert f"orders/{contract_step}" in failed.value.why
    assert "./hs resume kind" in failed.value.remedy


def test_the_difference_is_that_to_what_runs_and_not_to_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show_difference(release(1), [release(1), release(2), release(3, "failed")])
    assert "orders-api: 1.2.0 → 1.1.0" in capsys.readouterr().out


def test_after_a_rollback_the_release_that_it_returned_to_is_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    show_difference(release(2), [release(1), release(2), back(3, 1)])
    assert "orders-api: 1.1.0 → 1.2.0" in capsys.readouterr().out
    show_difference(release(1), [release(1, "failed")])
    assert "No release runs" in capsys.readouterr().out
