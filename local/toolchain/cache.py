"""Cache entries that are whole or absent: made in a folder beside, then renamed; two makers wait for each other."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.console import Step


@contextmanager
def new_entry(target: Path, progress: Step | None = None) -> Iterator[Path | None]:
    """Give a folder to fill, which becomes ``target`` when the body ends without an error; None when somebody else made it meanwhile.

    What an interrupted maker left behind is removed first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                progress.note("waiting for another run that is making it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        for left_behind in target.parent.glob(f".{target.name}.partial-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        # A name of its own: a compiler whose run was killed may still be writing into the folder of that run.
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
        partial.chmod(0o755)
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        partial.rename(target)
