"""Every environment a column, as a person compares them: versions, what is promoted where, and what needs somebody's attention. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.releases.choose import promotion_problems
from ops.status import ABSENT, EnvironmentStatus
from ops.status_cells import BAD, NOTHING, OUTCOMES, UNKNOWN, again, count, drift_cell, hint, mark, troubles

Cell = Callable[[EnvironmentStatus], str]
SERVERS = {"postgres": "PostgreSQL", "rabbitmq": "RabbitMQ"}


def side_by_side(found: Sequence[EnvironmentStatus]) -> RenderableType:
    """Every environment a column, then whatever is wrong with any of them, each once."""
    table = Table(title="Environments", title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for status in found:
        table.add_column(f"{status.environment} {_header(status)}")
    for rows in (_versions(found), _data(found), _reach(found)):
        for name, cell in rows:
            table.add_row(name, *(cell(status) for status in found))
        table.add_section()
    lines = dict.fromkeys(line for status in found for line in troubles(status))
    hints = [Text(line, style="bold") for status in found if (line := hint(status))]
    return Group(table, *(Text(line) for line in lines), *hints)


def _header(status: EnvironmentStatus) -> str:
    if status.cluster_trouble:
        return UNKNOWN
    return mark(status.healthy) if status.deployed else NOTHING


def _versions(found: Sequence[EnvironmentStatus]) -> Iterator[tuple[str, Cell]]:
    """The release, what waits to be promoted, and each service's and UI's version."""
    yield "release", release_cell
    if any(status.promoted_from for status in found):
        yield "promotion", partial(promotion_cell, found=found)
    for name in dict.fromkeys(workload.name for status in found for workload in (*status.services, *status.uis)):
        yield name, partial(workload_cell, name=name)


def _data(found: Sequence[EnvironmentStatus]) -> Iterator[tuple[str, Cell]]:
    """How far each context's database is migrated, and which servers run."""
    contexts = dict.fromkeys(database.name.removeprefix(f"{status.environment}_") for status in found for database in status.databases)
    for context in contexts:
        yield f"database {context}", partial(database_cell, context=context)
    for machine, title in SERVERS.items():
        yield title, partial(server_cell, machine=machine)


def _reach(found: Sequence[EnvironmentStatus]) -> Iterator[tuple[str, Cell]]:
    """Names, certificates, logs, events, backups and drift."""
    yield "DNS", lambda status: count(status.deployed, [host.leads_here for host in status.public])
    yield "certificates", certificates_cell
    if any(status.shipping for status in found):
        yield "logs arrive", logs_cell
    yield "events waiting", lambda status: _of_the_broker(status, str(sum(queue.ready for queue in status.queues) - status.dead_letters))
    yield "dead letters", lambda status: _of_the_broker(status, f"[red]{status.dead_letters}[/red]" if status.dead_letters else "0")
    yield "backup", lambda status: _of_the_book(status, status.releases.backups.words if status.deployed else NOTHING)
    yield "drift", lambda status: _of_the_book(status, drift_cell(status.releases))


def _of_the_broker(status: EnvironmentStatus, text: str) -> str:
    return UNKNOWN if status.vhost is None else text


def _of_the_book(status: EnvironmentStatus, text: str) -> str:
    return UNKNOWN if status.releases.unknown else text


def release_cell(status: EnvironmentStatus) -> str:
    """The release that runs, when and by whom it came, and what is the matter with the newest one."""
    releases = status.releases
    found, newest = releases.current, releases.newest
    if releases.unknown:
        return UNKNOWN
    text = f"{found.name} {OUTCOMES[found.outcome]}\n{found.started_at:%m-%d %H:%M} by {found.by}" if found else "none yet"
    if newest and (found is None or newest.number != found.number):
        text += f"\n{OUTCOMES[newest.outcome]} {newest.name} {newest.outcome}"
    return text + ("\n[yellow]held[/yellow]" if releases.hold else "")


def promotion_cell(status: EnvironmentStatus, found: Sequence[EnvironmentStatus]) -> str:
    """What is verified in the environment that this one takes its releases from, and whether it is here."""
    origin = next((other for other in found if other.environment == status.promoted_from), None)
    theirs, own = origin.releases.current if origin else None, status.releases.current
    if origin is None or theirs is None or theirs.outcome != "verified" or status.releases.unknown:
        return NOTHING
    same = own is not None and not promotion_problems(own, [theirs])
    words = f"{theirs.name.rpartition('/')[2]} verified in {origin.environment}"
    return f"{words}, runs here" if same else f"[yellow]{words}, not here[/yellow]"


def workload_cell(status: EnvironmentStatus, name: str) -> str:
    """A workload in one environment: its version, and its replicas where they are not all ready."""
    found = next((workload for workload in (*status.services, *status.uis) if workload.name == name), None)
    if found is None or found.replicas in ABSENT:
        return NOTHING
    if status.cluster_trouble:
        return UNKNOWN
    more = again(found.restarts)
    return f"{found.version}{more}" if found.ready else f"{BAD} {found.version} {found.replicas}{more}"


def database_cell(status: EnvironmentStatus, context: str) -> str:
    """The version that a context's database is migrated to, and the one it should be at where that is another."""
    found = next((database for database in status.databases if database.name == f"{status.environment}_{context}"), None)
    if status.cluster_trouble:
        return UNKNOWN
    if found is None or not status.deployed:
        return NOTHING
    return found.migrated_to if found.up_to_date else f"{BAD} {found.migrated_to or 'nothing'}, not {found.expected}"


def server_cell(status: EnvironmentStatus, machine: str) -> str:
    """A data machine's version."""
    if machine not in status.machines:
        return UNKNOWN
    missing = f"{BAD} does not answer" if status.deployed else NOTHING
    return status.machines[machine] or missing


def certificates_cell(status: EnvironmentStatus) -> str:
    """How many public names have a valid certificate, and when the first of them ends."""
    ends = min((host.expires for host in status.public if host.expires), default=None)
    until = f", first ends {ends:%Y-%m-%d}" if ends else ""
    return count(status.deployed, [host.certificate == "valid" for host in status.public]) + until


def logs_cell(status: EnvironmentStatus) -> str:
    """On how many of the cluster's nodes lines are sent, and whether they arrive."""
    found = status.shipping
    return f"{mark(found.good)} {found.ready}/{found.nodes} nodes" if found else NOTHING


__all__ = ["promotion_cell", "side_by_side"]
