"""A bounded context's user on the broker."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_rabbitmq as rabbitmq
import pulumi_random as random
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import naming, tokens
from settings.environment import RabbitMq

PASSWORD_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class BrokerUserArgs:
    """``subscribes_to`` are the contexts whose event exchanges it may read."""

    environment: str
    context: str
    subscribes_to: tuple[str, ...]
    vhost: pulumi.Input[str]
    namespace: pulumi.Input[str]
    machine: RabbitMq


class BrokerUser(pulumi.ComponentResource):
    """One bounded context's access to the broker:

    - a user with a generated password
    - permissions on its own names in its environment's vhost, and to read what it subscribes to
    - a Kubernetes Secret for the services
    """

    def __init__(self, name: str, args: BrokerUserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.BROKER_USER, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(f"{name}-password", length=PASSWORD_LENGTH, special=False, opts=self.child)
        user = rabbitmq.User(
            f"{name}-user", name=naming.broker_user(args.environment, args.context), password=password.result, tags=[], opts=self.child
        )
        permissions = self._create_permissions(name, args, user)
        self.secret = self._create_secret(args, user, password, permissions)
        self.register_outputs({"name": user.name})

    def _create_permissions(self, name: str, args: BrokerUserArgs, user: rabbitmq.User) -> rabbitmq.Permissions:
        return rabbitmq.Permissions(
            f"{name}-permissions",
            user=user.name,
            vhost=args.vhost,
            permissions=rabbitmq.PermissionsPermissionsArgs(**naming.broker_permissions(args.context, args.subscribes_to)),
            opts=self.child,
        )

    def _create_secret(
        self, args: BrokerUserArgs, user: rabbitmq.User, password: random.RandomPassword, permissions: rabbitmq.Permissions
    ) -> Secret:
        url = pulumi.Output.format(
            "amqps://{0}:{1}@{2}:{3}/{4}", user.name, password.result, str(args.machine.address), args.machine.port, args.vhost
        )
        # Immutable and named by Pulumi: a new password makes a new Secret, and the pods that use it roll by themselves.
        return Secret(
            f"{args.context}-broker",
            metadata=ObjectMetaArgs(namespace=args.namespace, labels=naming.labels(args.context, "broker")),
            immutable=True,
            string_data={"BROKER_URL": url},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
