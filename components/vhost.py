"""An environment's vhost on the RabbitMQ machine."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_rabbitmq as rabbitmq

from components import tokens

DELIVERY_LIMIT = 10
"""Redeliveries of one message before it is dead-lettered (RabbitMQ 4's own default is 20, 3.10 has none)."""


@dataclass(frozen=True, kw_only=True)
class VhostArgs:
    """``protect`` keeps the vhost, and so every message in it, from being deleted by a deploy."""

    environment: str
    protect: bool


class Vhost(pulumi.ComponentResource):
    """One environment's vhost:

    - the vhost, whose queues are quorum queues by default
    - a policy that moves a message which keeps failing to its context's dead letters
    """

    def __init__(self, name: str, args: VhostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.VHOST, name, None, opts)
        vhost = rabbitmq.VHost(
            f"{name}-vhost",
            name=args.environment,
            default_queue_type="quorum",
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.name = vhost.name
        self._create_delivery_limit(name)
        self.register_outputs({"name": self.name})

    def _create_delivery_limit(self, name: str) -> None:
        rabbitmq.Policy(
            f"{name}-delivery-limit",
            name="delivery-limit",
            vhost=self.name,
            policy=rabbitmq.PolicyPolicyArgs(
                pattern=r"\.inbox$", priority=0, apply_to="queues", definition={"delivery-limit": str(DELIVERY_LIMIT)}
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
