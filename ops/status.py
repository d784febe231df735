"""What runs in an environment, read from the cluster and its databases."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from rich.table import Table

from ops import console
from ops.explain import Finding
from ops.hosts import HostStatus, read_hosts
from ops.kubernetes import get_items
from settings.catalogue import Catalogue
from settings.load import Settings

NAME, COMPONENT, VERSION = (f"app.kubernetes.io/{key}" for key in ("name", "component", "version"))
CONNECT_TIMEOUT_SECONDS = 3


@dataclass(frozen=True)
class WorkloadStatus:
    """One service or UI."""

    name: str
    kind: str
    ready: bool
    version: str
    replicas: str = ""

    def as_json(self) -> dict[str, object]:
        """The public fields."""
        return {"name": self.name, "kind": self.kind, "ready": self.ready, "version": self.version}


@dataclass(frozen=True)
class DatabaseStatus:
    """One context's database; ``migrated_to`` is the newest version in Flyway's history, empty when it cannot be read."""

    name: str
    migrated_to: str
    expected: str = ""

    @property
    def up_to_date(self) -> bool:
        """Whether every script of this checkout has been applied."""
        return _order(self.migrated_to) >= _order(self.expected)


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment at a glance."""

    environment: str
    services: Sequence[WorkloadStatus]
    uis: Sequence[WorkloadStatus]
    databases: Sequence[DatabaseStatus]
    vhost: str
    machines: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    public: Sequence[HostStatus] = ()

    @property
    def public_healthy(self) -> bool:
        """Whether every public name leads here with a good certificate. Apart from ``healthy``: no certificate may fail a deploy."""
        return all(host.good for host in self.public)

    @property
    def healthy(self) -> bool:
        """Whether everything that the catalogue names is there, ready and migrated."""
        workloads = [*self.services, *self.uis]
        return bool(workloads) and all(w.ready for w in workloads) and all(d.up_to_date for d in self.databases) and bool(self.vhost)

    def as_json(self) -> dict[str, object]:
        """What `./hs status --json` prints:

        - environment: its name
        - services, uis: [{name, kind, ready, version}]
        - databases: [{name, migrated_to}]; vhost: its name; machines: {name: version}; each empty where it does not answer
        - public: [{host, url, address, expected, certificate, expires, issuer, reason, remedy}], [] where nothing is public
        - healthy: whether what runs inside is; public_healthy: whether every public name leads here with a good certificate
        """
        return {
            "environment": self.environment,
            "services": [service.as_json() for service in self.services],
            "uis": [ui.as_json() for ui in self.uis],
            "databases": [{"name": database.name, "migrated_to": database.migrated_to} for database in self.databases],
            "vhost": self.vhost,
            "machines": dict(self.machines),
            "public": [host.as_json() for host in self.public],
            "public_healthy": self.public_healthy,
            "healthy": self.healthy,
        }


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def workload_statuses(catalogue: Catalogue, deployments: Iterable[Mapping[str, Any]]) -> list[WorkloadStatus]:
    """The state of each workload that the catalogue names; one that is not deployed is not ready."""
    found = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    return [_workload_status(workload.name, workload.role, found.get(workload.name)) for workload in catalogue.workloads()]


def _workload_status(name: str, kind: str, deployment: Mapping[str, Any] | None) -> WorkloadStatus:
    if deployment is None:
        return WorkloadStatus(name, kind, False, "", "not deployed")
    wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    ready = current and available >= wanted and updated >= wanted
    version = deployment["metadata"].get("labels", {}).get(VERSION, "")
    return WorkloadStatus(name, kind, ready, version, f"{available}/{wanted}")


def read_status(settings: Settings, findings: Sequence[Finding]) -> EnvironmentStatus:
    """Ask the cluster, the databases and the broker. What cannot be reached is empty in the answer, and so not healthy."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        public = pool.submit(read_hosts, settings)
        inside = _read_inside(settings, findings)
        return replace(inside, public=public.result())


def _read_inside(settings: Settings, findings: Sequence[Finding]) -> EnvironmentStatus:
    environment = settings.stack
    items = get_items(environment, "deployments", "secrets")
    workloads = workload_statuses(settings.catalogue, [item for item in items if item["kind"] == "Deployment"])
    urls = _secret_values(items, "DATABASE_URL")
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked = {context: pool.submit(read_database, url, settings.ca_certificate_path) for context, url in urls.items()}
        broker = pool.submit(read_broker, settings)
        answers = {context: answer.result() for context, answer in asked.items()}
    databases = [
        DatabaseStatus(f"{environment}_{context}", answers.get(context, ("", ""))[0], migrations.newest)
        for context, migrations in settings.migrations.items()
    ]
    vhost, rabbitmq = broker.result()
    postgres = next((version for _, version in answers.values() if version), "")
    return EnvironmentStatus(
        environment,
        [workload for workload in workloads if workload.kind != "ui"],
        [workload for workload in workloads if workload.kind == "ui"],
        databases,
        vhost,
        {"postgres": postgres, "rabbitmq": rabbitmq},
        findings,
    )


def _secret_values(items: Iterable[Mapping[str, Any]], key: str) -> dict[str, str]:
    return {
        item["metadata"]["labels"][NAME]: base64.b64decode(item["data"][key]).decode()
        for item in items
        if item["kind"] == "Secret" and key in item.get("data", {})
    }


def read_database(url: str, ca_certificate_path: str) -> tuple[str, str]:
    """(newest applied version, PostgreSQL's version), each empty when it cannot be read."""
    import psycopg

    try:
        with psycopg.connect(url.partition("?")[0], sslmode="verify-full", sslrootcert=ca_certificate_path,
                             connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:  # fmt: skip
            server = str(connection.info.parameter_status("server_version"))
            row = connection.execute(
                "SELECT version FROM flyway_schema_history WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1"
            ).fetchone()
            return (str(row[0]) if row else ""), server
    except psycopg.Error:
        return "", ""


def read_broker(settings: Settings) -> tuple[str, str]:
    """(the environment's vhost, RabbitMQ's version), each empty when it cannot be read."""
    import ssl

    import httpx

    assert settings.environment is not None
    machine, password = settings.environment.rabbitmq, settings.secrets.get("rabbitmq_admin_password")
    if not password:
        return "", ""
    context = ssl.create_default_context(cafile=settings.ca_certificate_path)
    url = f"https://{machine.address}:{machine.management_port}/api"
    try:
        with httpx.Client(verify=context, auth=(machine.admin_user, str(password)), timeout=CONNECT_TIMEOUT_SECONDS) as client:
            version = str(client.get(f"{url}/overview").raise_for_status().json()["rabbitmq_version"])
            vhost = client.get(f"{url}/vhosts/{settings.stack}")
            return (settings.stack if vhost.status_code == httpx.codes.OK else ""), version
    except (httpx.HTTPError, KeyError, ValueError):
        return "", ""


def show_status(status: EnvironmentStatus) -> None:
    """Print an environment as a table, then what is wrong with it."""
    table = Table(title=f"{status.environment}: {'healthy' if status.healthy else 'not healthy'}", title_justify="left", box=None)
    for column in ("", "kind", "ready", "version"):
        table.add_column(column, no_wrap=not column)  # a URL is copied whole
    for workload in [*status.services, *status.uis]:
        mark = "[green]✓[/green]" if workload.ready else "[red]✗[/red]"
        table.add_row(workload.name, workload.kind, f"{mark} {workload.replicas}", workload.version)
    for database in status.databases:
        mark = "[green]✓[/green]" if database.up_to_date else "[red]✗[/red]"
        table.add_row(database.name, "database", mark, f"migrated to {database.migrated_to or 'nothing'}")
    table.add_row(status.vhost or "(none)", "vhost", "[green]✓[/green]" if status.vhost else "[red]✗[/red]", "")
    for machine, version in status.machines.items():
        table.add_row(machine, "machine", "[green]✓[/green]" if version else "[red]✗[/red]", version or "does not answer")
    _add_hosts(table, status.public)
    console.out.print(table)
    for host in status.public:
        if not host.good:
            remedy = f" To mend it: {host.remedy}" if host.remedy else ""
            console.out.print(f"{host.host}: {host.reason}{remedy}", markup=False, soft_wrap=True)
    for finding in status.findings:
        console.out.print(str(finding), markup=False)


def _add_hosts(table: Table, hosts: Sequence[HostStatus]) -> None:
    if not hosts:
        return
    table.add_section()
    table.add_row("[bold]public name[/bold]", "[bold]leads to[/bold]", "", "[bold]certificate[/bold]")
    for host in hosts:
        mark = "[green]✓[/green]" if host.good else "[red]✗[/red]"
        until = f" until {host.expires:%Y-%m-%d}" if host.expires else ""
        table.add_row(host.url, host.address or "nothing", mark, f"{host.certificate}{until}")
