"""Network policies of workloads: exactly the flows that the catalogue implies, nothing else. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
)

from components import naming
from settings.environment import EnvironmentSettings
from settings.flows import Machine

DNS_PORT = 53
INGRESS_NAMESPACE = "traefik"
INGRESS_CONTROLLER = "traefik"


def from_workloads(callers: Iterable[str], port: int) -> list[NetworkPolicyIngressRuleArgs]:
    """Lets the named workloads of the same namespace connect to ``port``; without callers nothing may."""
    peers = [_workload(name) for name in callers]
    return [NetworkPolicyIngressRuleArgs(from_=peers, ports=[_tcp(port)])] if peers else []


def from_ingress_controller(port: int) -> NetworkPolicyIngressRuleArgs:
    """Lets the ingress controller pass requests from outside on to ``port``."""
    controller = NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": INGRESS_NAMESPACE}),
        pod_selector=LabelSelectorArgs(match_labels={"app.kubernetes.io/name": INGRESS_CONTROLLER}),
    )
    return NetworkPolicyIngressRuleArgs(from_=[controller], ports=[_tcp(port)])


def to_workloads(targets: Iterable[tuple[str, int]]) -> list[NetworkPolicyEgressRuleArgs]:
    """Lets a workload connect to other workloads of its namespace, each at its port."""
    return [NetworkPolicyEgressRuleArgs(to=[_workload(name)], ports=[_tcp(port)]) for name, port in targets]


def to_machines(machines: Iterable[Machine], settings: EnvironmentSettings) -> list[NetworkPolicyEgressRuleArgs]:
    """Lets a workload connect to data machines, each at the one port that services use."""
    return [
        NetworkPolicyEgressRuleArgs(
            to=[NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=f"{getattr(settings, machine).address}/32"))],
            ports=[_tcp(getattr(settings, machine).port)],
        )
        for machine in machines
    ]


def to_dns() -> NetworkPolicyEgressRuleArgs:
    """Lets a workload ask the cluster's DNS."""
    return NetworkPolicyEgressRuleArgs(
        to=[
            NetworkPolicyPeerArgs(
                namespace_selector=LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": "kube-system"}),
                pod_selector=LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
            )
        ],
        ports=[NetworkPolicyPortArgs(port=DNS_PORT, protocol=protocol) for protocol in ("UDP", "TCP")],
    )


def _workload(name: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=naming.selector(name)))


def _tcp(port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(port=port, protocol="TCP")
