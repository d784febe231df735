"""A deployment of the product: an API, a receiver or a UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs, RollingUpdateDeploymentArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvFromSourceArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    SecretEnvSourceArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from components import naming, pods, tokens
from settings.catalogue import Resources

SERVICE_PORT = 80
PRE_STOP_SECONDS = 3
"""How long a pod keeps answering after it was told to stop, so that every node has stopped sending it connections."""
GRACE_SECONDS = 30
PROGRESS_DEADLINE_SECONDS = 120
"""A rollout without progress for this long has failed; the old pods serve on."""
ROLLOUT_TIMEOUT = pulumi.CustomTimeouts(create=f"{PROGRESS_DEADLINE_SECONDS + 10}s", update=f"{PROGRESS_DEADLINE_SECONDS + 10}s")
"""The provider's own patience is ten minutes, also after the cluster has given the rollout up."""
REVISIONS_KEPT = 5
SERVICE_UID = 10001
NGINX_UID = 101
"""The user of the nginxinc/nginx-unprivileged image."""


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """What differs between one deployment and another."""

    name: str
    component: str
    namespace: pulumi.Input[str]
    image: str
    version: str
    replicas: int
    port: int
    uid: int
    resources: Resources
    ca_config_map: pulumi.Input[str]
    priority_class: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[pulumi.Input[str]] = ()
    """Names of Secrets whose keys become environment variables."""
    ingress: Sequence[NetworkPolicyIngressRuleArgs] = ()
    egress: Sequence[NetworkPolicyEgressRuleArgs] = ()
    after: Sequence[pulumi.Resource] = ()
    """What must be finished before the pods roll: the context's migrations."""


class Workload(pulumi.ComponentResource):
    """One deployment of the product:

    - ServiceAccount without rights and without a mounted token
    - NetworkPolicy with the workload's own flows
    - Deployment: probes, resources, read-only root, non-root, spread; updates never take a pod away before its successor is ready
    - Service
    - PodDisruptionBudget where there is more than one pod
    """

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.WORKLOAD, name, None, opts)
        self.args = args
        self.child = pulumi.ResourceOptions(parent=self)
        account = self._create_service_account()
        policy = self._create_network_policy()
        deployment = self._create_deployment(account, policy)
        service = self._create_service()
        if args.replicas > 1:
            self._create_disruption_budget()
        self.register_outputs({"name": deployment.metadata.name, "service": service.metadata.name, "image": args.image})

    def _metadata(self, **more: object) -> ObjectMetaArgs:
        args = self.args
        labels = naming.labels(args.name, args.component)
        return ObjectMetaArgs(name=args.name, namespace=args.namespace, labels=labels, **more)

    def _create_service_account(self) -> ServiceAccount:
        return ServiceAccount(
            f"{self.args.name}-account", metadata=self._metadata(), automount_service_account_token=False, opts=self.child
        )

    def _create_network_policy(self) -> NetworkPolicy:
        return NetworkPolicy(
            f"{self.args.name}-flows",
            metadata=self._metadata(),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(match_labels=naming.selector(self.args.name)),
                policy_types=["Ingress", "Egress"],
                ingress=list(self.args.ingress),
                egress=list(self.args.egress),
            ),
            opts=self.child,
        )

    def _create_deployment(self, account: ServiceAccount, policy: NetworkPolicy) -> Deployment:
        args = self.args
        labels = naming.labels(args.name, args.component, args.version)
        return Deployment(
            f"{args.name}-deployment",
            metadata=ObjectMetaArgs(name=args.name, namespace=args.namespace, labels=labels),
            spec=DeploymentSpecArgs(
                replicas=args.replicas,
                revision_history_limit=REVISIONS_KEPT,
                progress_deadline_seconds=PROGRESS_DEADLINE_SECONDS,
                selector=LabelSelectorArgs(match_labels=naming.selector(args.name)),
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1)
                ),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels), spec=self._pod(account)),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *args.after], custom_timeouts=ROLLOUT_TIMEOUT),
        )

    def _pod(self, account: ServiceAccount) -> PodSpecArgs:
        args = self.args
        return PodSpecArgs(
            service_account_name=account.metadata.name,
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=args.priority_class,
            security_context=pods.pod_security(args.uid),
            termination_grace_period_seconds=GRACE_SECONDS,
            topology_spread_constraints=pods.spread(args.name),
            containers=[self._container()],
            volumes=[pods.scratch_volume(), pods.ca_volume(args.ca_config_map)],
        )

    def _container(self) -> ContainerArgs:
        args = self.args
        return ContainerArgs(
            name=args.component,
            image=args.image,
            image_pull_policy="IfNotPresent",
            ports=[ContainerPortArgs(name="http", container_port=args.port)],
            env=[EnvVarArgs(name=key, value=value) for key, value in args.environment.items()],
            env_from=[EnvFromSourceArgs(secret_ref=SecretEnvSourceArgs(name=secret)) for secret in args.secrets],
            resources=pods.resources(args.resources),
            security_context=pods.container_security(),
            volume_mounts=[pods.scratch_mount(), pods.ca_mount()],
            lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=PRE_STOP_SECONDS))),
            startup_probe=_probe("/health/live", period_seconds=1, failure_threshold=60),
            liveness_probe=_probe("/health/live", period_seconds=10, failure_threshold=3),
            readiness_probe=_probe(self._ready_path(), period_seconds=5, failure_threshold=2),
        )

    def _ready_path(self) -> str:
        return "/health/live" if self.args.component == "ui" else "/health/ready"

    def _create_service(self) -> Service:
        args = self.args
        return Service(
            f"{args.name}-service",
            # The provider would wait 10 s for each Service to settle; the Deployment already waits for ready pods.
            metadata=self._metadata(annotations={"pulumi.com/skipAwait": "true"}),
            spec=ServiceSpecArgs(
                selector=naming.selector(args.name), ports=[ServicePortArgs(name="http", port=SERVICE_PORT, target_port="http")]
            ),
            opts=self.child,
        )

    def _create_disruption_budget(self) -> None:
        PodDisruptionBudget(
            f"{self.args.name}-disruption",
            metadata=self._metadata(),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=LabelSelectorArgs(match_labels=naming.selector(self.args.name)),
            ),
            opts=self.child,
        )


def _probe(path: str, *, period_seconds: int, failure_threshold: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failure_threshold,
    )
