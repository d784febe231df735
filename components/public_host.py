"""One public name: where it leads, who certifies it, and which service answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pulumi
import pulumi_digitalocean as digitalocean
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    Ingress,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    ServiceBackendPortArgs,
)

from components import edge, naming, tokens
from components.ingress_controller import CLASS
from settings.public import Public, Route
from settings.public import PublicHost as PublicHostSettings


@dataclass(frozen=True, kw_only=True)
class PublicHostArgs:
    """``adopted_record`` is the ID of a record with this name that is there already."""

    namespace: pulumi.Input[str]
    environment: str
    public: Public
    host: PublicHostSettings
    own_certificate: bool
    """Whether the host has a certificate of its own, rather than the environment's wildcard."""
    adopted_record: str | None = None
    after: Sequence[pulumi.Resource] = ()


class PublicHost(pulumi.ComponentResource):
    """One public name:

    - DnsRecord: the name leads to the environment's public address
    - an Ingress for each group of routes that are treated alike; the first asks cert-manager for the certificate

    Nothing here waits for the certificate: it comes by itself, and a failure to issue one breaks no deploy.
    """

    def __init__(self, name: str, args: PublicHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.PUBLIC_HOST, name, None, opts)
        self.args = args
        self._create_record(name)
        for number, (treatment, routes) in enumerate(doors(args.host.routes)):
            self._create_ingress(name if number == 0 else f"{name}-{treatment}", routes, first=number == 0)
        self.register_outputs({"url": args.host.url})

    def _create_record(self, name: str) -> None:
        args = self.args
        digitalocean.DnsRecord(
            f"{name}-record",
            domain=args.host.zone,
            name=args.host.record,
            type="A",
            value=str(args.public.address),
            ttl=args.public.record_ttl_seconds,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.after),
                import_=f"{args.host.zone},{args.adopted_record}" if args.adopted_record else None,
                ignore_changes=["ttl", "value"] if args.adopted_record else None,  # an import takes it as it is
                delete_before_replace=True,
            ),
        )

    def _create_ingress(self, name: str, routes: Sequence[Route], *, first: bool) -> None:
        args = self.args
        Ingress(
            f"{name}-ingress",
            metadata=ObjectMetaArgs(
                name=name,
                namespace=args.namespace,
                labels=naming.labels(name, "ingress"),
                annotations=ingress_annotations(args, routes[0], first=first),
            ),
            spec=IngressSpecArgs(
                ingress_class_name=CLASS,
                tls=[IngressTLSArgs(hosts=[args.host.host], secret_name=args.host.secret)],
                rules=[
                    IngressRuleArgs(host=args.host.host, http=HTTPIngressRuleValueArgs(paths=[ingress_path(route) for route in routes]))
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def ingress_annotations(args: PublicHostArgs, route: Route, *, first: bool) -> dict[str, str]:
    """What the ingress controller, cert-manager and Pulumi read on an Ingress."""
    middlewares = [f"{args.environment}-{middleware}@kubernetescrd" for middleware in edge.names_for(route, args.public)]
    found = {
        # The provider would wait for an address in the Ingress's status; whether it answers is `./hs verify`'s question.
        "pulumi.com/skipAwait": "true",
        "traefik.ingress.kubernetes.io/router.entrypoints": "websecure",
        "traefik.ingress.kubernetes.io/router.middlewares": ",".join(middlewares),
    }
    if not first or not args.own_certificate:
        return found
    return found | {
        "cert-manager.io/cluster-issuer": args.public.issuer,
        "cert-manager.io/private-key-algorithm": "ECDSA",
        "cert-manager.io/private-key-size": "256",
    }


def ingress_path(route: Route) -> HTTPIngressPathArgs:
    """A route as an Ingress says it; a webhook's path is exact."""
    backend = IngressServiceBackendArgs(name=route.workload, port=ServiceBackendPortArgs(name="http"))
    return HTTPIngressPathArgs(
        path=route.path, path_type="Exact" if route.webhook else "Prefix", backend=IngressBackendArgs(service=backend)
    )


def doors(routes: Sequence[Route]) -> list[tuple[str, list[Route]]]:
    """The routes in groups that are treated alike, each with a name: webhooks by themselves, others by the size they take."""

    def treatment(route: Route) -> tuple[bool, str]:
        return bool(route.webhook), route.webhook or f"{route.request_size_max_kib}-kib"

    ordered = sorted(routes, key=treatment)
    return [(name, list(group)) for (_, name), group in groupby(ordered, key=treatment)]
