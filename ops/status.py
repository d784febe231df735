"""What runs in an environment, read from the cluster and its databases."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ops.backup.record import Latest, Records, latest
from ops.deployed import brings_to, is_rolled_out, is_unreleased, newest_values
from ops.drift import LastLook, last_look
from ops.errors import PlatformError
from ops.explain import Finding
from ops.hosts import HostStatus, read_hosts
from ops.kubernetes import get_items
from ops.releases.book import Book, Hold
from ops.releases.choose import current
from ops.releases.record import Release
from ops.servers import Broker, DatabaseAnswer, Queue, ask_broker, ask_database
from ops.shipping import Shipping
from ops.state import open_state
from settings.catalogue import Catalogue
from settings.load import Settings

NAME, VERSION = (f"app.kubernetes.io/{key}" for key in ("name", "version"))
DEAD = ".dead"
"""How a receiver's queue of dead letters ends (images/reference-service/internal/broker)."""
NOT_DEPLOYED = "not deployed"
NOT_RELEASED = "not released"
"""Of a workload that is in the checkout and not in the release that runs."""
NOT_KNOWN = "not known"
"""Of a workload whose cluster does not answer."""
ABSENT = (NOT_DEPLOYED, NOT_RELEASED)
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
    """What the deployed release brings it to; what the checkout does where nothing of its context is deployed."""
    connections_percent: float | None = None
    """None where it does not say."""

    @property
    def up_to_date(self) -> bool:
        """Whether every script of what is deployed has been applied."""
        return _order(self.migrated_to) >= _order(self.expected)


@dataclass(frozen=True)
class Releases:
    """What is known from the environment's book: the release that runs, the newest, the hold, and the last look for drift."""

    current: Release | None = None
    newest: Release | None = None
    hold: Hold | None = None
    looked: LastLook | None = None
    backups: Latest = NO_BACKUP
    unknown: str = ""
    """Why the book could not be read; then nothing above says anything."""

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
    vhost: str | None
    """Its name; empty where the broker does not have it or does not answer, None where it could not be asked."""
    machines: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    public: Sequence[HostStatus] = ()
    queues: Sequence[Queue] = ()
    releases: Releases = Releases()
    shipping: Shipping | None = None
    """Of its cluster; None where no logs are shipped."""
    promoted_from: str = ""
    """The environment whose verified releases it takes; empty where it takes any."""
    cluster_trouble: str = ""
    """Why the cluster did not answer; then nothing is known of workloads and databases."""

    @property
    def unknown(self) -> list[str]:
        """What could not be asked, and why: it is neither healthy nor unhealthy."""
        broker = "the broker: its administrator's password is not here (HIGHSTREETLY_RABBITMQ_ADMIN_PASSWORD)" if self.vhost is None else ""
        cluster = f"services, UIs and databases: {self.cluster_trouble}" if self.cluster_trouble else ""
        book = f"releases, drift and backups: {self.releases.unknown}" if self.releases.unknown else ""
        return [line for line in (cluster, broker, book) if line]

    @property
    def deployed(self) -> bool:
        """Whether anything of it runs, or may."""
        return any(workload.replicas not in ABSENT for workload in (*self.services, *self.uis))

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
        """Whether everything that was released is there, ready and migrated, as far as it could be asked; not so without the cluster."""
        workloads = [workload for workload in (*self.services, *self.uis) if workload.replicas != NOT_RELEASED]
        return (
            not self.cluster_trouble
            and bool(workloads)
            and all(workload.ready for workload in workloads)
            and all(database.up_to_date for database in self.databases)
            and self.vhost != ""
        )

    def as_json(self) -> dict[str, object]:
        """What `./hs status --json` prints:

        - environment: its name
        - services, uis: [{name, kind, ready, version, replicas, restarts}]
        - databases: [{name, migrated_to}]; vhost: its name, or null where nobody could ask; machines: {name: version} of those that
          were asked; each empty where it does not answer
        - queues: [{name, ready, unacknowledged, consumers}]; dead_letters: how many events no receiver could take
        - release, newest_release: {number, name, kind, outcome, by, at} or null; hold: {reason, by, since, stop} or null
        - logs: {nodes, ready, trouble, remedy} of the cluster's log shippers, or null
        - backup: {words, verified_at}: when the newest one that was restored was begun, or null
        - drift: {at, by, objects} of the last `./hs drift`, or null
        - public: [{host, url, address, expected, certificate, expires, issuer, reason, remedy}], [] where nothing is public
        - unknown: [what could not be asked, in words]; it counts neither for nor against healthy
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
            "unknown": self.unknown,
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
    wanted, available = deployment["spec"]["replicas"], deployment.get("status", {}).get("availableReplicas", 0)
    ready = wanted > 0 and is_rolled_out(deployment)  # no stack file says 0: somebody scaled it
    version = deployment["metadata"].get("labels", {}).get(VERSION, "")
    return WorkloadStatus(name, kind, ready, version, f"{available}/{wanted}", restarts)


def read_status(settings: Settings, state_url: str = "") -> EnvironmentStatus:
    """Ask the cluster, the databases, the broker and the book of releases, all at once. Never raises for one that does not answer.

    What refuses is empty in the answer, and so not healthy; what could not be asked is in ``unknown``. ``state_url`` names the state; else
    the variable of this process.
    """
    url = state_url or os.environ.get("PULUMI_BACKEND_URL", "")
    with ThreadPoolExecutor(max_workers=2) as pool:
        public = pool.submit(read_hosts, settings)
        releases = pool.submit(read_releases, settings.stack, url)
        inside = _read_inside(settings)
        return as_released(replace(inside, public=public.result(), releases=releases.result()))


def read_releases(environment: str, state_url: str) -> Releases:
    """What the environment's book says; why that is not known where its state does not answer."""
    try:
        state = open_state(state_url)
        book = Book(state, environment)
        found = book.releases()
        backups = latest(Records(state, environment).all())
        return Releases(current(found), found[-1] if found else None, book.hold(), last_look(state, environment), backups)
    except PlatformError as failed:
        return Releases(unknown=failed.what)


def as_released(status: EnvironmentStatus) -> EnvironmentStatus:
    """The status without what the checkout has and the release that runs does not: nobody has promised that yet."""
    release = status.releases.current
    if release is None:
        return status

    def told(workload: WorkloadStatus) -> WorkloadStatus:
        new = workload.replicas == NOT_DEPLOYED and is_unreleased(workload.name, release)
        return replace(workload, replicas=NOT_RELEASED) if new else workload

    contexts = {f"{status.environment}_{context}" for context in release.migrations}
    databases = [database for database in status.databases if database.migrated_to or not contexts or database.name in contexts]
    return replace(
        status, services=[told(service) for service in status.services], uis=[told(ui) for ui in status.uis], databases=databases
    )


def _read_inside(settings: Settings) -> EnvironmentStatus:
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked_broker = pool.submit(ask_broker, settings)
        items, trouble = _objects(settings.stack)
        urls = newest_values(items, "DATABASE_URL")
        asked = {context: pool.submit(ask_database, url, settings.ca_certificate_path) for context, url in urls.items()}
        answers = {context: answer.result() for context, answer in asked.items()}
        broker = asked_broker.result()
    workloads = workload_statuses(settings.catalogue, of_kind(items, "Deployment"), of_kind(items, "Pod"))
    if trouble:
        workloads = [replace(workload, replicas=NOT_KNOWN) for workload in workloads]
    postgres = {"postgres": next((answer.server for answer in answers.values() if answer.server), "")} if not trouble else {}
    return EnvironmentStatus(
        settings.stack,
        [workload for workload in workloads if workload.kind != "ui"],
        [workload for workload in workloads if workload.kind == "ui"],
        [] if trouble else database_statuses(settings, items, answers),
        _vhost(settings.stack, broker),
        postgres | ({"rabbitmq": broker.version} if broker.asked else {}),
        queues=sorted(broker.queues, key=lambda queue: queue.name),
        promoted_from=(settings.environment.promoted_from if settings.environment else None) or "",
        cluster_trouble=trouble,
    )


def _objects(namespace: str) -> tuple[list[dict[str, Any]], str]:
    """(a namespace's objects, why the cluster did not give them)."""
    try:
        return get_items(namespace, "deployments.apps", "pods", "secrets", "jobs.batch"), ""
    except PlatformError as failed:
        return [], failed.what


def _vhost(environment: str, broker: Broker) -> str | None:
    if not broker.asked:
        return None
    return environment if broker.vhost and not broker.trouble else ""


def database_statuses(
    settings: Settings, items: Sequence[Mapping[str, Any]], answers: Mapping[str, DatabaseAnswer]
) -> list[DatabaseStatus]:
    """Each context's database: how far it is migrated, and how far what is deployed brings it."""
    return [
        DatabaseStatus(
            f"{settings.stack}_{context}",
            answer.migrated_to,
            brings_to(items, context) or migrations.newest,
            answer.connections_percent,
        )
        for context, migrations in settings.migrations.items()
        for answer in [answers.get(context, DatabaseAnswer())]
    ]


def of_kind(items: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """The objects of one kind."""
    return [item for item in items if item["kind"] == kind]
