"""What a stack file may say: how one environment differs, and what a cluster has once."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from settings.catalogue import Catalogue, Resources, Workload
from settings.errors import Mistake, nearest
from settings.vocabulary import (
    Address,
    Domain,
    Image,
    Mebibytes,
    Millicores,
    Model,
    Name,
    Port,
    Replicas,
    Version,
    WorkloadName,
)


class Postgres(Model):
    """The PostgreSQL machine."""

    address: Address
    port: Port = 5432
    admin_user: str = Field(default="platform", description="makes databases and roles; no superuser")


class RabbitMq(Model):
    """The RabbitMQ machine: AMQP and management, both over TLS."""

    address: Address
    port: Port = 5671
    management_port: Port = 15671
    admin_user: str = Field(default="platform", description="makes vhosts, users and policies")


class Images(Model):
    """Where the three container types come from; `{name}` is the workload's, `{context}` its context's name."""

    service: Image = "highstreetly/{name}"
    ui: Image = "highstreetly/{name}"
    migrations: Image = "flyway/flyway:13"


class Quota(Model):
    """What the whole namespace may ask for."""

    pods: int = Field(default=120, ge=1, le=1000, description="pods of the namespace, those of running migrations included")
    cpu_request_millicores: Millicores = 8_000
    memory_request_mib: Mebibytes = 16_384
    memory_limit_mib: Mebibytes = 32_768


class WorkloadOverride(Model):
    """How one service or UI differs from the environment's and the catalogue's settings."""

    image: Image | None = None
    version: Version | None = None
    replicas: Replicas | None = None
    resources: Resources | None = None


class EnvironmentSettings(Model):
    """One environment: a namespace with its databases, vhost, services and UIs."""

    domain: Domain = Field(description="public domain, for example test.highstreet.ly")
    version: Version = Field(description="image version of every service and UI without one of its own")
    replicas: Replicas = Field(default=2, description="pods of each service and UI")
    priority_class: WorkloadName | None = Field(default=None, description="scheduling priority; a class of the cluster stack")
    protect_data: bool = Field(default=True, description="refuse to delete databases and the vhost")
    images: Images = Images()
    quota: Quota = Quota()
    services: dict[WorkloadName, WorkloadOverride] = Field(default={}, description="differences by service or UI")
    postgres: Postgres
    rabbitmq: RabbitMq
    ca_certificate_file: str = Field(
        default="ansible/files/platform-ca.crt",
        description="the platform CA, which signed the data machines' certificates (PEM); a relative path starts at the checkout",
    )

    def image(self, workload: Workload) -> str:
        """The image of a workload: its own, else the environment's pattern; the version is added where neither tag nor digest is given."""
        image = self._pattern(workload).format(name=workload.name, context=workload.context)
        return image if "@" in image or tag_of(image) else f"{image}:{self._own_version(workload)}"

    def version_of(self, workload: Workload) -> str:
        """The version of a workload, for its label: the tag of its image, or where that has a digest alone its own or the environment's."""
        return tag_of(self._pattern(workload)) or self._own_version(workload)

    def _pattern(self, workload: Workload) -> str:
        own = self.services.get(workload.name, WorkloadOverride())
        return own.image or (self.images.ui if workload.role == "ui" else self.images.service)

    def _own_version(self, workload: Workload) -> str:
        return self.services.get(workload.name, WorkloadOverride()).version or self.version

    def replicas_of(self, workload: Workload) -> int:
        """How many pods a workload has here."""
        return self.services.get(workload.name, WorkloadOverride()).replicas or self.replicas

    def resources_of(self, workload: Workload) -> Resources:
        """What one pod of a workload asks for here."""
        return self.services.get(workload.name, WorkloadOverride()).resources or workload.resources


def tag_of(image: str) -> str:
    """The tag of an image, empty where it has none."""
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[2]


class ClusterSettings(Model):
    """What one cluster has once."""

    priority_classes: dict[WorkloadName, int] = Field(
        default={}, description="scheduling priorities, higher wins; at most 1000000000 (Kubernetes reserves what is above)"
    )


def cross_check(environment: Mapping[str, object], catalogue: Catalogue, file: str) -> list[Mistake]:
    """What no single key shows: overrides of services that do not exist, two listeners on one address and port."""
    prefix = "highstreetly:environment"
    names = {workload.name for workload in catalogue.workloads()}
    services = environment.get("services")
    mistakes = [
        Mistake(file, f"{prefix}.services.{name}", f"there is no service or UI {name!r}", nearest(name, names))
        for name in (services if isinstance(services, Mapping) else {})
        if name not in names
    ]
    listeners: dict[tuple[object, object], str] = {}
    for machine, keys in (("postgres", {"port": 5432}), ("rabbitmq", {"port": 5671, "management_port": 15671})):
        values = environment.get(machine)
        if not isinstance(values, Mapping) or "address" not in values:
            continue
        for key, default in keys.items():
            listener = (str(values["address"]), values.get(key, default))
            here = f"{prefix}.{machine}.{key}"
            if listener in listeners:
                problem = f"{listener[0]}:{listener[1]} is taken by {listeners[listener]}"
                mistakes.append(Mistake(file, here, problem, "choose another port"))
            listeners.setdefault(listener, here)
    return mistakes


__all__ = ["ClusterSettings", "EnvironmentSettings", "Images", "Name", "Postgres", "Quota", "RabbitMq", "WorkloadOverride", "cross_check"]
