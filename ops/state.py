"""What a killed run leaves in the self-managed backend: its lock, freed once its owner is gone, and its pending operations."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def free_dead_locks(state: Path, project: str, stack: str) -> list[str]:
    """Remove this stack's locks whose owner ran on this host and is gone; returns a line for each lock removed.

    Layout: `.pulumi/locks/organization/<project>/<stack>/<uuid>.json` with {pid, username, hostname, timestamp}
    (pulumi v3.259.0, pkg/backend/diy/lock.go).
    """
    freed = []
    for path in (state / ".pulumi" / "locks" / "organization" / project / stack).glob("*.json"):
        lock = json.loads(path.read_text())
        if is_dead(lock, socket.gethostname(), _is_running):
            path.unlink(missing_ok=True)
            freed.append(f"freed the lock of process {lock['pid']}, which is gone (since {lock.get('timestamp', 'unknown')})")
    return freed


def has_pending_operations(state: Path, project: str, stack: str) -> bool:
    """Whether a killed run left operations of which Pulumi does not know how they ended (layout: pkg/backend/diy/state.go)."""
    path = state / ".pulumi" / "stacks" / project / f"{stack}.json"
    if not path.exists():
        return False
    latest = (json.loads(path.read_text()).get("checkpoint") or {}).get("latest") or {}
    return bool(latest.get("pending_operations"))


def last_run_failed(state: Path, project: str, stack: str) -> bool:
    """Whether the newest finished run of a stack did not succeed: it may have changed things that the state does not hold."""
    runs = sorted((state / ".pulumi" / "history" / project / stack).glob("*.history.json"))
    return bool(runs) and json.loads(runs[-1].read_text()).get("result") != "succeeded"


def is_dead(lock: Mapping[str, Any], hostname: str, is_running: Callable[[int], bool]) -> bool:
    """Whether a lock's owner is provably gone: it ran on this host and no Pulumi process has its number."""
    return lock.get("hostname") == hostname and not is_running(int(lock["pid"]))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "pulumi" in Path(f"/proc/{pid}/cmdline").read_text()
    except PermissionError:
        return True
    except (ProcessLookupError, FileNotFoundError):
        return False
