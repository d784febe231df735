"""The engine's process, with a program in its place that does nothing but live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.automation import CommandError

from ops.engine import BoundEngine

ROOT = Path(__file__).parents[3]
FAKE = """#!/bin/sh
case "$1" in
version) echo v3.259.0 ;;
*)
  echo "$@" > said
  [ "$2" = trap ] && trap 'sleep "$3"; touch ended; exit 1' INT
  echo $$ > pid.new; mv pid.new pid
  case "$2" in
  sleep) exec sleep 60 ;;
  trap) while :; do sleep 0.1; done ;;
  *) [ "$2" = ok ] ;;
  esac ;;
esac
"""
STARTER = "import sys; from ops.engine import BoundEngine; BoundEngine().run(sys.argv[2:], sys.argv[1], {})"
LONG_SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the engine's stand-in is found first, and writes down its process and its words."""
    (tmp_path / "pulumi").write_text(FAKE)
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_engine_ends_with_the_process_that_started_it(folder: Path, how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(folder), "sleep"], cwd=ROOT) as starter:
        wait_for((folder / "pid").exists)
        engine = int((folder / "pid").read_text())
        assert is_there(engine)
        starter.send_signal(how)
    wait_for(lambda: not is_there(engine))


@pytest.mark.parametrize(("seconds", "times"), [("0.5", 1), ("5", 2)])
def test_ctrl_c_lets_the_engine_end_what_it_has_begun_and_a_second_one_kills_it(folder: Path, seconds: str, times: int) -> None:
    words = [sys.executable, "-c", STARTER, str(folder), "trap", seconds]
    with subprocess.Popen(words, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True) as starter:
        assert starter.stderr
        wait_for((folder / "pid").exists)
        os.killpg(starter.pid, signal.SIGINT)
        assert "Stopping" in starter.stderr.readline()
        if times == 2:
            starter.send_signal(signal.SIGINT)
        assert starter.wait(LONG_SECONDS) == -signal.SIGINT
        assert (folder / "ended").exists() == (times == 1)
        wait_for(lambda: not is_there(int((folder / "pid").read_text())))


def test_the_engine_does_not_begin_when_its_starter_is_gone_already(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = BoundEngine()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(CommandError):
        engine.run(["ok"], str(folder), {})
    assert not (folder / "pid").exists()


@pytest.mark.parametrize("has_setpriv", [True, False])
def test_the_engine_gets_its_words_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch, has_setpriv: bool) -> None:
    if not has_setpriv:
        monkeypatch.setattr("shutil.which", lambda _name: None)
    assert BoundEngine().run(["ok", "two words"], str(folder), {}).code == 0
    assert (folder / "said").read_text() == "--non-interactive ok two words\n"
    with pytest.raises(CommandError):
        BoundEngine().run(["fail"], str(folder), {})


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
