"""What a pod's readiness endpoint answers, asked through the API server: the kubelet's events tell only the status code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ops.kubernetes import kubectl
from ops.why.pods import Item, name_of

BODY_LENGTH_MAX = 500
TIMEOUT_SECONDS = 4.0
SHOWS_BODIES = "--v=8"
"""kubectl prints the body of an answer that is an error only in its log of level 8, where it masks what it signs in with."""
_STATUS = re.compile(r"Response Status: (\d{3}[^\n]*?) in \d|\bstatus=\"(\d{3}[^\"]*)\"")
_BODY = re.compile(r"\"?Response Body\"?(?:: | body=\"?<?\s*)(.+)")


def answer_of(namespace: str, pod: Item) -> str:
    """The status and the beginning of the body, in one line; empty where the pod has no such endpoint or nothing could be asked."""
    place = endpoint_of(pod)
    if not place:
        return ""
    path = f"/api/v1/namespaces/{namespace}/pods/{name_of(pod)}:{place[0]}/proxy{place[1]}"
    return read(kubectl(SHOWS_BODIES, "get", "--raw", path, check=False, timeout_seconds=TIMEOUT_SECONDS))


def endpoint_of(pod: Item) -> tuple[int, str] | None:
    """(port, path) of a pod's readiness check over HTTP."""
    for container in pod.get("spec", {}).get("containers", []):
        check: Mapping[str, Any] = (container.get("readinessProbe") or {}).get("httpGet") or {}
        if not check:
            continue
        port = check.get("port")
        if isinstance(port, str) and not port.isdigit():
            port = next((one["containerPort"] for one in container.get("ports", []) if one.get("name") == port), None)
        if port:
            return int(port), str(check.get("path", "/"))
    return None


def read(output: str) -> str:
    """The answer of a pod in what kubectl logged; empty where there is none."""
    status, body = _STATUS.search(output), _BODY.search(output)
    if status is None:
        return ""
    words = (status[1] or status[2]).strip()
    text = body[1].strip().rstrip('">').replace('\\"', '"').removesuffix("\\n") if body else ""
    return f"{words}: {text[:BODY_LENGTH_MAX]}" if text else words


__all__ = ["answer_of", "endpoint_of", "read"]
