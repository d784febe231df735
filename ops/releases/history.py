"""`./hs history`: an environment's releases, newest first, with what each changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ops import console
from ops.releases.book import Hold
from ops.releases.record import Release, differences

MARKS = {"verified": "[green]✓[/green]", "unverified": "[yellow]![/yellow]", "failed": "[red]✗[/red]", "running": "…"}


def with_differences(releases: Sequence[Release]) -> list[tuple[Release, list[str]]]:
    """Each release with what it has otherwise than the one that ran before it."""
    found: list[tuple[Release, list[str]]] = []
    before: Release | None = None
    for release in releases:
        found.append((release, differences(before, release)))
        if release.outcome in ("verified", "unverified"):
            before = release
    return found


def as_document(environment: str, releases: Sequence[Release], hold: Hold | None) -> dict[str, Any]:
    """What `./hs history --json` prints: environment, hold: {reason, by, since} or null, releases: newest first, with ``differences``."""
    newest_first = reversed(with_differences(releases))
    return {
        "environment": environment,
        "hold": vars(hold) if hold else None,
        "releases": [{**release.as_document(), "differences": lines} for release, lines in newest_first],
    }


def show_history(environment: str, releases: Sequence[Release], hold: Hold | None) -> None:
    """Print the releases as a table; before the first one, how it is made."""
    table = Table(title=f"Releases of {environment}", title_justify="left", box=None)
    for column in ("", "release", "", "by", "when (UTC)", "took", "changed"):
        table.add_column(column, no_wrap=column not in ("changed", "release"))
    for release, lines in reversed(with_differences(releases)):
        took = f"{release.seconds:.0f} s" if release.seconds is not None else ""
        name = f"{release.name} → {release.rolled_back_to}" if release.kind == "rollback" else release.name
        also = [f"also {', '.join(release.also)}"] if release.also else []
        what = "\n".join([*lines, *also, *release.failure.splitlines()[:1]])
        table.add_row(
            str(release.number), Text(name), MARKS[release.outcome], Text(release.by), f"{release.started_at:%m-%d %H:%M}", took, Text(what)
        )
    if releases:
        console.out.print(table)
    else:
        console.out.print(f"{environment} has no release yet; ./hs deploy {environment} makes the first.", markup=False, soft_wrap=True)
    if hold:
        console.out.print(f"{environment} is {hold}; ./hs resume {environment} lets tags deploy it again.", markup=False, soft_wrap=True)
