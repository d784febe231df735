"""What a person sees while something runs: one line a step, with its time; errors in three parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from ops.errors import PlatformError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Step:
    """A running step; ``note`` replaces the words shown beside its title."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self._status = err.status(title)

    def note(self, detail: str) -> None:
        """Show what the step is doing at this moment."""
        self.detail = detail
        self._status.update(f"{self.title} [dim]{detail}[/dim]")


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a spinner with ``title`` while the body runs, then one line with the outcome and the seconds it took.

    Without a terminal (a log file, CI) the start is printed as well, so that a long step is never silent.
    """
    current = Step(title)
    started = time.monotonic()
    if not err.is_terminal:
        err.print(f"  … {title}", markup=False)
    with current._status:
        try:
            yield current
        except BaseException:
            err.print(f"[red]✗[/red] {title} [dim]{time.monotonic() - started:.1f} s[/dim]")
            raise
    detail = f" [dim]{current.detail}[/dim]" if current.detail else ""
    err.print(f"[green]✓[/green] {title}{detail} [dim]{time.monotonic() - started:.1f} s[/dim]")


def show_error(error: PlatformError) -> None:
    """Print a failure as what, why and remedy on standard error."""
    err.print("Error:", style="bold red", end=" ")
    err.print(error.what, markup=False, soft_wrap=True)
    if error.why:
        err.print(error.why, markup=False, soft_wrap=True)
    if error.remedy:
        err.print(f"To mend it: {error.remedy}", markup=False, soft_wrap=True, style="bold")
