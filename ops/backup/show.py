"""`./hs backup list`: an environment's backups, newest first, with what each holds and whether it was ever restored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from ops import console
from ops.backup.moments import short
from ops.backup.record import Backup, latest

MARKS = {
    "verified": "[green]✓ verified[/green]",
    "taken": "[yellow]taken, not yet restored[/yellow]",
    "damaged": "[red]✗ damaged[/red]",
    "failed": "[red]✗ failed[/red]",
    "running": "running, or broken off",
}


def as_document(environment: str, backups: Sequence[Backup], now: datetime | None = None) -> dict[str, Any]:
    """What `./hs backup list --json` prints: the environment, the backups newest first, and in words what can be restored."""
    return {
        "environment": environment,
        "latest": latest(backups, now).words,
        "backups": [backup.as_document() for backup in reversed(backups)],
    }


def holds(backup: Backup) -> str:
    """What a backup holds, in a line."""
    parts = []
    if backup.postgres:
        parts.append(f"{backup.postgres.name} with {len(backup.databases)} databases of {backup.postgres.size_bytes >> 20} MiB in all")
    if backup.definitions:
        parts.append("definitions")
    if backup.archive:
        parts.append(f"{len(backup.archive.holds)} files")
    return ", ".join(parts) or "nothing"


def show(environment: str, backups: Sequence[Backup]) -> None:
    """Print the backups as a table, and below it what is wrong with those that are."""
    table = Table(title=f"{environment}: {latest(backups).words}", title_justify="left", box=None)
    for column in ("", "begun", "seconds", "state", "holds"):
        table.add_column(column)
    for backup in reversed(backups):
        seconds = f"{backup.seconds:.0f}" if backup.seconds is not None else ""
        table.add_row(str(backup.number), short(backup.started_at), seconds, MARKS[backup.outcome], holds(backup))
    console.out.print(table)
    if backups:
        for part, words in backups[-1].restored.items():
            console.out.print(f"{backups[-1].number} restored {part}: {words}", markup=False, soft_wrap=True)
    for backup in reversed(backups):
        for failure in backup.failures:
            console.out.print(f"{backup.number}: {failure}", markup=False, soft_wrap=True)


__all__ = ["as_document", "holds", "show"]
