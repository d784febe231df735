"""A lock is freed only when its owner is provably gone; pending operations of a killed run are seen."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from ops.state import free_dead_locks, has_pending_operations, is_dead, last_run_failed

GONE = 4_194_304 + 1
"""Above Linux's largest process number (kernel.pid_max)."""


def lock(**changes: Any) -> dict[str, Any]:
    return {"pid": GONE, "username": "me", "hostname": socket.gethostname(), "timestamp": "2026-11-23T03:00:00Z"} | changes


def write(state: Path, content: dict[str, Any]) -> Path:
    path = state / ".pulumi" / "locks" / "organization" / "highstreetly" / "kind" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


def test_a_lock_whose_process_is_gone_is_freed(tmp_path: Path) -> None:
    path = write(tmp_path, lock())
    assert len(free_dead_locks(tmp_path, "highstreetly", "kind")) == 1
    assert not path.exists()


def test_a_lock_of_another_host_is_never_touched(tmp_path: Path) -> None:
    path = write(tmp_path, lock(hostname="elsewhere"))
    assert free_dead_locks(tmp_path, "highstreetly", "kind") == []
    assert path.exists()


def test_a_living_owner_keeps_its_lock() -> None:
    assert not is_dead(lock(), socket.gethostname(), lambda _pid: True)


def test_a_process_number_taken_by_another_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    write(tmp_path, lock(pid=os.getppid()))
    assert len(free_dead_locks(tmp_path, "highstreetly", "kind")) == 1


def test_another_stack_s_lock_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, lock())
    assert free_dead_locks(tmp_path, "highstreetly", "live") == []
    assert path.exists()


def checkpoint(state: Path, **latest: Any) -> None:
    path = state / ".pulumi" / "stacks" / "highstreetly" / "kind.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


def test_operations_whose_end_is_unknown_are_seen(tmp_path: Path) -> None:
    checkpoint(tmp_path, pending_operations=[{"type": "creating"}])
    assert has_pending_operations(tmp_path, "highstreetly", "kind")


def test_a_whole_state_has_none_and_neither_has_a_new_stack(tmp_path: Path) -> None:
    assert not has_pending_operations(tmp_path, "highstreetly", "kind")
    checkpoint(tmp_path, resources=[])
    assert not has_pending_operations(tmp_path, "highstreetly", "kind")


def test_only_the_newest_run_s_failure_counts(tmp_path: Path) -> None:
    history = tmp_path / ".pulumi" / "history" / "highstreetly" / "kind"
    assert not last_run_failed(tmp_path, "highstreetly", "kind")
    history.mkdir(parents=True)
    (history / "kind-1.history.json").write_text(json.dumps({"result": "failed"}))
    assert last_run_failed(tmp_path, "highstreetly", "kind")
    (history / "kind-2.history.json").write_text(json.dumps({"result": "succeeded"}))
    assert not last_run_failed(tmp_path, "highstreetly", "kind")
