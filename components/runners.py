"""GitHub's runners in the cluster: they deploy what a tag names, each environment by its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components import charts, naming, tokens
from components.deployer import Deployer, DeployerArgs, account
from components.network import DNS_PORT
from settings.catalogue import Resources
from settings.environment import Chart, RunnerSet
from settings.environment import Runners as RunnersSettings
from settings.log_shipping import LICENSE_KEY
from settings.runners import PASSPHRASE

CONTROLLER_NAMESPACE = "arc-systems"
RUNNERS_NAMESPACE = "arc-runners"
CONTROLLER = "arc-gha-rs-controller"
"""The controller's release, Deployment and service account: the chart adds nothing to a name that holds `gha-rs-controller`."""
CONTROLLER_PORTS = (443, 6443)
"""GitHub's, and Kubernetes' API, at its Service and as it is behind that."""
SCALE_SET_PREFIX = "highstreetly-"
SCALE_SET_LENGTH_MAX = 45
"""The chart refuses longer names, from which it makes those of pods."""
GITHUB_APP = "github-app"
CONTROLLER_UID = 65532
"""The user of the controller's image."""
RUNNER_UID = 1001
"""`runner` of GitHub's runner image, which images/deploy-runner is made of."""


@dataclass(frozen=True, kw_only=True)
class RunnersArgs:
    """The settings of the runners, and the secrets that settings.runners names."""

    settings: RunnersSettings
    secrets: Mapping[str, pulumi.Input[str]]


class Runners(pulumi.ComponentResource):
    """GitHub's runners, and what they may do:

    - the runners' namespace under Pod Security `restricted`: nobody connects to a runner, and a runner to the named ports only
    - Deployer of each environment
    - where they register at GitHub: actions-runner-controller in a namespace of its own, with rights in these two namespaces alone
    - then for each environment a scale set, which follows the controller and goes before it, since the controller deregisters it at
      GitHub; and a Secret with what its runners sign in with
    """

    def __init__(self, name: str, args: RunnersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.RUNNERS, name, None, opts)
        self.args = args
        self.child = pulumi.ResourceOptions(parent=self)
        self.namespace = charts.namespace(RUNNERS_NAMESPACE, "restricted", self.child)
        self._close(self.namespace, RUNNERS_NAMESPACE, args.settings.egress_ports)
        deployers = {environment: self._create_deployer(environment) for environment in args.settings.environments}
        if args.settings.github_config_url:
            app, controller = self._create_github_app(), self._install_controller()
            for environment, deployer in deployers.items():
                self._create_scale_set(environment, [controller, app, deployer.binding])
        self.register_outputs({"runs_on": [scale_set(environment) for environment in deployers]})

    def _close(self, namespace: Namespace, name: str, ports: tuple[int, ...]) -> None:
        allowed = [NetworkPolicyPortArgs(port=DNS_PORT, protocol="UDP")]
        allowed += [NetworkPolicyPortArgs(port=port, protocol="TCP") for port in (DNS_PORT, *ports)]
        NetworkPolicy(
            f"{name}-flows",
            metadata=ObjectMetaArgs(name="flows", namespace=namespace.metadata.name, labels=naming.labels("flows", "runners")),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(),
                policy_types=["Ingress", "Egress"],
                egress=[NetworkPolicyEgressRuleArgs(ports=allowed)],
            ),
            opts=self.child,
        )

    def _create_deployer(self, environment: str) -> Deployer:
        args = DeployerArgs(environment=environment, accounts=self.namespace.metadata.name)
        return Deployer(account(environment), args, self.child)

    def _create_github_app(self) -> Secret:
        return self._create_secret(
            GITHUB_APP, {name: self.args.secrets[name] for name in self.args.secrets if name.startswith("github_app_")}
        )

    def _install_controller(self) -> Release:
        namespace = charts.namespace(CONTROLLER_NAMESPACE, "restricted", self.child)
        self._close(namespace, CONTROLLER_NAMESPACE, CONTROLLER_PORTS)
        versions = self.args.settings.charts
        chart = Chart(chart=versions.controller, version=versions.version)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace])  # it is given rights there
        return charts.release(CONTROLLER, chart, namespace, controller_values(), opts)

    def _create_scale_set(self, environment: str, after: list[pulumi.Resource]) -> None:
        variables = self._create_secret(
            account(environment),
            {
                "PULUMI_BACKEND_URL": self.args.secrets["runner_backend_url"],
                "PULUMI_CONFIG_PASSPHRASE": self.args.secrets[f"{PASSPHRASE}{environment}"],
                **{f"HIGHSTREETLY_{name.upper()}": self.args.secrets[name] for name in (LICENSE_KEY,) if name in self.args.secrets},
            },
        )
        versions = self.args.settings.charts
        chart = Chart(chart=versions.scale_set, version=versions.version)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*after, variables])
        charts.release(scale_set(environment), chart, self.namespace, scale_set_values(self.args.settings, environment), opts)

    def _create_secret(self, name: str, content: Mapping[str, pulumi.Input[str]]) -> Secret:
        metadata = ObjectMetaArgs(name=name, namespace=self.namespace.metadata.name, labels=naming.labels(name, "runners"))
        return Secret(f"{name}-secret", metadata=metadata, string_data=content, opts=self.child)


def scale_set(environment: str) -> str:
    """What a workflow's `runs-on` says to be run by the runners of an environment."""
    return f"{SCALE_SET_PREFIX}{environment}"


def controller_values() -> dict[str, Any]:
    """The controller chart's values: rights in the runners' namespace and its own instead of in the whole cluster."""
    return {
        "flags": {"watchSingleNamespace": RUNNERS_NAMESPACE, "logLevel": "info", "logFormat": "json"},
        "podSecurityContext": pod_security(CONTROLLER_UID),
        "securityContext": {**container_security(), "readOnlyRootFilesystem": True},
        "resources": resources(Resources(cpu_request_millicores=10, memory_request_mib=64, memory_limit_mib=256)),
    }


def scale_set_values(settings: RunnersSettings, environment: str) -> dict[str, Any]:
    """A scale set chart's values; the controller's account is named because the chart would otherwise look for it."""
    numbers: RunnerSet = settings.environments[environment]
    return {
        "githubConfigUrl": settings.github_config_url,
        "githubConfigSecret": GITHUB_APP,
        "runnerGroup": settings.group,
        "runnerScaleSetName": scale_set(environment),
        "controllerServiceAccount": {"namespace": CONTROLLER_NAMESPACE, "name": CONTROLLER},
        "minRunners": numbers.min_runners,
        "maxRunners": numbers.max_runners,
        "listenerTemplate": {"spec": listener()},
        "template": {"spec": runner(settings, environment)},
    }


def runner(settings: RunnersSettings, environment: str) -> dict[str, Any]:
    """The pod of a runner. It lives for one job; its root file system is writable, as GitHub's runner needs it."""
    container = {
        "name": "runner",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/home/runner/run.sh"],
        "envFrom": [{"secretRef": {"name": account(environment)}}],
        "resources": resources(settings.resources),
        "securityContext": container_security(),
    }
    return {
        "serviceAccountName": account(environment),
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "securityContext": pod_security(RUNNER_UID),
        "containers": [container],
    }


def listener() -> dict[str, Any]:
    """What the controller's own description of a listener, the pod that waits for GitHub's jobs, lacks for Pod Security `restricted`."""
    small = Resources(cpu_request_millicores=10, memory_request_mib=32, memory_limit_mib=128)
    container = {
        "name": "listener",
        "resources": resources(small),
        "securityContext": {**container_security(), "readOnlyRootFilesystem": True},
    }
    return {"securityContext": pod_security(CONTROLLER_UID), "containers": [container]}


def pod_security(uid: int) -> dict[str, Any]:
    """components.pods.pod_security, as a chart's values say it."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "fsGroup": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """A container that can gain no privileges and use no capability."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def resources(wanted: Resources) -> dict[str, Any]:
    """components.pods.resources, as a chart's values say it."""
    return {
        "requests": {"cpu": f"{wanted.cpu_request_millicores}m", "memory": f"{wanted.memory_request_mib}Mi"},
        "limits": {"memory": f"{wanted.memory_limit_mib}Mi"},
    }
