"""A namespace beside the present ones, in which a backup's Secrets and etcd's snapshot are restored; it goes again with all in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.errors import PlatformError
from ops.kubernetes import kubectl
from ops.process import run

SUFFIX = "-restored"
MARK = ("app.kubernetes.io/managed-by", "hs-backup-verify")
"""The label by which a namespace is known that may be deleted."""
ACCOUNT_SECONDS = 30
"""How long the cluster may take for a namespace's own service account, without which it admits no pod."""
DELETE_SECONDS = 120
REMEDY = "a verification needs a kubeconfig that may create namespaces: kubectl auth can-i create namespaces"


@contextmanager
def namespace(environment: str) -> Iterator[str]:
    """A namespace that exists while the body runs; one that a killed run left goes first. Raises PlatformError for anybody else's."""
    name = f"{environment}{SUFFIX}"
    labels = _labels(name)
    if labels is not None:
        if MARK not in labels.items():
            raise PlatformError(
                f"There is a namespace {name} that no verification has made.", remedy="see what it holds, and rename or delete it"
            )
        _delete(name)
    run(["kubectl", "create", "--filename", "-"], input=json.dumps(manifest(name)), what=f"{name} cannot be made.", remedy=REMEDY)
    try:
        kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", name, f"--timeout={ACCOUNT_SECONDS}s", timeout_seconds=60)
        yield name
    finally:
        _delete(name)


def manifest(name: str) -> dict[str, Any]:
    """The namespace under Pod Security `restricted`, into which nobody connects and out of which nobody does."""
    labels = {MARK[0]: MARK[1], "pod-security.kubernetes.io/enforce": "restricted"}
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "closed", "namespace": name},
            "spec": closed,
        },
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _labels(name: str) -> dict[str, str] | None:
    """The labels of a namespace; None where there is none of that name."""
    output = kubectl("get", "namespace", name, "--output", "json", "--ignore-not-found")
    if not output.strip():
        return None
    found: dict[str, str] = json.loads(output[output.index("{") :])["metadata"].get("labels") or {}
    return found


def _delete(name: str) -> None:
    kubectl("delete", "namespace", name, "--ignore-not-found", timeout_seconds=DELETE_SECONDS)


__all__ = ["manifest", "namespace"]
