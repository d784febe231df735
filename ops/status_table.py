"""One environment in full, as a person reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.hosts import HostStatus
from ops.status import DEAD, NOT_KNOWN, NOT_RELEASED, EnvironmentStatus, Releases, WorkloadStatus
from ops.status_cells import OUTCOMES, UNKNOWN, WARNING, again, drift_cell, hint, mark, troubles


def one(status: EnvironmentStatus) -> RenderableType:
    """One environment in full, then what is wrong with it."""
    table = Table(title=f"{status.environment}: {_word(status)}", title_justify="left", box=None)
    for column in ("", "kind", "ready", "version"):
        table.add_column(column, no_wrap=not column)  # a URL is copied whole
    for workload in [*status.services, *status.uis]:
        table.add_row(workload.name, workload.kind, replicas(workload), workload.version)
    for database in status.databases:
        table.add_row(database.name, "database", mark(database.up_to_date), f"migrated to {database.migrated_to or 'nothing'}")
    table.add_row(status.vhost or "(none)", "vhost", UNKNOWN if status.vhost is None else mark(bool(status.vhost)), "")
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
    lines: list[RenderableType] = [table, *(Text(line) for line in troubles(status))]
    lines += [Text(str(finding)) for finding in status.findings]
    if command := hint(status):
        lines.append(Text(command, style="bold"))
    return Group(*lines)


def _word(status: EnvironmentStatus) -> str:
    if status.cluster_trouble:
        return "not known"
    return "healthy" if status.healthy else "not healthy"


def replicas(workload: WorkloadStatus) -> str:
    """How many pods of how many are ready, and whether any was started again."""
    if workload.replicas == NOT_RELEASED:
        return f"[dim]{NOT_RELEASED}[/dim]"
    sign = UNKNOWN if workload.replicas == NOT_KNOWN else mark(workload.ready)
    return f"{sign} {workload.replicas}{again(workload.restarts)}"


def release_rows(releases: Releases) -> list[tuple[str, str, str, str]]:
    """The release that runs, a newer one that failed, the hold and the last look for drift, as rows of the table."""
    if releases.unknown:
        return []
    rows = []
    found, newest = releases.current, releases.newest
    for release in [one for one in (found, None if newest == found else newest) if one]:
        when = f"{release.started_at:%Y-%m-%d %H:%M} UTC by {release.by}"
        rows.append((release.name, "release", f"{OUTCOMES[release.outcome]} {release.outcome}", when))
    if releases.hold:
        rows.append(("held", "hold", WARNING, f"{releases.hold.reason} ({releases.hold.by})"))
    if releases.looked:
        rows.append(("drift", "", mark(not releases.looked.objects), drift_cell(releases)))
    rows.append(("backup", "", mark(releases.backups.verified is not None), releases.backups.words))
    return rows


def _add_hosts(table: Table, hosts: Sequence[HostStatus]) -> None:
    if not hosts:
        return
    table.add_section()
    table.add_row("[bold]public name[/bold]", "[bold]leads to[/bold]", "", "[bold]certificate[/bold]")
    for host in hosts:
        until = f" until {host.expires:%Y-%m-%d}" if host.expires else ""
        table.add_row(host.url, host.address or "nothing", mark(host.good), f"{host.certificate}{until}")


__all__ = ["one"]
