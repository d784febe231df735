"""What a stack file may say: how one environment differs, and what a cluster has once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from settings.catalogue import Catalogue, Resources, Workload
from settings.errors import Mistake, nearest
from settings.log_shipping import LogShipping
from settings.vocabulary import (
    Address,
    Domain,
    Email,
    Host,
    Image,
    Mebibytes,
    Millicores,
    Model,
    Name,
    Nameserver,
    Network,
    Port,
    Replicas,
    Seconds,
    Url,
    Version,
    WorkloadName,
)
from settings.webhooks import WebhookName


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
    registry: Url = Field(
        default="https://registry-1.docker.io", description="the registry that says which digest a docker.io image's tag means"
    )


class Quota(Model):
    """What the whole namespace may ask for."""

    pods: int = Field(default=120, ge=1, le=1000, description="pods of the namespace, those of running migrations included")
    cpu_request_millicores: Millicores = 8_000
    memory_request_mib: Mebibytes = 16_384
    memory_limit_mib: Mebibytes = 32_768


RECORD_TTL_SECONDS_MIN = 30
"""DigitalOcean's shortest: https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records."""


class Public(Model):
    """How an environment is reached from outside: one A record, one certificate and one Ingress for each host."""

    address: Address = Field(description="where its names lead: the firewall's public address")
    zones: tuple[Domain, ...] = Field(
        min_length=1, description="DigitalOcean domains under which its names lie, for example [highstreet.ly]"
    )
    issuer: WorkloadName = Field(default="letsencrypt", description="who certifies its names; an issuer of the cluster stack")
    wildcard: bool = Field(default=False, description="one certificate for all names one label below the domain, instead of one each")
    hsts: bool = Field(default=True, description="browsers never use plain HTTP again (for a year)")
    record_ttl_seconds: int = Field(default=300, ge=RECORD_TTL_SECONDS_MIN, le=86_400, description="how long others may keep an A record")
    existing_records: Literal["refuse", "adopt"] = Field(
        default="refuse", description="a record with one of its names that somebody made by hand: refuse, or adopt if it says the same"
    )
    webhook_host: Host = Field(default="hooks", description="where payment services send their events")
    webhook_sources: dict[WebhookName, tuple[Network, ...]] = Field(
        default={}, description="who may send a webhook, instead of the vendor's published list; an empty list: anybody"
    )
    nameserver: Nameserver = Field(default="ns1.digitalocean.com", description="the zones' server that `./hs verify` and `./hs status` ask")
    digitalocean_api: Url = Field(default="https://api.digitalocean.com", description="the API that makes the records")
    trusted_roots_file: str | None = Field(default=None, description="roots that `./hs verify` trusts instead of the system's (PEM)")
    https_port: Port = Field(default=443, description="the port at the address that browsers use")
    http_port: Port = Field(default=80, description="the port that redirects to HTTPS")


class WorkloadOverride(Model):
    """How one service or UI differs from the environment's and the catalogue's settings."""

    image: Image | None = None
    version: Version | None = None
    replicas: Replicas | None = None
    resources: Resources | None = None
    hosts: tuple[Host, ...] | None = Field(default=None, min_length=1, description="its public names here, instead of the catalogue's")


class EnvironmentSettings(Model):
    """One environment: a namespace with its databases, vhost, services and UIs."""

    domain: Domain = Field(description="public domain, for example test.highstreet.ly")
    version: Version = Field(description="image version of every service and UI without one of its own")
    replicas: Replicas = Field(default=2, description="pods of each service and UI")
    promoted_from: Name | None = Field(
        default=None, description="the environment where a release must have been verified before, for example test"
    )
    priority_class: WorkloadName | None = Field(default=None, description="scheduling priority; a class of the cluster stack")
    protect_data: bool = Field(default=True, description="refuse to delete databases and the vhost")
    images: Images = Images()
    quota: Quota = Quota()
    public: Public | None = Field(default=None, description="how it is reached from outside; without it not at all")
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


class Chart(Model):
    """A Helm chart."""

    chart: str = Field(min_length=1, description="`oci://…`, a name in `repository`, or the path of a folder")
    repository: Url | None = Field(default=None, description="the repository that holds it")
    version: Version = Field(description="the chart's version")


class CertManagerChart(Chart):
    """cert-manager's: https://cert-manager.io/docs/releases/."""

    chart: str = Field(
        default="oci://quay.io/jetstack/charts/cert-manager", description="`oci://…`, a name in `repository`, or the path of a folder"
    )
    version: Version = Field(default="v1.21.2", description="the chart's version")


class TraefikChart(Chart):
    """Traefik's: https://github.com/traefik/traefik-helm-chart."""

    chart: str = Field(
        default="oci://ghcr.io/traefik/helm/traefik", description="`oci://…`, a name in `repository`, or the path of a folder"
    )
    version: Version = Field(default="41.6.0", description="the chart's version")


class MetalLbChart(Chart):
    """MetalLB's: https://metallb.universe.tf/installation/."""

    chart: str = Field(default="metallb", description="`oci://…`, a name in `repository`, or the path of a folder")
    repository: Url | None = Field(default="https://metallb.github.io/metallb", description="the repository that holds it")
    version: Version = Field(default="0.16.1", description="the chart's version")


class Issuer(Model):
    """An ACME server that certifies the platform's names through DNS01."""

    server: Url = Field(description="its directory, for example https://acme-v02.api.letsencrypt.org/directory")
    email: Email = Field(description="where it sends what concerns the account")
    propagation_seconds: Seconds = Field(default=30, description="how long a challenge's record may take to be seen everywhere")
    ca_certificate_file: str | None = Field(
        default=None, description="the CA that signed its server's certificate (PEM), if no public one did"
    )


class Certificates(Model):
    """cert-manager and its issuers."""

    issuers: dict[WorkloadName, Issuer] = Field(min_length=1)
    nameservers: tuple[Nameserver, ...] = Field(
        default=("1.1.1.1:53", "8.8.8.8:53"), min_length=1, description="where it looks up which zone a name lies in"
    )
    ca_certificate_file: str | None = Field(
        default=None, description="the CA it trusts for DigitalOcean's API instead of the system's (PEM), where that is emulated"
    )
    cert_manager: CertManagerChart = CertManagerChart()


class IngressController(Model):
    """Traefik, which takes every request from outside."""

    replicas: Replicas = 2
    address: Address | None = Field(default=None, description="its address on the cluster's network, one of the load balancer's")
    https_node_port: int | None = Field(default=None, ge=30000, le=32767, description="instead of an address: a port of every node")
    http_node_port: int | None = Field(default=None, ge=30000, le=32767, description="the same for plain HTTP, which redirects to HTTPS")
    trusted_proxies: tuple[Network, ...] = Field(default=(), description="proxies before it whose word about the sender's address counts")
    traefik: TraefikChart = TraefikChart()

    @model_validator(mode="after")
    def _has_one_door(self) -> IngressController:
        if (self.address is None) == (self.https_node_port is None or self.http_node_port is None):
            raise ValueError("it needs either an address or both node ports; write address, or http_node_port and https_node_port")
        return self


class LoadBalancer(Model):
    """MetalLB: gives Services addresses of the cluster's own network, answered for by one node at a time (layer 2)."""

    addresses: tuple[str, ...] = Field(min_length=1, description="ranges outside DHCP, for example [192.0.2.80-192.0.2.89]")
    metallb: MetalLbChart = MetalLbChart()


class Dns(Model):
    """The DigitalOcean domains that the platform's names lie in."""

    zones: tuple[Domain, ...] = Field(min_length=1)
    imported: tuple[Domain, ...] = Field(default=(), description="those of them that are at DigitalOcean already and are taken over")
    protect: bool = Field(default=True, description="refuse to delete the zones")
    digitalocean_api: Url = Field(default="https://api.digitalocean.com", description="the API that makes them")


class RunnerCharts(Model):
    """actions-runner-controller's, both of one version: its controller deletes a scale set of another.

    https://github.com/actions/actions-runner-controller/tree/master/charts
    """

    controller: str = Field(
        default="oci://ghcr.io/actions/actions-runner-controller-charts/gha-runner-scale-set-controller",
        min_length=1,
        description="the controller's: `oci://…`, or the path of a folder",
    )
    scale_set: str = Field(
        default="oci://ghcr.io/actions/actions-runner-controller-charts/gha-runner-scale-set",
        min_length=1,
        description="a scale set's: `oci://…`, or the path of a folder",
    )
    version: Version = Field(default="0.14.2", description="the version of both")


class RunnerSet(Model):
    """The runners of one environment, which workflows call `highstreetly-<name>`."""

    min_runners: int = Field(default=0, ge=0, le=10, description="runners that wait for a job; 0: one starts when a job comes")
    max_runners: int = Field(
        default=6,
        ge=1,
        le=10,
        description="jobs at the same time: one each of deploy, rollback, preview, drift, report, backup; so a rollback waits for none",
    )

    @model_validator(mode="after")
    def _waits_for_no_more_than_it_may_run(self) -> RunnerSet:
        if self.min_runners > self.max_runners:
            raise ValueError(f"min_runners {self.min_runners} is more than max_runners {self.max_runners}; raise max_runners")
        return self


class Runners(Model):
    """GitHub's runners in the cluster, and the service account by which those of an environment change that environment alone."""

    github_config_url: Url | None = Field(
        default=None,
        description="the organisation that they register at, for example https://github.com/highstreetly; "
        "without it there are service accounts only, for runners that something else starts",
    )
    group: str = Field(
        default="highstreetly-platform",
        min_length=1,
        description="the organisation's runner group that they join, which admits this repository's workflows on main alone; "
        "it must be there first (docs/runbooks/add-runner.md)",
    )
    image: Image = Field(default="highstreetly/deploy-runner:1", description="what a runner is made of: images/deploy-runner")
    environments: dict[Name, RunnerSet] = Field(min_length=1, description="the runners of each environment, by its name")
    resources: Resources = Resources(cpu_request_millicores=250, memory_request_mib=512, memory_limit_mib=2048)
    egress_ports: tuple[Port, ...] = Field(
        default=(22, 80, 443, 5432, 6443, 15671),
        min_length=1,
        description="ports that they may reach, beside DNS: SSH for backups, public names, GitHub, the database, Kubernetes, "
        "the broker's management",
    )
    charts: RunnerCharts = RunnerCharts()

    @model_validator(mode="after")
    def _registers_where_groups_are(self) -> Runners:
        url = self.github_config_url or ""
        if len(urlsplit(url).path.strip("/").split("/")) > 1:
            raise ValueError(
                f"{url} is a repository, which has no runner groups: any workflow of it, also one that a fork edited, would get a runner; "
                f"name the organisation, {url.rstrip('/').rpartition('/')[0]}"
            )
        return self


class ClusterSettings(Model):
    """What one cluster has once."""

    dns: Dns | None = Field(default=None, description="the zones")
    certificates: Certificates | None = Field(default=None, description="cert-manager and its issuers")
    ingress_controller: IngressController | None = Field(default=None, description="Traefik")
    load_balancer: LoadBalancer | None = Field(default=None, description="MetalLB, where the cluster's network has no load balancer")
    log_shipping: LogShipping | None = Field(default=None, description="which logs go to New Relic")
    runners: Runners | None = Field(default=None, description="GitHub's runners, and the accounts by which they deploy")

    priority_classes: dict[WorkloadName, int] = Field(
        default={}, description="scheduling priorities, higher wins; at most 1000000000 (Kubernetes reserves what is above)"
    )

    @model_validator(mode="after")
    def _has_zones_to_certify(self) -> ClusterSettings:
        if self.certificates and not self.dns:
            raise ValueError("certificates need zones in which to answer challenges; add dns.zones, for example [highstreet.ly]")
        return self


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
