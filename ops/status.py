"""What runs in an environment, read from the cluster and its databases."""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ops.backup.record import Latest, Records, latest
from ops.drift import LastLook, last_look
from ops.errors import PlatformError
from ops.explain import Finding
from ops.hosts import HostStatus, read_hosts
from ops.kubernetes import get_items
from ops.releases.book import Book, Hold
from ops.releases.choose import current
from ops.releases.record import Release
from ops.servers import DatabaseAnswer, Queue, ask_broker, ask_database
from ops.shipping import Shipping, read_shipping
from ops.state import open_state
from settings.catalogue import Catalogue
from settings.load import Settings

NAME, VERSION = (f"app.kubernetes.io/{key}" for key in ("name", "version"))
DEAD = ".dead"
"""How a receiver's queue of dead letters ends (images/reference-service/internal/broker)."""
NOT_DEPLOYED = "not deployed"
NO_BACKUP = Latest(None, None)


@dataclass(frozen=True)
class WorkloadStatus:
    """One service or UI."""

    name: str
    kind: str
    ready: bool
    version: str
    replicas: str = ""
    restarts: int = 0
    """How often containers of its pods were started again."""

    def as_json(self) -> dict[str, object]:
        """The public fields."""
        fields = {"name": self.name, "kind": self.kind, "ready": self.ready, "version": self.version}
        return {**fields, "replicas": self.replicas, "restarts": self.restarts}


@dataclass(frozen=True)
class DatabaseStatus:
    """One context's database; ``migrated_to`` is the newest version in Flyway's history, empty when it cannot be read."""

    name: str
    migrated_to: str
    expected: str = ""
    connections_percent: float = 0.0

    @property
    def up_to_date(self) -> bool:
        """Whether every script of this checkout has been applied."""
        return _order(self.migrated_to) >= _order(self.expected)


@dataclass(frozen=True)
class Releases:
    """What is known from the environment's book: the release that runs, the newest, the hold, and the last look for drift."""

    current: Release | None = None
    newest: Release | None = None
    hold: Hold | None = None
    looked: LastLook | None = None
    backups: Latest = NO_BACKUP

    def as_json(self) -> dict[str, object]:
        """The public fields."""
        return {
            "release": _release(self.current),
            "newest_release": _release(self.newest),
            "hold": vars(self.hold) if self.hold else None,
            "drift": vars(self.looked) if self.looked else None,
            "backup": {
                "words": self.backups.words,
                "verified_at": self.backups.verified.started_at.isoformat(timespec="seconds") if self.backups.verified else None,
            },
        }


def _release(release: Release | None) -> dict[str, object] | None:
    if release is None:
        return None
    fields = {"number": release.number, "name": release.name, "kind": release.kind, "outcome": release.outcome, "by": release.by}
    return {**fields, "at": release.started_at.isoformat(timespec="seconds")}


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
    queues: Sequence[Queue] = ()
    releases: Releases = Releases()
    shipping: Shipping | None = None
    """Of its cluster; None where no logs are shipped."""

    @property
    def deployed(self) -> bool:
        """Whether anything of it runs."""
        return any(workload.replicas != NOT_DEPLOYED for workload in (*self.services, *self.uis))

    @property
    def dead_letters(self) -> int:
        """How many events no receiver could take."""
        return sum(queue.ready for queue in self.queues if queue.name.endswith(DEAD))

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
        - services, uis: [{name, kind, ready, version, replicas, restarts}]
        - databases: [{name, migrated_to}]; vhost: its name; machines: {name: version}; each empty where it does not answer
        - queues: [{name, ready, unacknowledged, consumers}]; dead_letters: how many events no receiver could take
        - release, newest_release: {number, name, kind, outcome, by, at} or null; hold: {reason, by, since, stop} or null
        - logs: {nodes, ready, trouble, remedy} of the cluster's log shippers, or null
        - backup: {words, verified_at}: when the newest one that was restored was begun, or null
        - drift: {at, by, objects} of the last `./hs drift`, or null
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
            "queues": [
                {"name": queue.name, "ready": queue.ready, "unacknowledged": queue.unacknowledged, "consumers": queue.consumers}
                for queue in self.queues
            ],
            "dead_letters": self.dead_letters,
            **self.releases.as_json(),
            "logs": vars(self.shipping) if self.shipping else None,
            "public": [host.as_json() for host in self.public],
            "public_healthy": self.public_healthy,
            "healthy": self.healthy,
        }


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def workload_statuses(
    catalogue: Catalogue, deployments: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]] = ()
) -> list[WorkloadStatus]:
    """The state of each workload that the catalogue names; one that is not deployed is not ready."""
    found = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    restarts: Counter[str] = Counter()
    for pod in pods:
        containers = pod.get("status", {}).get("containerStatuses", [])
        restarts[(pod["metadata"].get("labels") or {}).get(NAME, "")] += sum(one.get("restartCount", 0) for one in containers)
    return [
        _workload_status(workload.name, workload.role, found.get(workload.name), restarts[workload.name])
        for workload in catalogue.workloads()
    ]


def _workload_status(name: str, kind: str, deployment: Mapping[str, Any] | None, restarts: int) -> WorkloadStatus:
    if deployment is None:
        return WorkloadStatus(name, kind, False, "", NOT_DEPLOYED)
    wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    ready = current and available >= wanted and updated >= wanted
    version = deployment["metadata"].get("labels", {}).get(VERSION, "")
    return WorkloadStatus(name, kind, ready, version, f"{available}/{wanted}", restarts)


def read_status(settings: Settings, findings: Sequence[Finding] = (), state_url: str = "") -> EnvironmentStatus:
    """Ask the cluster, the databases, the broker and the book of releases, all at once.

    What cannot be reached is empty in the answer, and so not healthy. ``state_url`` names the state; else the variable of this process.
    """
    url = state_url or os.environ.get("PULUMI_BACKEND_URL", "")
    with ThreadPoolExecutor(max_workers=3) as pool:
        shipping = pool.submit(read_shipping)
        public = pool.submit(read_hosts, settings)
        releases = pool.submit(read_releases, settings.stack, url)
        inside = _read_inside(settings, findings)
        return replace(inside, public=public.result(), releases=releases.result(), shipping=shipping.result())


def read_releases(environment: str, state_url: str) -> Releases:
    """What the environment's book says; nothing where its state does not answer."""
    try:
        state = open_state(state_url)
        book = Book(state, environment)
        found = book.releases()
        backups = latest(Records(state, environment).all())
        return Releases(current(found), found[-1] if found else None, book.hold(), last_look(state, environment), backups)
    except PlatformError:
        return Releases()


def _read_inside(settings: Settings, findings: Sequence[Finding]) -> EnvironmentStatus:
    environment = settings.stack
    items = get_items(environment, "deployments", "pods", "secrets")
    workloads = workload_statuses(settings.catalogue, of_kind(items, "Deployment"), of_kind(items, "Pod"))
    urls = _secret_values(items, "DATABASE_URL")
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked = {context: pool.submit(ask_database, url, settings.ca_certificate_path) for context, url in urls.items()}
        asked_broker = pool.submit(ask_broker, settings)
        answers = {context: answer.result() for context, answer in asked.items()}
    databases = [
        DatabaseStatus(f"{environment}_{context}", answer.migrated_to, migrations.newest, answer.connections_percent)
        for context, migrations in settings.migrations.items()
        for answer in [answers.get(context, DatabaseAnswer())]
    ]
    broker = asked_broker.result()
    postgres = next((answer.server for answer in answers.values() if answer.server), "")
    return EnvironmentStatus(
        environment,
        [workload for workload in workloads if workload.kind != "ui"],
        [workload for workload in workloads if workload.kind == "ui"],
        databases,
        environment if broker.asked and broker.vhost and not broker.trouble else "",
        {"postgres": postgres, "rabbitmq": broker.version},
        findings,
        queues=sorted(broker.queues, key=lambda queue: queue.name),
    )


def of_kind(items: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """The objects of one kind."""
    return [item for item in items if item["kind"] == kind]


def _secret_values(items: Iterable[Mapping[str, Any]], key: str) -> dict[str, str]:
    return {
        item["metadata"]["labels"][NAME]: base64.b64decode(item["data"][key]).decode()
        for item in items
        if item["kind"] == "Secret" and key in item.get("data", {})
    }
