"""What is deployed, as a namespace's own objects say it, and the release that runs; the checkout may be ahead of it. Pure functions."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from ops.releases.record import Release

NAME = "app.kubernetes.io/name"
NEWEST = "platform.highstreet.ly/newest"
"""The annotation of a migration's Job that says what its release brings the database to (components/migration.py)."""

Item = Mapping[str, Any]


def newest_values(items: Iterable[Item], key: str) -> dict[str, str]:
    """The value of a key in the newest Secret of each context that has it: a failed deploy may have left an older one beside it.

    A Secret without the platform's label is somebody else's.
    """
    found: dict[str, tuple[str, str]] = {}
    for item in items:
        data, context = item.get("data") or {}, _name(item)
        if item.get("kind") == "Secret" and key in data and context:
            made = _made(item)
            if context not in found or found[context][0] < made:
                found[context] = (made, base64.b64decode(data[key]).decode())
    return {context: value for context, (_, value) in found.items()}


def brings_to(items: Iterable[Item], context: str) -> str:
    """The version that the newest migration Job of a context brings its database to; empty where there is none that says so."""
    jobs = [item for item in items if item.get("kind") == "Job" and _name(item) == f"{context}-migration"]
    newest = max(jobs, key=_made, default=None)
    return str((newest["metadata"].get("annotations") or {}).get(NEWEST, "")) if newest else ""


def is_unreleased(workload: str, release: Release | None) -> bool:
    """Whether a service or UI is in the checkout alone, and not in the release that runs; without a release nothing is."""
    return release is not None and bool(release.images) and workload not in release.images


def is_rolled_out(deployment: Item) -> bool:
    """Whether all pods of a Deployment are of its newest content and available, and none of an older one serves in their place.

    What `kubectl rollout status` waits for (kubectl's pkg/polymorphichelpers/rollout_status.go).
    """
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    updated = status.get("updatedReplicas", 0)
    return bool(current and updated >= wanted and status.get("replicas", 0) <= updated <= status.get("availableReplicas", 0))


def _name(item: Item) -> str:
    return str((item["metadata"].get("labels") or {}).get(NAME, ""))


def _made(item: Item) -> str:
    return str(item["metadata"].get("creationTimestamp", ""))


__all__ = ["NEWEST", "brings_to", "is_rolled_out", "is_unreleased", "newest_values"]
