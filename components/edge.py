"""What the ingress controller does to every request of an environment before a service sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import naming, tokens
from settings.public import Public, PublicHost, Route, is_below, webhook_sources, wildcard_secret
from settings.webhooks import REQUEST_BURST, REQUESTS_PER_SECOND, WebhookName

HSTS_SECONDS = 365 * 24 * 3600
"""What browsers' preload lists ask for at least: https://hstspreload.org."""
KIBIBYTE = 1024
HEADERS = "security-headers"


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """``after`` is what brings the types of Traefik and cert-manager, where this stack does it itself."""

    namespace: pulumi.Input[str]
    domain: str
    public: Public
    hosts: Sequence[PublicHost]
    after: Sequence[pulumi.Resource] = ()


class Edge(pulumi.ComponentResource):
    """An environment's part of the edge:

    - a Middleware each for security headers, request sizes, and every webhook's rate and senders
    - where it is asked for, one wildcard Certificate instead of one a host
    """

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.EDGE, name, None, opts)
        self.args = args
        for middleware, spec in middlewares(args.public, args.hosts).items():
            self._create(middleware, "traefik.io/v1alpha1", "Middleware", spec)
        if args.public.wildcard and any(is_below(host.host, args.domain) for host in args.hosts):
            self._create(wildcard_secret(args.domain), "cert-manager.io/v1", "Certificate", wildcard(args.domain, args.public.issuer))
        self.register_outputs({})

    def _create(self, name: str, api_version: str, kind: str, spec: dict[str, Any]) -> None:
        CustomResource(
            name,
            api_version=api_version,
            kind=kind,
            metadata=ObjectMetaArgs(name=name, namespace=self.args.namespace, labels=naming.labels(name, "edge")),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(self.args.after)),
        )


def middlewares(public: Public, hosts: Iterable[PublicHost]) -> dict[str, dict[str, Any]]:
    """Every Middleware that an environment's routes name (https://doc.traefik.io/traefik/middlewares/http/overview/)."""
    routes = [route for host in hosts for route in host.routes]
    found = {HEADERS: security_headers(public.hsts)}
    for route in routes:
        found[size_limit(route)] = {"buffering": {"maxRequestBodyBytes": route.request_size_max_kib * KIBIBYTE}}
        if route.webhook:
            rate = {"average": REQUESTS_PER_SECOND, "burst": REQUEST_BURST, "period": "1s"}
            found[f"{route.webhook}-rate"] = {"rateLimit": rate}
            if sources := webhook_sources(public, route.webhook):
                found[sender_list(route.webhook)] = {"ipAllowList": {"sourceRange": [str(network) for network in sources]}}
    return found


def security_headers(hsts: bool) -> dict[str, Any]:
    """Headers of every answer; what may be framed or loaded is the UIs' own affair, because shops embed one of them."""
    headers: dict[str, Any] = {
        "contentTypeNosniff": True,
        "referrerPolicy": "strict-origin-when-cross-origin",
        "customResponseHeaders": {"Server": "", "X-Powered-By": ""},
    }
    return {"headers": headers | ({"stsSeconds": HSTS_SECONDS} if hsts else {})}


def names_for(route: Route, public: Public) -> list[str]:
    """The Middlewares of a route, in the order in which they look at a request: who sends it, how often, how much."""
    if not route.webhook:
        return [HEADERS, size_limit(route)]
    senders = [sender_list(route.webhook)] if webhook_sources(public, route.webhook) else []
    return [HEADERS, *senders, f"{route.webhook}-rate", size_limit(route)]


def size_limit(route: Route) -> str:
    """The Middleware that refuses a larger request than the route takes."""
    return f"request-size-{route.request_size_max_kib}-kib"


def sender_list(webhook: WebhookName) -> str:
    """The Middleware that lets only a webhook's vendor in."""
    return f"{webhook}-senders"


def wildcard(domain: str, issuer: str) -> dict[str, Any]:
    """The Certificate of all names one label below a domain, and of the domain itself."""
    return {
        "secretName": wildcard_secret(domain),
        "dnsNames": [domain, f"*.{domain}"],
        "issuerRef": {"name": issuer, "kind": "ClusterIssuer", "group": "cert-manager.io"},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    }
