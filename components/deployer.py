"""What a runner may do in the cluster: change one environment, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from components import naming, tokens
from components.namespace import environment_namespace

LOOK = ("get", "list", "watch")
CHANGE = (*LOOK, "create", "patch", "delete")
"""What the engine does with an object of its own; it changes one by server-side apply, which is `patch`, never `update`."""

OWN = {
    "": ("configmaps", "limitranges", "resourcequotas", "secrets", "serviceaccounts", "services"),
    "apps": ("deployments",),
    "batch": ("jobs",),
    "cert-manager.io": ("certificates",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "traefik.io": ("middlewares",),
}
"""What an environment's stack makes, by API group."""
LOOKED_AT = {
    "": ("events", "persistentvolumeclaims", "pods"),
    "acme.cert-manager.io": ("challenges", "orders"),
    "apps": ("replicasets",),
    "cert-manager.io": ("certificaterequests",),
}
"""What the engine waits for, and what `./hs` tells of a rollout or a certificate that fails."""


@dataclass(frozen=True, kw_only=True)
class DeployerArgs:
    """``environment`` is the one that it may change; ``accounts`` the namespace of the runners, where its service account is."""

    environment: str
    accounts: pulumi.Input[str]


class Deployer(pulumi.ComponentResource):
    """The deployer of one environment:

    - the environment's namespace, which a deployer may change but not create
    - ServiceAccount `deployer-<environment>` beside the runners
    - Role and RoleBinding in the environment's namespace; nothing of the whole cluster
    """

    def __init__(self, name: str, args: DeployerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.DEPLOYER, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        self.account_name = account(args.environment)
        self.labels = naming.labels(self.account_name, "deployer")
        namespace = environment_namespace(name, args.environment, self)
        service_account = self._create_service_account(name, args.accounts)
        self.binding = self._bind(name, namespace, self._create_role(name, namespace, args.environment), service_account)
        self.register_outputs({"account": self.account_name})

    def _create_service_account(self, name: str, namespace: pulumi.Input[str]) -> ServiceAccount:
        return ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(name=self.account_name, namespace=namespace, labels=self.labels),
            automount_service_account_token=False,  # a runner's pod asks for it
            opts=self.child,
        )

    def _create_role(self, name: str, namespace: Namespace, environment: str) -> Role:
        return Role(
            f"{name}-role",
            metadata=ObjectMetaArgs(name=self.account_name, namespace=namespace.metadata.name, labels=self.labels),
            rules=rules(environment),
            opts=self.child,
        )

    def _bind(self, name: str, namespace: Namespace, role: Role, service_account: ServiceAccount) -> RoleBinding:
        return RoleBinding(
            f"{name}-binding",
            metadata=ObjectMetaArgs(name=self.account_name, namespace=namespace.metadata.name, labels=self.labels),
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=service_account.metadata.name, namespace=service_account.metadata.namespace)],
            opts=self.child,
        )


def account(environment: str) -> str:
    """The name of an environment's deployer."""
    return f"deployer-{environment}"


def rules(environment: str) -> list[PolicyRuleArgs]:
    """What a deploy needs in its environment's namespace. A Role there also rules over the Namespace object itself, which is no right of
    the whole cluster: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-attributes."""
    own = [PolicyRuleArgs(api_groups=[group], resources=list(kinds), verbs=list(CHANGE)) for group, kinds in OWN.items()]
    looked_at = [PolicyRuleArgs(api_groups=[group], resources=list(kinds), verbs=list(LOOK)) for group, kinds in LOOKED_AT.items()]
    return [
        PolicyRuleArgs(api_groups=[""], resources=["namespaces"], resource_names=[environment], verbs=["get", "patch"]),
        *own,
        *looked_at,
        PolicyRuleArgs(api_groups=[""], resources=["pods/log"], verbs=["get"]),
    ]
