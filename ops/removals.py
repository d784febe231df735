"""Taking out of a Kubernetes object what somebody added to it, and nothing else: a JSON patch that applies only to what was seen.

Server-side apply leaves others' fields alone, so no deploy would remove them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.fields import Step, steps_of, value_at
from ops.process import run

LISTS_AS_A_WHOLE = (["spec", "ingress"], ["spec", "egress"])
"""A NetworkPolicy's rules have no names: what was declared takes their place."""


@dataclass(frozen=True)
class Removal:
    """A JSON patch (RFC 6902) of one object; each value is tested before it goes."""

    resource: str
    """Kind, version and group as kubectl takes them, for example Deployment.v1.apps."""
    name: str
    namespace: str
    operations: tuple[Mapping[str, Any], ...]

    def apply(self) -> None:
        """Patch the object; raises PlatformError when it is no longer as it was seen, and then changes nothing."""
        where = ["--namespace", self.namespace] if self.namespace else []
        run(
            ["kubectl", "patch", self.resource, self.name, *where, "--type=json", "--patch-file=/dev/stdin"],
            input=json.dumps(self.operations),
            what=f"What was added to {self.resource.partition('.')[0]} {self.name} could not be removed.",
            remedy="somebody may have changed it meanwhile: run the same command again",
        )


def removal_of(declared: Mapping[str, Any], live: Mapping[str, Any], paths: Iterable[str], *, hidden: bool = False) -> Removal:
    """The patch that takes the fields at the engine's ``paths`` out of ``live``; ``hidden`` values are not known and not tested."""
    group, _, version = str(live.get("apiVersion", "v1")).rpartition("/")
    metadata = live.get("metadata") or {}
    operations: list[Mapping[str, Any]] = []
    for steps in sorted({tuple(steps_of(path)) for path in paths}, key=_order, reverse=True):  # of a list the last element first
        pointer, now = pointer_of(steps), value_at(live, steps)
        operations += [] if hidden else [{"op": "test", "path": pointer, "value": now}]
        if list(steps) in LISTS_AS_A_WHOLE:
            operations.append({"op": "replace", "path": pointer, "value": value_at(declared, steps) or []})
        else:
            operations.append({"op": "remove", "path": pointer})
    resource = f"{live.get('kind', '')}.{version}.{group}" if group else str(live.get("kind", ""))
    return Removal(resource, str(metadata.get("name", "")), str(metadata.get("namespace") or ""), tuple(operations))


def pointer_of(steps: Sequence[Step]) -> str:
    """A path as RFC 6901 writes it."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _order(steps: Sequence[Step]) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (-1, step) for step in steps)


__all__ = ["Removal", "pointer_of", "removal_of"]
