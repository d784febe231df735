"""What a person reads of an environment's releases."""

from __future__ import annotations

import pytest

from ops.releases.history import show_history
from tests.unit.ops.releases.makers import release


def test_before_the_first_release_it_says_how_one_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    show_history("test", [], None)
    assert capsys.readouterr().out == "test has no release yet; ./hs deploy test makes the first.\n"


def test_releases_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_history("test", [release()], None)
    said = capsys.readouterr().out
    assert "Releases of test" in said
    assert "no release yet" not in said
