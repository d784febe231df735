"""Where an environment is found: every public name and what it leads to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from ops import console
from ops.errors import InputError
from settings.catalogue import Catalogue
from settings.load import Settings
from settings.public import PublicHost, public_hosts


def require_hosts(settings: Settings) -> list[PublicHost]:
    """The environment's public names; raises InputError where it has none."""
    environment = settings.environment
    if environment is None or environment.public is None:
        raise InputError(
            f"{settings.stack} is not public: it has no names to look at.",
            why=f"Pulumi.{settings.stack}.yaml has no highstreetly:environment.public",
            remedy="add it, for example as in Pulumi.kind.yaml",
        )
    hosts = public_hosts(settings.catalogue, environment)
    if not hosts:
        raise InputError(f"{settings.stack} has no public name.", why="catalogue.yaml: nothing has an ingress", remedy="add one to a UI")
    return hosts


def targets(catalogue: Catalogue, hosts: Sequence[PublicHost]) -> list[dict[str, str]]:
    """What `./hs urls --json` prints: for every route host, url (with the path), kind (ui, service or webhook) and leads_to."""
    return [
        {
            "host": host.host,
            "url": host.url.rstrip("/") + route.path,
            "kind": "webhook" if route.webhook else "ui" if route.workload in catalogue.uis else "service",
            "leads_to": f"{route.workload} (events of {route.webhook})" if route.webhook else route.workload,
        }
        for host in hosts
        for route in host.routes
    ]


def show_urls(found: Sequence[dict[str, str]]) -> None:
    """Print the routes as a table."""
    table = Table(box=None)
    for column in ("host", "URL", "kind", "leads to"):
        table.add_column(column, overflow="fold")
    for row in found:
        table.add_row(row["host"], row["url"], row["kind"], row["leads_to"])
    console.out.print(table)


__all__ = ["require_hosts", "show_urls", "targets"]
