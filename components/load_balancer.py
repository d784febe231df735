"""The load balancer of a cluster on bare metal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import charts, naming, tokens
from settings.environment import LoadBalancer as LoadBalancerSettings

NAMESPACE = "metallb-system"
POOL = "edge"


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """The settings of the load balancer."""

    settings: LoadBalancerSettings


class LoadBalancer(pulumi.ComponentResource):
    """MetalLB on layer 2: one node at a time answers for each address of the pool, another within seconds when it is lost."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.LOAD_BALANCER, name, None, opts)
        # The speakers answer ARP on the nodes' own network, which no weaker level allows.
        namespace = charts.namespace(NAMESPACE, "privileged", pulumi.ResourceOptions(parent=self))
        release = charts.release("metallb", args.settings.metallb, namespace, chart_values(), pulumi.ResourceOptions(parent=self))
        pool = self._create("IPAddressPool", namespace, release, {"addresses": list(args.settings.addresses)})
        self.advertisement = self._create("L2Advertisement", namespace, pool, {"ipAddressPools": [POOL]})
        self.register_outputs({"addresses": list(args.settings.addresses)})

    def _create(self, kind: str, namespace: Namespace, after: Release | CustomResource, spec: dict[str, Any]) -> CustomResource:
        return CustomResource(
            f"{POOL}-{kind.lower()}",
            api_version="metallb.io/v1beta1",
            kind=kind,
            metadata=ObjectMetaArgs(name=POOL, namespace=namespace.metadata.name, labels=naming.labels(POOL, "load-balancer")),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after]),
        )


def chart_values() -> dict[str, Any]:
    """The chart's values: layer 2 only, without the routing daemon that the chart brings for BGP."""
    resources = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "128Mi"}}
    return {
        "frrk8s": {"enabled": False},
        "speaker": {"frr": {"enabled": False}, "resources": resources},
        "controller": {"resources": resources},
        "prometheus": {"rbacPrometheus": False},
    }
