"""What a killed run was about to do when it ended: taken over where that can be told, explained where not. Pure functions over a state.

The engine writes down each operation before it begins it, and what came of it afterwards (pulumi v3.259.0, pkg/backend/snapshot.go). A run
that was killed in between leaves the first without the second: the object may be there or not. Where its ID follows from its inputs, it is
put into the state as if it were there; the refresh that a broken run is followed by looks, and drops it again if it is not.

A replacement is created before what it replaces is deleted. Broken off in between, the old object is still what the state says, and the new
one would be nobody's: where the provider made up its name, which no later run does again, it is put into the state to be deleted. One
that its program names by its content is taken over by whichever run makes that content again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PENDING = "pending_operations"
CREATING = ("creating", "importing")
AUTONAMED = "pulumi.com/autonamed"
"""The annotation of an object whose name the provider made up (pulumi-kubernetes, provider/pkg/metadata/naming.go)."""


@dataclass(frozen=True)
class Healed:
    """A state without pending operations, and those of them, by their resources, that nobody can decide."""

    deployment: Mapping[str, Any]
    taken_over: int
    undecided: tuple[str, ...]


def _kubernetes_id(inputs: Mapping[str, Any]) -> str:
    metadata = inputs.get("metadata") or {}
    return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))


def _name(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("name") or "")


IDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "kubernetes:": _kubernetes_id,
    "postgresql:index/role:": _name,
    "postgresql:index/database:": _name,
    "rabbitmq:index/vHost:": _name,
    "rabbitmq:index/user:": _name,
    "rabbitmq:index/policy:": lambda inputs: f"{inputs.get('name')}@{inputs.get('vhost')}",
    "rabbitmq:index/permissions:": lambda inputs: f"{inputs.get('user')}@{inputs.get('vhost')}",
    "digitalocean:index/domain:": _name,
}
"""The ID of an object, by the beginning of its type, where it follows from the inputs (each plugin's page on importing says how)."""
REPEATABLE = (
    "postgresql:index/grant:",
    "postgresql:index/defaultPrivileges:",
    "rabbitmq:index/topicPermissions:",
    "random:",
    "digitalocean:index/dnsRecord:",
)
"""Kinds that may be created once more without harm: granting what is granted, a number that nobody has. DNS records are looked up by name
before every run (ops/records.py)."""


def heal(deployment: Mapping[str, Any]) -> Healed:
    """Decide every pending operation of a deployment as `pulumi stack export` gives it."""
    resources = list(deployment.get("resources") or [])
    known = {resource["urn"] for resource in resources}
    taken, undecided = 0, []
    for operation in deployment.get(PENDING) or []:
        resource, kind = operation["resource"], operation["type"]
        if resource["urn"] in known and is_replacement(kind, resource, resources):
            resources.append(_as_if_made(resource) | {"delete": True})
            taken += 1
            continue
        if kind not in CREATING or resource["urn"] in known:
            continue  # it is in the state, and the refresh looks at what became of it
        if not resource.get("custom") or str(resource["type"]).startswith("pulumi:providers:"):
            continue  # a component or a connection, which is nothing outside the state
        if id_of(resource):
            resources.append(_as_if_made(resource))
            taken += 1
        elif not resource["type"].startswith(REPEATABLE):
            undecided.append(str(resource["urn"]))
    return Healed({**deployment, "resources": resources, PENDING: []}, taken, tuple(undecided))


def is_replacement(kind: str, resource: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an operation was making an object beside the one in the state, under a name that is its own for good."""
    annotations = ((resource.get("inputs") or {}).get("metadata") or {}).get("annotations") or {}
    there = {other.get("id") for other in resources if other["type"] == resource["type"]}
    return kind == "creating" and AUTONAMED in annotations and id_of(resource) not in there


def _as_if_made(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {**resource, "id": id_of(resource), "outputs": resource.get("outputs") or resource.get("inputs") or {}}


def id_of(resource: Mapping[str, Any]) -> str:
    """The ID that an object has if it was made; empty where that cannot be told."""
    for beginning, identify in IDS.items():
        if str(resource["type"]).startswith(beginning):
            return identify(resource.get("inputs") or {})
    return ""
