"""The workflow runs of pushed tags and of schedules: a folder each, in the order in which they came, one at a time for each environment.

`concurrency` is nothing to act, so the order is kept here: a run waits until every earlier one of its environment has ended. Its process
holds a lock from before anybody can see the run until it ends, however it ends, so nobody waits for one that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

POLL_SECONDS = 0.1
WORK = "local.github.work"
"""The module that executes a run, in a process of its own."""
LOCK, RECORD, EVENT, LOG = "process", "run.json", "event.json", "log"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the workflow, as its record says; times are seconds since the epoch."""

    number: int = 0
    """Counted from 1 once it is written down."""
    environment: str
    """The tag's; runner.HOSTED for a tag of none."""
    tag: str
    """Empty for a run that a schedule started."""
    commit: str
    workflow: str = ".github/workflows/deploy.yml"
    trigger: str = "push"
    """The event's name: push, or schedule."""
    pushed: float = field(default_factory=time.time)
    started: float | None = None
    """When its pod took it."""
    first_step: float | None = None
    """When the log showed the workflow's first step."""
    ended: float | None = None
    exit_code: int | None = None
    """Of act: 0 when every job succeeded. None while it runs, and for ever when its process was killed."""
    problem: str = ""
    """Why nothing of it ran."""


def folder_of(repository: Path, number: int) -> Path:
    """Where a run keeps its event, its record and its log."""
    return repository / "runs" / str(number)


def read(folder: Path) -> Run:
    """A run's record."""
    return Run(**json.loads((folder / RECORD).read_text()))


def write(folder: Path, run: Run) -> Run:
    """Replace a run's record as a whole."""
    partial = folder / f".{RECORD}.{os.getpid()}"
    partial.write_text(json.dumps(asdict(run), indent=1) + "\n")
    partial.rename(folder / RECORD)
    return run


def every(repository: Path) -> list[Run]:
    """All runs of a repository, the oldest first."""
    numbers = sorted(int(path.name) for path in (repository / "runs").glob("[0-9]*"))
    return [read(folder_of(repository, number)) for number in numbers]


def enqueue(repository: Path, asked: Run, event: Mapping[str, Any], program: Sequence[str] | None = None) -> Run:
    """Write a run down, with its number, and start the process that executes it once its turn comes; returns at once."""
    (repository / "runs").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=repository / "runs"))
    (folder / EVENT).write_text(json.dumps(event, indent=1) + "\n")
    with (folder / LOCK).open("w") as lock, _alone(repository):
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = write(folder, replace(asked, number=max((other.number for other in every(repository)), default=0) + 1))
        folder = folder.rename(folder_of(repository, run.number))
        process = subprocess.Popen(
            [*(program or [sys.executable, "-m", WORK]), str(repository), str(run.number)],
            stdin=subprocess.DEVNULL, stdout=(folder / LOG).open("ab"), stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()], start_new_session=True,
        )  # fmt: skip
        (folder / LOCK).write_text(f"{process.pid}\n")
    return run


def wait_for_turn(repository: Path, run: Run) -> None:
    """Return once the processes of all earlier runs of the environment have ended."""
    for other in every(repository):
        if other.environment == run.environment and other.number < run.number:
            _wait_for_end(folder_of(repository, other.number), None)


def wait(repository: Path, timeout_seconds: float) -> list[Run]:
    """Wait until no run is left that is queued or at work, and return all; raises TimeoutError after ``timeout_seconds``."""
    deadline = time.monotonic() + timeout_seconds
    for run in every(repository):
        _wait_for_end(folder_of(repository, run.number), deadline)
    return every(repository)


def end(repository: Path) -> int:
    """End the processes of all runs, queued ones first, and return how many there were."""
    ended = 0
    with _alone(repository):
        for run in reversed(every(repository)):
            with (folder_of(repository, run.number) / LOCK).open() as lock:
                if _taken(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    continue
                os.killpg(int(lock.read()), signal.SIGTERM)  # it holds the lock, so the number is its own
                ended += 1
    return ended


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """Let no run come in meanwhile."""
    with (repository / "runs" / ".incoming").open("w") as incoming:
        fcntl.flock(incoming, fcntl.LOCK_EX)
        yield


def _wait_for_end(folder: Path, deadline: float | None) -> None:
    with (folder / LOCK).open() as lock:
        if deadline is None:
            fcntl.flock(lock, fcntl.LOCK_SH)
            return
        while not _taken(lock, fcntl.LOCK_SH | fcntl.LOCK_NB):
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {folder.name} has not ended; its log is {folder / LOG}")
            time.sleep(POLL_SECONDS)


def _taken(lock: IO[str], operation: int) -> bool:
    try:
        fcntl.flock(lock, operation)
    except BlockingIOError:
        return False
    return True


__all__ = ["Run", "end", "enqueue", "every", "folder_of", "read", "wait", "wait_for_turn", "write"]
