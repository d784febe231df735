"""Commands on other machines: what ssh is told, what it is given, and what a failure says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import PlatformError
from ops.machines import CONFIGURATION_VARIABLE, Machine, machine

SSH = """#!/bin/sh
# An ssh that runs the command here, and writes down how it was called.
printf '%s\\n' "$@" > "{log}"
for last; do :; done
exec sh -c "$last"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh of the test's own in PATH; gives the file in which its arguments stand."""
    program, log = tmp_path / "bin" / "ssh", tmp_path / "arguments"
    program.parent.mkdir()
    program.write_text(SSH.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return log


def test_a_command_reaches_the_machine_word_by_word(log: Path) -> None:
    assert Machine("postgres", "/etc/hs config").run("printf", "%s|", "two words", "it's", "$HOME").text == "two words|it's|$HOME|"
    assert log.read_text().splitlines()[:5] == ["-F", "/etc/hs config", "-T", "--", "postgres"]


def test_without_a_configuration_the_user_s_own_is_used(log: Path) -> None:
    Machine("postgres").run("true")
    assert log.read_text().splitlines() == ["-T", "--", "postgres", "true"]


def test_what_is_given_goes_through_standard_input_and_stands_in_no_argument(log: Path, tmp_path: Path) -> None:
    assert Machine("postgres").run("cat", given=b"a secret\n\xff").output == b"a secret\n\xff"
    assert "secret" not in log.read_text()
    path = tmp_path / "dump"
    path.write_bytes(b"a secret in a file")
    with path.open("rb") as file:
        assert Machine("postgres").run("cat", given=file).output == b"a secret in a file"
    assert "secret" not in log.read_text()


@pytest.mark.usefixtures("log")
def test_a_command_that_fails_says_what_it_said_apart_from_its_output() -> None:
    with pytest.raises(PlatformError) as failed:
        Machine("postgres").run("sh", "-c", "echo output; echo why >&2; exit 3", what="It did not work.", remedy="mend it")
    assert (failed.value.what, failed.value.why, failed.value.remedy) == ("It did not work.", "exit code 3\nwhy", "mend it")
    answer = Machine("postgres").try_run("sh", "-c", "echo output; echo why >&2; exit 3")
    assert (answer.code, answer.text, answer.errors) == (3, "output", "why\n")


@pytest.mark.usefixtures("log")
def test_a_machine_that_cannot_be_reached_is_named_with_the_command_that_shows_it() -> None:
    with pytest.raises(PlatformError) as failed:
        Machine("postgres", "/etc/config").try_run("sh", "-c", "echo no route to host >&2; exit 255")
    assert "The machine postgres cannot be reached over SSH." in failed.value.what
    assert "no route to host" in failed.value.why
    assert "ssh -F /etc/config postgres" in failed.value.remedy


def test_a_configuration_that_is_named_must_be_there(tmp_path: Path) -> None:
    assert machine("postgres", {}) == Machine("postgres")
    there = tmp_path / "ssh_config"
    there.touch()
    assert machine("postgres", {CONFIGURATION_VARIABLE: str(there)}).configuration == str(there)
    with pytest.raises(PlatformError) as failed:
        machine("postgres", {CONFIGURATION_VARIABLE: str(tmp_path / "nowhere")})
    assert CONFIGURATION_VARIABLE in failed.value.why
