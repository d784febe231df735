"""State in a folder: turns, locks, documents, and what a killed run left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ops.errors import InputError, PlatformError
from ops.state import State, open_state
from ops.state.locks import Holder
from ops.state.state import is_running

STACK = "kind"
GONE = 4_194_304 + 1
"""Above Linux's largest process number (kernel.pid_max)."""
HOLD_UNTIL_KILLED = """
import sys, time
from ops.state import open_state
with open_state(sys.argv[1]).turn("kind", "deploy kind/1.0.0", print, print):
    print("has it", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(f"file://{tmp_path}")


def write(folder: Path, name: str, content: dict[str, Any]) -> Path:
    path = folder / ".pulumi" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def lock(folder: Path, stack: str = STACK, **changes: Any) -> Path:
    content = {"pid": GONE, "username": "me", "hostname": socket.gethostname(), "timestamp": "2026-11-23T03:00:00Z"} | changes
    return write(folder, f"locks/organization/highstreetly/{stack}/a.json", content)


def told_in_a_turn(state: State) -> list[str]:
    told: list[str] = []
    with state.turn(STACK, "test", told.append, told.append):
        pass
    return told


def test_a_lock_whose_process_is_gone_is_freed_and_told(state: State, tmp_path: Path) -> None:
    path = lock(tmp_path)
    beside = path.with_name("a.json.attrs")
    beside.write_text("{}")  # what the engine's file store notes of each file
    assert str(GONE) in told_in_a_turn(state)[0]
    assert not path.exists()
    assert not beside.exists()


def test_a_process_number_taken_by_another_program_does_not_keep_the_lock(state: State, tmp_path: Path) -> None:
    path = lock(tmp_path, pid=os.getppid())
    told_in_a_turn(state)
    assert not path.exists()


def test_another_stack_s_lock_is_left_alone(state: State, tmp_path: Path) -> None:
    path = lock(tmp_path, stack="live")
    assert told_in_a_turn(state) == []
    assert path.exists()


def test_a_lock_of_another_host_is_never_broken_and_its_owner_is_named(state: State, tmp_path: Path) -> None:
    path = lock(tmp_path, hostname="elsewhere")
    with pytest.raises(PlatformError) as refused:
        told_in_a_turn(state)
    assert "me on elsewhere" in refused.value.why
    assert "pulumi cancel --stack kind" in refused.value.remedy
    assert path.exists()


def test_a_living_engine_is_waited_for(state: State, tmp_path: Path) -> None:
    program = "import time; print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, "pulumi"], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout
        assert engine.stdout.readline() == "ready\n"
        lock(tmp_path, pid=engine.pid)
        waited: list[str] = []

        def kill(holder: str) -> None:
            waited.append(holder)
            engine.kill()
            engine.wait()

        with state.turn(STACK, "test", kill, lambda _line: None):
            assert len(waited) == 1
            assert str(engine.pid) in waited[0]


def test_two_have_the_turn_one_after_the_other_and_the_second_is_told_whom_it_waits_for(state: State) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_KILLED, f"file://{state_folder(state)}"], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == "has it\n"
        waited: list[str] = []

        def kill(holder: str) -> None:
            waited.append(holder)
            first.kill()
            first.wait()

        with state.turn(STACK, "rollback", kill, lambda _line: None):
            assert len(waited) == 1
            assert f"process {first.pid}" in waited[0]
            assert "deploy kind/1.0.0" in waited[0]


def noted(folder: Path) -> Path:
    """The note of a killed turn of another host, at the place where a turn was."""
    turn = next((folder / ".highstreetly" / "turns").iterdir())
    turn.write_text(json.dumps([Holder("ada", "runner-1", 1, "2026-11-23T02:59:00+00:00", "deploy").as_document()]))
    return turn


def test_nothing_is_noted_of_a_turn_that_ended_so_that_a_later_lock_of_its_host_is_respected(state: State, tmp_path: Path) -> None:
    told_in_a_turn(state)
    with pytest.raises(KeyboardInterrupt), state.turn(STACK, "test", pytest.fail, pytest.fail):
        raise KeyboardInterrupt
    turn = next((tmp_path / ".highstreetly" / "turns").iterdir())
    assert json.loads(turn.read_text()) == []


def test_the_note_of_a_turn_stays_where_its_killed_engine_left_a_lock(state: State, tmp_path: Path) -> None:
    with state.turn(STACK, "test", pytest.fail, pytest.fail):
        lock(tmp_path)
    turn = next((tmp_path / ".highstreetly" / "turns").iterdir())
    assert [found["host"] for found in json.loads(turn.read_text())] == [socket.gethostname()]


def test_a_lock_that_somebody_alive_took_meanwhile_is_not_noted_as_this_turn_s(state: State, tmp_path: Path) -> None:
    program = "import time; print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, "pulumi"], stdout=subprocess.PIPE, text=True) as by_hand:
        assert by_hand.stdout
        assert by_hand.stdout.readline() == "ready\n"
        with state.turn(STACK, "test", pytest.fail, pytest.fail):
            path = lock(tmp_path, pid=by_hand.pid)
        by_hand.kill()
    assert json.loads(next((tmp_path / ".highstreetly" / "turns").iterdir()).read_text()) == []
    assert path.exists()


def test_where_no_system_says_what_a_process_runs_it_counts_as_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_running(os.getppid())
    monkeypatch.setattr("ops.state.state.PROCESSES", tmp_path / "proc")
    assert is_running(os.getppid())
    assert not is_running(GONE)


def test_a_lock_of_another_host_is_freed_when_the_turn_it_was_taken_in_is_over(state: State, tmp_path: Path) -> None:
    told_in_a_turn(state)
    noted(tmp_path)
    path = lock(tmp_path, hostname="runner-1")
    assert len(told_in_a_turn(state)) == 1
    assert not path.exists()


def test_a_holder_that_could_not_free_a_lock_leaves_the_record_of_whose_it_is(state: State, tmp_path: Path) -> None:
    told_in_a_turn(state)
    turn = noted(tmp_path)
    path = lock(tmp_path, hostname="runner-2")
    with pytest.raises(PlatformError):
        told_in_a_turn(state)
    assert [found["host"] for found in json.loads(turn.read_text())] == ["runner-1"]
    path.unlink()
    told_in_a_turn(state)
    assert json.loads(turn.read_text()) == []


def state_folder(state: State) -> Path:
    return Path(str(vars(state)["folder"]))


def test_documents_have_numbers_of_their_own_in_each_collection_and_environment(state: State) -> None:
    assert state.read_documents("releases", "test") == []
    assert [state.append_document("releases", name, {"for": name}) for name in ("test", "test", "live")] == [1, 2, 1]
    state.write_document("releases", "test", 1, {"for": "changed"})
    assert state.read_documents("releases", "test") == [(1, {"for": "changed"}), (2, {"for": "test"})]
    state.delete_document("releases", "test", 2)
    state.delete_document("releases", "test", 2)
    assert state.read_documents("releases", "test") == [(1, {"for": "changed"})]


def test_documents_appended_at_once_get_a_number_each_without_a_gap(state: State) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        numbers = list(pool.map(lambda number: state.append_document("releases", "test", {"n": number}), range(64)))
    assert sorted(numbers) == list(range(1, 65))
    assert {document["n"] for _, document in state.read_documents("releases", "test")} == set(range(64))
    assert not list(state_folder(state).rglob("*.partial"))


def test_documents_are_their_owners_alone(state: State, tmp_path: Path) -> None:
    state.append_document("releases", "test", {})
    path = next(tmp_path.rglob("1.json"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def checkpoint(folder: Path, **latest: Any) -> None:
    write(folder, f"stacks/highstreetly/{STACK}.json", {"version": 3, "checkpoint": {"latest": latest}})


def test_operations_whose_end_is_unknown_are_seen(state: State, tmp_path: Path) -> None:
    assert not state.has_pending_operations(STACK)
    checkpoint(tmp_path, resources=[])
    assert not state.has_pending_operations(STACK)
    checkpoint(tmp_path, pending_operations=[{"type": "creating"}])
    assert state.has_pending_operations(STACK)


def test_only_the_newest_run_s_failure_counts(state: State, tmp_path: Path) -> None:
    assert not state.last_run_failed(STACK)
    write(tmp_path, f"history/highstreetly/{STACK}/{STACK}-1.history.json", {"result": "failed"})
    write(tmp_path, f"history/highstreetly/{STACK}/{STACK}-1.checkpoint.json", {})
    assert state.last_run_failed(STACK)
    write(tmp_path, f"history/highstreetly/{STACK}/{STACK}-2.history.json", {"result": "succeeded"})
    assert not state.last_run_failed(STACK)


def test_a_backend_without_turns_is_refused() -> None:
    with pytest.raises(InputError, match="azblob"):
        open_state("azblob://bucket")
