"""Whether new pods have taken over, by the cluster's own word.

A run asks for itself. The kubernetes plugin takes an updated Deployment for rolled out when it is told of it before the cluster's
controller has looked at it: revision and status are then those of the content before, which was done
(github.com/pulumi/pulumi-kubernetes, provider/pkg/await/deployment.go, changeTriggeredRollout).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from ops.kubernetes import get_items

PATIENCE_SECONDS = 300.0
"""The cluster gives a rollout without progress up before (components/workload.py); this is for a cluster whose controller does not work."""
SETTLING_SECONDS = 5.0
"""After an update the controller may for a moment still say of it that the one before had failed."""
POLL_SECONDS = 1.0

Progress = Literal["done", "under way", "failed"]


def progress_of(deployment: Mapping[str, Any]) -> Progress:
    """How far the rollout of a Deployment's newest content is; pods that fail after it was done are no part of it.

    Its conditions: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return "under way"
    [progressing] = [each for each in status.get("conditions", []) if each["type"] == "Progressing"] or [{}]
    if progressing.get("status") == "False":
        return "failed"
    are_new = status.get("updatedReplicas", 0) == status.get("replicas", 0) == deployment["spec"].get("replicas", 1)
    return "done" if are_new and progressing.get("reason") == "NewReplicaSetAvailable" else "under way"


def wait_for_rollouts(namespace: str, names: Collection[str], note: Callable[[str], None], give_way: Callable[[], None]) -> list[str]:
    """Wait until Deployments are rolled out, or the cluster has given up on those that then remain; returns the names of these.

    ``note`` is told what is waited for. ``give_way`` is called again and again and ends the waiting by what it raises.
    """
    begin = time.monotonic()
    while True:
        found = {item["metadata"]["name"]: progress_of(item) for item in get_items(namespace, "deployments")}
        left = {name: found[name] for name in sorted(names) if found.get(name, "done") != "done"}
        waited = time.monotonic() - begin
        if not left or waited > (PATIENCE_SECONDS if "under way" in left.values() else SETTLING_SECONDS):
            return list(left)
        give_way()
        note(f"waiting for the new pods of {', '.join(left)}")
        time.sleep(POLL_SECONDS)


__all__ = ["progress_of", "wait_for_rollouts"]
