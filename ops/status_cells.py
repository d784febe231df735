"""What is said alike of one environment and of all side by side: signs, cells, and the sentences below a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ops.status import EnvironmentStatus, Releases

GOOD, BAD, WARNING, UNKNOWN, NOTHING = "[green]✓[/green]", "[red]✗[/red]", "[yellow]![/yellow]", "[yellow]?[/yellow]", "[dim]-[/dim]"
OUTCOMES = {"verified": GOOD, "unverified": WARNING, "failed": BAD, "running": "…"}


def mark(good: bool) -> str:
    """A sign for good or bad."""
    return GOOD if good else BAD


def count(deployed: bool, good: Sequence[bool]) -> str:
    """How many of how many are as they should be."""
    return f"{mark(all(good))} {sum(good)}/{len(good)}" if deployed and good else NOTHING


def again(restarts: int) -> str:
    """Whether any pod was started again, behind what else is said of it."""
    return f" [yellow]{restarts} restarts[/yellow]" if restarts else ""


def drift_cell(releases: Releases) -> str:
    """What the last look for drift found, and how long ago."""
    looked = releases.looked
    if looked is None:
        return "[dim]never looked[/dim]"
    hours = int((datetime.now(UTC) - datetime.fromisoformat(looked.at)).total_seconds() // 3600)
    ago = f"{hours} h ago" if hours else "within the hour"
    return f"[red]{looked.objects} objects[/red], {ago}" if looked.objects else f"none, {ago}"


def troubles(status: EnvironmentStatus) -> list[str]:
    """What is wrong with an environment's names and logs, each with what mends it, and what is not known of it."""
    lines = [
        f"{host.host}: {host.reason}" + (f" To mend it: {host.remedy}" if host.remedy else "") for host in status.public if not host.good
    ]
    if status.shipping and status.shipping.trouble:
        lines.append(f"logs: {status.shipping.trouble}. To mend it: {status.shipping.remedy}")
    return lines + [f"not known of {status.environment}: {line}" for line in status.unknown]


def hint(status: EnvironmentStatus) -> str:
    """The command that says why an environment is not healthy; empty for one that is, or that is not deployed."""
    return f"./hs why --environment {status.environment} says why." if status.deployed and not status.healthy else ""


__all__ = ["BAD", "GOOD", "NOTHING", "OUTCOMES", "UNKNOWN", "WARNING", "again", "count", "drift_cell", "hint", "mark", "troubles"]
