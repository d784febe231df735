"""An environment's public names: which hosts there are, and which service answers which of their paths. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from settings.catalogue import Catalogue, Workload
from settings.environment import EnvironmentSettings, Public
from settings.errors import Mistake
from settings.vocabulary import Network
from settings.webhooks import REQUEST_SIZE_MAX_KIB, WEBHOOKS, WebhookName, sources_of

KEY = "highstreetly:environment"


@dataclass(frozen=True, kw_only=True)
class Route:
    """A part of a host and the workload that answers there."""

    path: str
    workload: str
    webhook: WebhookName | None = None
    request_size_max_kib: int


@dataclass(frozen=True, kw_only=True)
class PublicHost:
    """One public name with its record, its certificate and its routes."""

    host: str
    zone: str
    record: str
    """The name within the zone, `@` for the zone itself."""
    secret: str
    """The TLS Secret's name."""
    routes: tuple[Route, ...]
    https_port: int = 443

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"https://{self.host}/" if self.https_port == 443 else f"https://{self.host}:{self.https_port}/"

    @property
    def object_name(self) -> str:
        """The host as the name of a Kubernetes object or a Pulumi resource."""
        return self.host.replace(".", "-")


def public_hosts(catalogue: Catalogue, environment: EnvironmentSettings) -> list[PublicHost]:
    """Every public name of an environment, in the catalogue's order; none where the environment is not public."""
    public = environment.public
    if public is None:
        return []
    own = {name: override.hosts for name, override in environment.services.items() if override.hosts is not None}
    routes: dict[str, list[Route]] = {}
    for host, route, _ in routed(catalogue, environment.domain, own, public.webhook_host):
        routes.setdefault(host, []).append(route)
    return [_public_host(host, tuple(found), environment.domain, public) for host, found in routes.items()]


def _public_host(host: str, routes: tuple[Route, ...], domain: str, public: Public) -> PublicHost:
    zone = zone_of(host, public.zones)
    assert zone, "checked with the settings"
    wild = public.wildcard and is_below(host, domain)
    secret = wildcard_secret(domain) if wild else f"{host.replace('.', '-')}-tls"
    return PublicHost(
        host=host,
        zone=zone,
        record="@" if host == zone else host.removesuffix(f".{zone}"),
        secret=secret,
        routes=routes,
        https_port=public.https_port,
    )


def routed(
    catalogue: Catalogue, domain: str, own_hosts: Mapping[str, Sequence[str]], webhook_host: str
) -> Iterator[tuple[str, Route, str]]:
    """(full host, route, the key that says so) of everything public; ``own_hosts`` are an environment's by workload."""
    for workload in catalogue.workloads():
        key = f"{KEY}.services.{workload.name}.hosts" if workload.name in own_hosts else f"{_place(workload)}.ingress"
        if ingress := workload.ingress:
            for host in own_hosts.get(workload.name) or ingress.hosts or (workload.name,):
                for path in ingress.paths:
                    route = Route(path=path, workload=workload.name, request_size_max_kib=ingress.request_size_max_kib)
                    yield full_host(host, domain), route, key
        for webhook in workload.webhooks:
            route = Route(path=WEBHOOKS[webhook].path, workload=workload.name, webhook=webhook, request_size_max_kib=REQUEST_SIZE_MAX_KIB)
            yield full_host(webhook_host, domain), route, f"{_place(workload)}.webhooks"


def _place(workload: Workload) -> str:
    return f"uis.{workload.name}" if workload.role == "ui" else f"contexts.{workload.context}.api"


def full_host(host: str, domain: str) -> str:
    """A host of the configuration as a full name."""
    if host == "@":
        return domain
    return host if "." in host else f"{host}.{domain}"


def zone_of(host: str, zones: Sequence[str]) -> str:
    """The zone that a host lies in, the longest where several do; empty where none does."""
    return max((zone for zone in zones if host == zone or host.endswith(f".{zone}")), key=len, default="")


def is_below(host: str, domain: str) -> bool:
    """Whether a wildcard certificate of the domain, which names the domain itself too, covers the host (RFC 6125: one label)."""
    return host == domain or host.partition(".")[2] == domain


def wildcard_secret(domain: str) -> str:
    """The TLS Secret of an environment's wildcard certificate."""
    return f"wildcard-{domain.replace('.', '-')}-tls"


def webhook_sources(public: Public, webhook: WebhookName) -> tuple[Network, ...]:
    """Who may send a webhook; empty: anybody."""
    return public.webhook_sources.get(webhook, sources_of(webhook))


def webhook_secrets(catalogue: Catalogue) -> list[str]:
    """The secret settings that the catalogue's webhooks need."""
    return [secret for workload in catalogue.workloads() for webhook in workload.webhooks for secret in WEBHOOKS[webhook].secrets]


def hosts_of(environment: Mapping[str, object], catalogue: Catalogue) -> list[tuple[str, Route, str]]:
    """What a stack file's environment makes public, read without trusting its types; nothing where it is not public."""
    public, domain = environment.get("public"), environment.get("domain")
    if not isinstance(public, Mapping) or not isinstance(domain, str):
        return []
    services = environment.get("services")
    own = {
        name: [host for host in override["hosts"] if isinstance(host, str)]
        for name, override in (services.items() if isinstance(services, Mapping) else ())
        if isinstance(override, Mapping) and isinstance(override.get("hosts"), list)
    }
    return list(routed(catalogue, domain, own, str(public.get("webhook_host", "hooks"))))


def cross_check(
    environment: Mapping[str, object], catalogue: Catalogue, file: str, others: Mapping[str, Mapping[str, object]]
) -> list[Mistake]:
    """What no single key shows: hosts outside the zones, a host and path used twice, here or by another environment of the estate.

    ``others`` are the environments of the estate's other stack files, by file.
    """
    found = hosts_of(environment, catalogue)
    public = environment.get("public")
    zones = public.get("zones") if isinstance(public, Mapping) else None
    zones = [zone for zone in zones if isinstance(zone, str)] if isinstance(zones, list | tuple) else []
    mistakes = []
    for host, _, key in found:
        if zones and not zone_of(host, zones):
            problem = f"{host} lies in none of the zones {', '.join(zones)}"
            mistakes.append(Mistake(file, _key(key), problem, f"name a host under one of them, or add its zone to {KEY}.public.zones"))
    taken: dict[tuple[str, str], str] = {}
    elsewhere = {host: other for other, raw in others.items() for host, _, _ in hosts_of(raw, catalogue)}
    for host, route, key in found:
        here = (host, route.path)
        if here in taken:
            problem = f"{host}{route.path} is used twice: by {taken[here]} and {route.workload}"
            mistakes.append(Mistake(file, _key(key), problem, "give one of them another host or path"))
        elif host in elsewhere:
            mistakes.append(Mistake(file, _key(key), f"{host} belongs to {elsewhere[host]} too", f"give {KEY}.domain another name"))
        taken.setdefault(here, route.workload)
    return mistakes


def _key(key: str) -> str:
    return key if key.startswith(KEY) else f"{KEY}.domain ({key})"


__all__ = [
    "Public", "PublicHost", "Route", "cross_check", "full_host", "hosts_of", "is_below", "public_hosts", "routed", "webhook_secrets",
    "webhook_sources", "wildcard_secret", "zone_of",
]  # fmt: skip
