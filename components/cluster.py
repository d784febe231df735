"""What a cluster has once, whatever environments it holds."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from components import naming, tokens
from settings import ClusterSettings


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """The settings of the cluster half of a stack."""

    settings: ClusterSettings


class Cluster(pulumi.ComponentResource):
    """What a cluster has once:

    - a PriorityClass for each class of environments, so that LIVE's pods displace TEST's and DEV's when a host is lost.
    """

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.CLUSTER, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        for class_name, value in args.settings.priority_classes.items():
            self._create_priority_class(name, class_name, value)
        self.register_outputs({"priority_classes": list(args.settings.priority_classes)})

    def _create_priority_class(self, name: str, class_name: str, value: int) -> None:
        PriorityClass(
            f"{name}-priority-{class_name}",
            metadata=ObjectMetaArgs(name=class_name, labels=naming.labels(class_name, "priority")),
            value=value,
            description=f"Pods of {class_name}; a higher value displaces a lower one.",
            opts=self.child,
        )
