"""Engine events as `pulumi --event-log` writes them, made by hand for tests."""

from __future__ import annotations

import copy
from typing import Any

from pulumi.automation.events import EngineEvent

STACK = "urn:pulumi:test::highstreetly::pulumi:pulumi:Stack::highstreetly-test"
KINDS = {
    "Deployment": "kubernetes:apps/v1:Deployment",
    "Job": "kubernetes:batch/v1:Job",
    "ConfigMap": "kubernetes:core/v1:ConfigMap",
    "Secret": "kubernetes:core/v1:Secret",
    "Service": "kubernetes:core/v1:Service",
    "NetworkPolicy": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "Ingress": "kubernetes:networking.k8s.io/v1:Ingress",
    "DnsRecord": "digitalocean:index/dnsRecord:DnsRecord",
    "Database": "postgresql:index/database:Database",
    "Role": "postgresql:index/role:Role",
    "Grant": "postgresql:index/grant:Grant",
    "GrantRole": "postgresql:index/grantRole:GrantRole",
    "Permissions": "rabbitmq:index/permissions:Permissions",
    "User": "rabbitmq:index/user:User",
    "RandomPassword": "random:index/randomPassword:RandomPassword",
    "Thing": "elsewhere:index/thing:Thing",
    "Workload": "platform:env:Workload",
    "Provider": "pulumi:providers:kubernetes",
}
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def parent(component: str, name: str) -> str:
    """The URN of one of the platform's components, for example Workload orders-api."""
    return f"urn:pulumi:test::highstreetly::platform:env:Environment$platform:env:{component}::{name}"


def metadata(
    op: str,
    kind: str,
    name: str,
    *,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    paths: tuple[str, ...] = (),
    of: str = STACK,
    live: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What an event tells of one object: its inputs before and after, the paths that differ, its parent, and what is really there."""
    urn = f"urn:pulumi:test::highstreetly::{KINDS[kind]}::{name}"
    states = {
        side: {"urn": urn, "type": KINDS[kind], "parent": of, "inputs": copy.deepcopy(inputs), "outputs": live if side == "new" else None}
        for side, inputs in (("old", old), ("new", new))
        if inputs is not None
    }
    detailed = {path: {"diffKind": "update", "inputDiff": False} for path in paths}
    return {"op": op, "urn": urn, "type": KINDS[kind], **states, "detailedDiff": detailed}


def planned(op: str, kind: str, name: str, **more: Any) -> EngineEvent:
    """A step that a run is about to take."""
    return EngineEvent.from_json({"resourcePreEvent": {"metadata": metadata(op, kind, name, **more)}})


def looked_at(op: str, kind: str, name: str, **more: Any) -> EngineEvent:
    """What a refresh found: op is same, update or delete."""
    return EngineEvent.from_json({"resOutputsEvent": {"metadata": metadata(op, kind, name, **more)}})


def deployment(name: str = "orders-api", image: str = "highstreetly/orders-api:1.4.0", replicas: int = 2, **env: str) -> dict[str, Any]:
    """A Deployment's inputs."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/version": image.rpartition(":")[2]}
    variables = [{"name": key, "value": value} for key, value in env.items()]
    container = {"name": "api", "image": image, "env": variables}
    template = {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"replicas": replicas, "template": template}}
