"""State in a folder (`file://`): a laptop's own estate."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.state.locks import Holder, read_holders
from ops.state.state import POLL_SECONDS, State

OWN = ".highstreetly"
"""The platform's own folder beside the engine's `.pulumi`."""


class FileState(State):
    """A folder. The turn is a lock of the kernel on a file, which ends with its process."""

    def __init__(self, folder: Path, project: str) -> None:
        super().__init__(project)
        self.folder = folder

    def keys(self, prefix: str) -> list[str]:
        """The files below a folder."""
        return sorted(str(path.relative_to(self.folder)) for path in (self.folder / prefix).rglob("*") if path.is_file())

    def read(self, key: str) -> bytes | None:
        """A file's content."""
        try:
            return (self.folder / key).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Delete a file, and what the engine notes of it beside it."""
        for name in (key, f"{key}.attrs"):
            (self.folder / name).unlink(missing_ok=True)

    def read_documents(self, collection: str, environment: str) -> list[tuple[int, dict[str, Any]]]:
        """The documents, one file each."""
        paths = sorted(self._collection(collection, environment).glob("*.json"), key=lambda path: int(path.stem))
        return [(int(path.stem), json.loads(path.read_text())) for path in paths]

    def append_document(self, collection: str, environment: str, document: dict[str, Any]) -> int:
        """Write a new file; the first to link it under a number has that number."""
        folder = self._collection(collection, environment)
        partial = self._write_partial(folder, document)
        number = max((int(path.stem) for path in folder.glob("*.json")), default=0)
        try:
            while True:
                number += 1
                try:
                    os.link(partial, folder / f"{number}.json")
                except FileExistsError:
                    continue
                return number
        finally:
            partial.unlink()

    def write_document(self, collection: str, environment: str, number: int, document: dict[str, Any]) -> None:
        """Replace a file as a whole."""
        folder = self._collection(collection, environment)
        self._write_partial(folder, document).rename(folder / f"{number}.json")

    def delete_document(self, collection: str, environment: str, number: int) -> None:
        """Delete a file."""
        (self._collection(collection, environment) / f"{number}.json").unlink(missing_ok=True)

    def _collection(self, collection: str, environment: str) -> Path:
        return self.folder / OWN / collection / environment

    def _write_partial(self, folder: Path, document: dict[str, Any]) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = folder / f"{os.getpid()}-{time.monotonic_ns()}.partial"
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(document, indent=2) + "\n")
        return partial

    @contextmanager
    def hold(self, stack: str, mine: Holder, on_wait: Callable[[Holder | None], None]) -> Iterator[list[Holder]]:
        """Hold the kernel's lock on the stack's file, in which the holders stand."""
        path = self._turn(stack)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            while not _try_lock(file.fileno()):
                on_wait(next(reversed(_read(path)), None))
                time.sleep(POLL_SECONDS)
            earlier = _read(path)
            self.note_holders(stack, [*earlier, mine])
            yield earlier

    def note_holders(self, stack: str, holders: Sequence[Holder]) -> None:
        """Write the file anew, without replacing it: the lock is on it."""
        self._turn(stack).write_text(json.dumps([holder.as_document() for holder in holders]))

    def _turn(self, stack: str) -> Path:
        return self.folder / OWN / "turns" / f"{stack}.json"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> list[Holder]:
    try:
        return read_holders(json.loads(path.read_text()))
    except ValueError:
        return []  # it is being written, or its writer was killed
