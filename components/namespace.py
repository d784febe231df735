"""An environment's namespace, closed by default."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    ResourceQuota,
    ResourceQuotaSpecArgs,
)
from pulumi_kubernetes.core.v1 import Namespace as KubernetesNamespace
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicySpecArgs

from components import naming, tokens
from settings.environment import Quota

DEFAULT_CPU_REQUEST = "25m"
DEFAULT_MEMORY = "128Mi"


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """The environment's name is the namespace's."""

    environment: str
    quota: Quota


def keeping_provider(name: str) -> Provider:
    """The provider of the one object that may be there already: a namespace that was kept is taken over."""
    # The same with the variable that a deploy sets and without it, by hand.
    return Provider(f"{name}-namespace-provider", upsert_existing_objects=True, enable_patch_force=True)


def environment_namespace(name: str, environment: str, parent: pulumi.Resource) -> KubernetesNamespace:
    """An environment's namespace under Pod Security `restricted`. Its own stack declares it, and so does the cluster's for its deployer."""
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return KubernetesNamespace(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(name=environment, labels={**naming.labels(environment, "environment"), **security}),
        opts=pulumi.ResourceOptions(parent=parent, provider=keeping_provider(name), retain_on_delete=True),
    )


class Namespace(pulumi.ComponentResource):
    """One environment's namespace:

    - Namespace under Pod Security `restricted`; it stays when the environment is deleted, with nothing but its certificates,
      so that making the environment again asks no issuer for certificates that it has (Let's Encrypt issues five a week)
    - ResourceQuota and LimitRange
    - NetworkPolicy that denies everything, in and out; each workload opens exactly its own flows
    """

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.NAMESPACE, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        namespace = environment_namespace(name, args.environment, self)
        self.name = namespace.metadata.name
        self._create_quota(name, args.quota)
        self._create_limits(name)
        self._create_default_deny(name)
        self.register_outputs({"name": self.name})

    def _create_quota(self, name: str, quota: Quota) -> None:
        ResourceQuota(
            f"{name}-quota",
            metadata=ObjectMetaArgs(name="environment", namespace=self.name),
            spec=ResourceQuotaSpecArgs(
                hard={
                    "pods": str(quota.pods),
                    "requests.cpu": f"{quota.cpu_request_millicores}m",
                    "requests.memory": f"{quota.memory_request_mib}Mi",
                    "limits.memory": f"{quota.memory_limit_mib}Mi",
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
            ),
            # The provider waits until the quota controller has copied `hard` to the status; nothing here depends on that.
            opts=self.child,
        )

    def _create_limits(self, name: str) -> None:
        LimitRange(
            f"{name}-limits",
            metadata=ObjectMetaArgs(name="environment", namespace=self.name),
            spec=LimitRangeSpecArgs(
                limits=[
                    LimitRangeItemArgs(
                        type="Container",
                        default={"memory": DEFAULT_MEMORY},
                        default_request={"cpu": DEFAULT_CPU_REQUEST, "memory": DEFAULT_MEMORY},
                    )
                ]
            ),
            opts=self.child,
        )

    def _create_default_deny(self, name: str) -> None:
        NetworkPolicy(
            f"{name}-default-deny",
            metadata=ObjectMetaArgs(name="default-deny", namespace=self.name),
            spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=self.child,
        )
