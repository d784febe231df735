"""The words after `./hs backup` and `./hs restore`."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from ops.backup.cli import action_of, add_commands
from ops.errors import InputError


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ("", "kind")),
        (["live"], ("", "live")),
        (["list"], ("list", "kind")),
        (["list", "live"], ("list", "live")),
        (["verify", "test"], ("verify", "test")),
    ],
)
def test_the_first_word_is_an_action_or_the_environment(words: list[str], found: tuple[str, str]) -> None:
    assert action_of(words) == found


@pytest.mark.parametrize("words", [["live", "test"], ["list", "live", "test"], ["live", "verify"]])
def test_a_word_too_many_is_refused(words: list[str]) -> None:
    with pytest.raises(InputError, match="one word too many"):
        action_of(words)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["restore", "kind"], "Give a time, or a dump."),
        (["restore", "kind", "--at", "2026-11-23T14:00:00Z", "--from", "12"], "Give a time, or a dump."),
        (["restore", "kind", "--at", "noon"], "'noon' is not a time."),
        (["backup", "verify", "--full"], "--full is for taking a backup, --json for listing them."),
        (["backup", "--json"], "--full is for taking a backup, --json for listing them."),
    ],
)
def test_words_that_do_not_go_together_are_refused_before_anything_is_read(words: list[str], what: str) -> None:
    app = typer.Typer()
    add_commands(app)
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, InputError)
    assert refused.what == what
