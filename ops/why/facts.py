"""What is known of an environment at one moment: everything that the judgement of causes rests on, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ops.hosts import HostStatus
from ops.releases.record import Release
from ops.servers import Broker
from ops.why.pods import Item, is_over, is_replaced, name_of, workload_of
from settings.catalogue import Catalogue, Workload
from settings.flows import Machine


@dataclass(frozen=True)
class Line:
    """A line that a container wrote; ``at`` is None where nobody knows when."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a data machine listens, and what it is called in a sentence."""

    address: str
    port: int
    title: str

    def __str__(self) -> str:
        return f"{self.title} {self.address}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Database:
    """One context's database, asked from here as its services ask it; ``trouble`` is the driver's own message, empty where it answered."""

    context: str
    name: str
    trouble: str = ""
    migrated_to: str = ""
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was learned of an environment. What could not be learned is named in ``unknown``."""

    environment: str
    now: datetime
    items: Sequence[Item] = ()
    """Kubernetes objects of the namespace, of every kind that was asked for."""
    has_workloads: bool = False
    """Whether Deployments and ReplicaSets were asked for: only then does their absence say anything."""
    lines: Mapping[tuple[str, str], Sequence[Line]] = field(default_factory=dict)
    """Last lines by (pod, container), oldest first."""
    previous: Mapping[tuple[str, str], Sequence[Line]] = field(default_factory=dict)
    """Last lines of the run before, of containers that crashed."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What the readiness endpoint of a pod answers."""
    catalogue: Catalogue | None = None
    machines: Mapping[Machine, Endpoint] = field(default_factory=dict)
    databases: Sequence[Database] = ()
    broker: Broker = field(default_factory=lambda: Broker(asked=False))
    hosts: Sequence[HostStatus] = ()
    releases: Sequence[Release] = ()
    local: bool = False
    """Whether it runs on this machine's own estate, which `./hs up` mends."""
    again: str = ""
    """The command whose run failed, to be typed once more; empty where none did."""
    cluster_trouble: str = ""
    """Why the cluster did not answer."""
    unknown: Sequence[str] = ()

    @property
    def deploy(self) -> str:
        """The command that brings the environment to what its files say; only the local estate is deployed without a release."""
        return self.again or f"./hs {'up' if self.local else 'deploy'} {self.environment}"

    @property
    def refresh(self) -> str:
        """The same, comparing with reality first; after a failed run it does that by itself."""
        return self.again or f"{self.deploy} --refresh"

    def of(self, kind: str) -> list[Item]:
        """All objects of a kind."""
        return [item for item in self.items if item.get("kind") == kind]

    def pods(self, workload: str = "") -> list[Item]:
        """The pods that are meant to run, of one workload or of all."""
        pods = [pod for pod in self.of("Pod") if not is_over(pod) and not is_replaced(pod)]
        return [pod for pod in pods if workload in ("", workload_of(pod))]

    def deployment(self, workload: str) -> Item | None:
        """A workload's Deployment."""
        return next((item for item in self.of("Deployment") if name_of(item) == workload), None)

    def workloads(self) -> Iterator[Workload]:
        """Every service and UI that the catalogue names."""
        return self.catalogue.workloads() if self.catalogue else iter(())

    def log_of(self, pod: Item, container: str = "", *, previous: bool = False) -> list[Line]:
        """The last lines of a pod's container, or of all its containers; those of the run before where they are asked for and known."""
        where = name_of(pod)
        source = self.previous if previous and any(key[0] == where for key in self.previous) else self.lines
        return [line for (name, part), lines in source.items() if name == where and container in ("", part) for line in lines]


__all__ = ["Database", "Endpoint", "Facts", "Line"]
