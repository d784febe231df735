"""What a rollback says before it starts, and what it refuses to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import InputError
from ops.releases.rollback import settings_of, show_difference
from tests.unit.ops.releases.makers import back, release


def test_files_of_an_older_form_are_left_to_the_program_that_wrote_them(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.test.yaml").write_text("config: {highstreetly:formerly: 1}\n")
    with pytest.raises(InputError) as refused:
        settings_of(release(7), tmp_path)
    assert "release 7" in refused.value.what
    assert "formerly" in refused.value.why
    assert f"git worktree add ../release-7 {release(7).commit[:12]}" in refused.value.remedy
    assert "./hs rollback test --to 7" in refused.value.remedy


def test_the_difference_is_that_to_what_runs_and_not_to_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show_difference(release(1), [release(1), release(2), release(3, "failed")])
    assert "orders-api: 1.2.0 → 1.1.0" in capsys.readouterr().out


def test_after_a_rollback_the_release_that_it_returned_to_is_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    show_difference(release(2), [release(1), release(2), back(3, 1)])
    assert "orders-api: 1.1.0 → 1.2.0" in capsys.readouterr().out
    show_difference(release(1), [release(1, "failed")])
    assert "No release runs" in capsys.readouterr().out
