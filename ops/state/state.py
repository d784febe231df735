"""The self-managed state of a project's stacks: what the engine keeps there, whose turn it is, and the platform's own documents."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from ops import console
from ops.errors import EXIT_FAILED_RUN, PlatformError
from ops.state.locks import Holder, Lock, judge

POLL_SECONDS = 0.5
"""How often somebody who waits looks whether it is their turn."""
PROCESSES = Path("/proc")
"""What each process runs (proc(5))."""


class State(ABC):
    """One backend. The engine's keys are the same in every one of them (pulumi v3.259.0, pkg/backend/diy/state.go)."""

    def __init__(self, project: str) -> None:
        self.project = project

    @abstractmethod
    def keys(self, prefix: str) -> list[str]:
        """The engine's keys that begin with ``prefix``, in their order."""

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """What the engine keeps under a key; None without it."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete one of the engine's keys; nothing happens without it."""

    @abstractmethod
    def read_documents(self, collection: str, environment: str) -> list[tuple[int, dict[str, Any]]]:
        """The documents of a collection with their numbers, in order."""

    @abstractmethod
    def append_document(self, collection: str, environment: str, document: dict[str, Any]) -> int:
        """Keep a new document under the next number, and return that."""

    @abstractmethod
    def write_document(self, collection: str, environment: str, number: int, document: dict[str, Any]) -> None:
        """Keep a document under a number, in place of what was there."""

    @abstractmethod
    def delete_document(self, collection: str, environment: str, number: int) -> None:
        """Delete a document; nothing happens without it."""

    @abstractmethod
    def hold(self, stack: str, mine: Holder, on_wait: Callable[[Holder | None], None]) -> AbstractContextManager[list[Holder]]:
        """Wait until nobody else has the turn on a stack and keep it; gives the earlier holders whose locks may still be there.

        The turn is over when this process is, however it ends.
        """

    @abstractmethod
    def note_holders(self, stack: str, holders: Sequence[Holder]) -> None:
        """Write down whose locks may be there; whoever calls this has the turn and is the last of them."""

    @contextmanager
    def turn(self, stack: str, purpose: str, on_wait: Callable[[str], None], tell: Callable[[str], None]) -> Iterator[None]:
        """Have the turn on a stack, and the engine's lock free; waits for whoever has either, and tells ``on_wait`` who that is.

        The engine's lock of a run that is gone is freed, and ``tell`` is told. Raises PlatformError when one is there of which nothing
        can be known. Afterwards nothing is noted of this turn: a lock that is taken later on this host is somebody else's.
        """
        mine = Holder(getpass.getuser(), socket.gethostname(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), purpose)
        with self.hold(stack, mine, lambda holder: on_wait(str(holder or "somebody"))) as earlier:
            others: Sequence[Holder] = earlier
            try:
                self._free_locks(stack, earlier, on_wait, tell)
                others = []
                self.note_holders(stack, [mine])  # not before: killed in between, it would leave a lock of which nobody knows whose it is
                yield
            finally:
                self._forget(stack, mine, others)

    def locks(self, stack: str) -> list[Lock]:
        """The engine's locks on a stack."""
        keys = [key for key in self.keys(f".pulumi/locks/organization/{self.project}/{stack}/") if key.endswith(".json")]
        found = ((key, self.read(key)) for key in keys)
        return [Lock.read(key, json.loads(content)) for key, content in found if content]

    def _forget(self, stack: str, mine: Holder, others: Sequence[Holder]) -> None:
        """Take back the note of a turn that ends, unless its engine was killed and left a lock that others may then free."""
        with suppress(PlatformError):  # the state does not answer: the note stays, as after a kill, and how the run ended is what counts
            left = any(lock.hostname == mine.host and not is_running(lock.pid) for lock in self.locks(stack))
            self.note_holders(stack, [*others, mine] if left else others)

    def _free_locks(self, stack: str, earlier: Sequence[Holder], on_wait: Callable[[str], None], tell: Callable[[str], None]) -> None:
        while True:
            states = {lock: judge(lock, socket.gethostname(), is_running, earlier) for lock in self.locks(stack)}
            for lock in [lock for lock, state in states.items() if state == "dead"]:
                self.delete(lock.key)
                tell(f"freed the lock of a run that is gone: {lock}")
            if unknown := [lock for lock, state in states.items() if state == "unknown"]:
                raise PlatformError(
                    f"{stack} is locked, and whether the lock's owner still works cannot be seen from here.",
                    why="\n".join(str(lock) for lock in unknown),
                    remedy=f"ask them; if their run is dead: pulumi cancel --stack {stack}, then run the same command again",
                )
            alive = [lock for lock, state in states.items() if state == "alive"]
            if not alive:
                return
            on_wait(str(alive[0]))
            time.sleep(POLL_SECONDS)

    def checkpoint(self, stack: str) -> dict[str, Any]:
        """The stack's resources and pending operations as the engine last wrote them; empty for a new stack."""
        content = self.read(f".pulumi/stacks/{self.project}/{stack}.json")
        latest = (json.loads(content).get("checkpoint") or {}).get("latest") if content else None
        return latest or {}

    def has_pending_operations(self, stack: str) -> bool:
        """Whether a killed run left operations of which the engine does not know how they ended."""
        return bool(self.checkpoint(stack).get("pending_operations"))

    def last_run(self, stack: str) -> dict[str, Any]:
        """What the engine wrote about the newest finished run of a stack, for example its result and message; empty before the first."""
        runs = [key for key in self.keys(f".pulumi/history/{self.project}/{stack}/") if key.endswith(".history.json")]
        content = self.read(runs[-1]) if runs else None
        found: dict[str, Any] = json.loads(content) if content else {}
        return found

    def last_run_failed(self, stack: str) -> bool:
        """Whether the newest finished run of a stack did not succeed: it may have changed things that the state does not hold."""
        run = self.last_run(stack)
        return bool(run) and run.get("result") != "succeeded"


def is_running(pid: int) -> bool:
    """Whether a process of this host is a running pulumi; its number may have gone to another program since.

    Where the system does not say what a process runs (macOS has no /proc), any process counts: a live lock is never broken.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return b"pulumi" in (PROCESSES / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended between open and read
        return not PROCESSES.is_dir()


def end_run(stack: str, why: str) -> NoReturn:
    """Say that the turn is lost and end at once, without what the run would still do: the engine must not work on."""
    lost = PlatformError(
        f"The turn on {stack} is lost, because the state's server is out of reach or gave it away; this run is broken off.",
        why=why,
        remedy="run the same command again once the server answers; it continues from here",
    )
    console.show_error(lost)
    os._exit(EXIT_FAILED_RUN)
