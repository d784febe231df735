"""An environment, or all of them side by side, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.hosts import HostStatus
from ops.status import DEAD, NOT_DEPLOYED, EnvironmentStatus, Releases, WorkloadStatus

GOOD, BAD = "[green]✓[/green]", "[red]✗[/red]"
OUTCOMES = {"verified": GOOD, "unverified": "[yellow]![/yellow]", "failed": BAD, "running": "…"}


def one(status: EnvironmentStatus) -> RenderableType:
    """One environment in full, then what is wrong with it."""
    table = Table(title=f"{status.environment}: {'healthy' if status.healthy else 'not healthy'}", title_justify="left", box=None)
    for column in ("", "kind", "ready", "version"):
        table.add_column(column, no_wrap=not column)  # a URL is copied whole
    for workload in [*status.services, *status.uis]:
        table.add_row(workload.name, workload.kind, replicas(workload), workload.version)
    for database in status.databases:
        table.add_row(database.name, "database", mark(database.up_to_date), f"migrated to {database.migrated_to or 'nothing'}")
    table.add_row(status.vhost or "(none)", "vhost", mark(bool(status.vhost)), "")
    for queue in status.queues:
        if queue.name.endswith(DEAD) and not queue.ready:
            continue
        waiting = f"{queue.ready} waiting" if queue.ready else "empty"
        good = not (queue.ready if queue.name.endswith(DEAD) else queue.full_words or (queue.ready and not queue.consumers))
        table.add_row(queue.name, "queue", mark(good), waiting + (f", {queue.consumers} consumers" if queue.consumers != 1 else ""))
    for machine, version in status.machines.items():
        table.add_row(machine, "machine", mark(bool(version)), version or "does not answer")
    for line in release_rows(status.releases):
        table.add_row(*line)
    if status.shipping:
        table.add_row("logs", "New Relic", f"{mark(status.shipping.good)} {status.shipping.ready}/{status.shipping.nodes}", "")
    _add_hosts(table, status.public)
    lines: list[RenderableType] = [table]
    for host in status.public:
        if not host.good:
            lines.append(Text(f"{host.host}: {host.reason}" + (f" To mend it: {host.remedy}" if host.remedy else "")))
    if status.shipping and status.shipping.trouble:
        lines.append(Text(f"logs: {status.shipping.trouble}. To mend it: {status.shipping.remedy}"))
    lines += [Text(str(finding)) for finding in status.findings]
    if not status.healthy and status.deployed:
        lines.append(Text(f"./hs why --environment {status.environment} says why.", style="bold"))
    return Group(*lines)


def side_by_side(found: Sequence[EnvironmentStatus]) -> RenderableType:
    """Every environment a column: versions, replicas, what is promoted where, and what needs somebody's attention."""
    table = Table(title="Environments", title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for status in found:
        table.add_column(f"{status.environment} {mark(status.healthy) if status.deployed else '[dim]-[/dim]'}")
    table.add_row("release", *(release_cell(status.releases) for status in found))
    names = list(dict.fromkeys(workload.name for status in found for workload in (*status.services, *status.uis)))
    for name in names:
        table.add_row(name, *(workload_cell(status, name) for status in found))
    table.add_section()
    table.add_row("databases", *(count(status.deployed, [database.up_to_date for database in status.databases]) for status in found))
    table.add_row("public names", *(count(status.deployed, [host.good for host in status.public]) for status in found))
    table.add_row("events waiting", *(str(sum(queue.ready for queue in status.queues) - status.dead_letters) for status in found))
    table.add_row("dead letters", *(f"[red]{status.dead_letters}[/red]" if status.dead_letters else "0" for status in found))
    table.add_row("backup", *(status.releases.backups.words if status.deployed else "[dim]-[/dim]" for status in found))
    table.add_row("drift", *(drift_cell(status.releases) for status in found))
    return table


def mark(good: bool) -> str:
    """A sign for good or bad."""
    return GOOD if good else BAD


def replicas(workload: WorkloadStatus) -> str:
    """How many pods of how many are ready, and whether any was started again."""
    again = f" [yellow]{workload.restarts} restarts[/yellow]" if workload.restarts else ""
    return f"{mark(workload.ready)} {workload.replicas}{again}"


def workload_cell(status: EnvironmentStatus, name: str) -> str:
    """A workload in one environment: its version, and its replicas where they are not all ready."""
    found = next((workload for workload in (*status.services, *status.uis) if workload.name == name), None)
    if found is None or found.replicas == NOT_DEPLOYED:
        return "[dim]-[/dim]"
    again = f" [yellow]{found.restarts} restarts[/yellow]" if found.restarts else ""
    return f"{found.version}{again}" if found.ready else f"{BAD} {found.version} {found.replicas}{again}"


def count(deployed: bool, good: Sequence[bool]) -> str:
    """How many of how many are as they should be."""
    return f"{mark(all(good))} {sum(good)}/{len(good)}" if deployed and good else "[dim]-[/dim]"


def release_cell(releases: Releases) -> str:
    """The release that runs, when and by whom it came, and what is the matter with the newest one."""
    found, newest = releases.current, releases.newest
    text = f"{found.name} {OUTCOMES[found.outcome]}\n{found.started_at:%m-%d %H:%M} by {found.by}" if found else "none yet"
    if newest and (found is None or newest.number != found.number):
        text += f"\n{OUTCOMES[newest.outcome]} {newest.name} {newest.outcome}"
    return text + ("\n[yellow]held[/yellow]" if releases.hold else "")


def release_rows(releases: Releases) -> list[tuple[str, str, str, str]]:
    """The release that runs, a newer one that failed, the hold and the last look for drift, as rows of the table."""
    rows = []
    found, newest = releases.current, releases.newest
    for release in [one for one in (found, None if newest == found else newest) if one]:
        when = f"{release.started_at:%Y-%m-%d %H:%M} UTC by {release.by}"
        rows.append((release.name, "release", f"{OUTCOMES[release.outcome]} {release.outcome}", when))
    if releases.hold:
        rows.append(("held", "hold", "[yellow]![/yellow]", f"{releases.hold.reason} ({releases.hold.by})"))
    if releases.looked:
        rows.append(("drift", "", mark(not releases.looked.objects), drift_cell(releases)))
    rows.append(("backup", "", mark(releases.backups.verified is not None), releases.backups.words))
    return rows


def drift_cell(releases: Releases) -> str:
    """What the last look for drift found, and how long ago."""
    looked = releases.looked
    if looked is None:
        return "[dim]never looked[/dim]"
    hours = int((datetime.now(UTC) - datetime.fromisoformat(looked.at)).total_seconds() // 3600)
    ago = f"{hours} h ago" if hours else "within the hour"
    return f"[red]{looked.objects} objects[/red], {ago}" if looked.objects else f"none, {ago}"


def _add_hosts(table: Table, hosts: Sequence[HostStatus]) -> None:
    if not hosts:
        return
    table.add_section()
    table.add_row("[bold]public name[/bold]", "[bold]leads to[/bold]", "", "[bold]certificate[/bold]")
    for host in hosts:
        until = f" until {host.expires:%Y-%m-%d}" if host.expires else ""
        table.add_row(host.url, host.address or "nothing", mark(host.good), f"{host.certificate}{until}")


__all__ = ["one", "side_by_side"]
