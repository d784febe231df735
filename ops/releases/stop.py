"""A rollback need not wait for the failing rollout that it is to undo: it holds the environment, and the run at work stops."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from ops.errors import PlatformError
from ops.releases.book import Book, Hold
from ops.state.state import is_running

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""After this long the engine is interrupted once more, and gives up what it waits for; the next run takes over what that leaves."""


class Stopped(PlatformError):
    """A run that ended for a rollback that did not want to wait for it."""

    def __init__(self, book: Book) -> None:
        super().__init__(
            "The rollout was stopped for a rollback.", why=f"{book.environment} is {book.hold()}", remedy=f"./hs history {book.environment}"
        )


def asks_to_stop(hold: Hold | None, started_at: datetime) -> bool:
    """Whether a hold was placed after a run began and wants it to stop."""
    return hold is not None and hold.stop and datetime.fromisoformat(hold.since) >= started_at.replace(microsecond=0)


@contextmanager
def stoppable(book: Book, started_at: datetime) -> Iterator[Callable[[], None]]:
    """While the body runs, look for a hold that asks to stop, and interrupt the engine as Ctrl-C would.

    The engine then ends what it has begun with a failure, and writes down what it knows. The body is given a function to call where it
    waits without an engine. Raises Stopped, also out of that function.
    """
    asked, stopped, done = threading.Event(), threading.Event(), threading.Event()

    def watch() -> None:
        """Look for a hold until the body is done; interrupt the engine once it runs."""
        while not done.wait(LOOK_SECONDS):
            try:
                hold = book.hold()
            except PlatformError:
                continue  # the state does not answer at this moment; the run itself will say so if that lasts
            if not asks_to_stop(hold, started_at):
                continue
            asked.set()
            if _interrupt_engine(book):
                stopped.set()
                if not done.wait(PATIENCE_SECONDS):
                    _interrupt_engine(book)
                return

    def give_way() -> None:
        """Raise Stopped when a hold has asked for it."""
        if asked.is_set():
            raise Stopped(book)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield give_way
    except PlatformError as failed:
        if stopped.is_set():
            raise Stopped(book) from failed
        raise
    finally:
        done.set()
        watcher.join()


def _interrupt_engine(book: Book) -> bool:
    """Send the engine of this host the signal of Ctrl-C; its own lock says which process it is."""
    interrupted = False
    for lock in book.state.locks(book.environment):
        if lock.hostname == socket.gethostname() and is_running(lock.pid):
            with suppress(ProcessLookupError):  # it ended at this moment
                os.kill(lock.pid, signal.SIGINT)
                interrupted = True
    return interrupted
