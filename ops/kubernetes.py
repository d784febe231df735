"""Reading the cluster through kubectl: JSON in, plain dictionaries out. Nothing here changes anything."""

from __future__ import annotations

import json
from typing import Any

from ops.errors import PlatformError
from ops.process import run

REQUEST_TIMEOUT_SECONDS = 20


def kubectl(*words: str, check: bool = True, timeout_seconds: float | None = None) -> str:
    """Run kubectl against the cluster of $KUBECONFIG and return its output; raises PlatformError when it fails."""
    # Not by its flag --request-timeout: with it, kubectl in a pod asks localhost instead of the pod's own cluster.
    patience = timeout_seconds or REQUEST_TIMEOUT_SECONDS
    command = ["kubectl", *words]
    return run(command, what="The cluster did not answer.", remedy="./hs doctor", check=check, timeout_seconds=patience).stdout


def get_items(namespace: str, *kinds: str) -> list[dict[str, Any]]:
    """All objects of these kinds in a namespace; empty when the namespace does not exist."""
    output = kubectl("get", ",".join(kinds), "--namespace", namespace, "--output", "json", "--ignore-not-found")
    if not output.strip():
        return []
    try:
        items: list[dict[str, Any]] = json.loads(output[output.index("{") :])["items"]
    except (ValueError, KeyError) as unreadable:
        raise PlatformError("The cluster's answer could not be read.", why=output[-500:], remedy="./hs doctor") from unreadable
    return items


def pod_log(namespace: str, pod: str, container: str, *, lines: int = 10, previous: bool = False) -> list[str]:
    """The last lines a container wrote; empty when there are none to be had."""
    words = ["logs", pod, "--namespace", namespace, "--container", container, f"--tail={lines}"]
    output = kubectl(*words, *(["--previous"] if previous else []), check=False)
    return [line for line in output.splitlines() if not line.startswith(("Error from server", "error:", "unable to retrieve"))]
