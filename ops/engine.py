"""The engine as `./hs` starts it: it ends when `./hs` does, however that ends."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pulumi.automation import CommandResult, PulumiCommand

from ops import console

SETPRIV = "setpriv"
"""Of util-linux; has the kernel kill a program when the one that started it ends (prctl(2), PR_SET_PDEATHSIG)."""
START = 'if [ "$PPID" = "$0" ]; then exec pulumi "$@"; fi; exit 1'
"""Starts the engine for the process whose ID comes first, and not at all when that one ended before the kernel was told."""
OnOutput = Callable[[str], object]


class BoundEngine(PulumiCommand):
    """Pulumi's command line, which the kernel kills as soon as the thread that started it is gone.

    So whoever has the next turn on a stack may believe that no engine of an earlier turn is at work. Where setpriv is missing (macOS) the
    engine works on alone, and only its own lock, of a living process, keeps others on that machine away.
    """

    def __init__(self) -> None:
        super().__init__()
        if shutil.which(SETPRIV):
            self.command = SETPRIV  # by name: for a path, PulumiCommand would put its folder first in PATH

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one of pulumi's commands; raises CommandError when it fails, as PulumiCommand does, and KeyboardInterrupt after Ctrl-C."""
        if self.command == SETPRIV:
            args = ["--pdeathsig", "KILL", "sh", "-c", START, str(os.getpid()), "--non-interactive", *args]
        with _ctrl_c_is_the_engine_s():
            return super().run(args, cwd, additional_env, on_output, on_error)


@contextmanager
def _ctrl_c_is_the_engine_s() -> Iterator[None]:
    """Wait for the engine after the first Ctrl-C, which it hears too: it ends what it has begun and writes that down. A second kills it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    heard: list[int] = []

    def hear(number: int, _frame: object) -> None:
        heard.append(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the kernel's own answer to a second one: this process ends, and the engine with it
        console.err.print("  Stopping: the engine ends what it has begun. Ctrl-C again kills it.")

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            raise KeyboardInterrupt
