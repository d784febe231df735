"""The Secrets of an archive, restored: created in a namespace that is there for this alone, read back and compared."""

from __future__ import annotations

import json
from typing import Any

from ops.backup.archive import as_list
from ops.errors import PlatformError
from ops.kubernetes import get_items, kubectl
from ops.process import run

REFUSALS = ("is invalid", "illegal base64", "error validating", "error parsing", "unable to decode")
"""What kubectl says when it is the Secret that is wrong; anything else is the cluster's or the account's, and says nothing about it."""


def restored_problems(file: str, content: bytes, namespace: str) -> list[str]:
    """Have the cluster take the Secrets of a file, and say what it holds otherwise afterwards; none where it is the same.

    ``namespace`` is one that goes afterwards. Raises PlatformError when the cluster does not answer, or does not let this account do it.
    """
    expected = [_placed(item, namespace) for item in json.loads(content)["items"]]
    if not expected:
        return []
    words = ["kubectl", "create", "--namespace", namespace, "--filename", "-", "--output", "name"]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": expected})
    try:
        run(words, input=given, what="The Secrets of the backup cannot be restored.", remedy="kubectl auth can-i create secrets")
    except PlatformError as failed:
        if any(refusal in failed.why for refusal in REFUSALS):
            return [f"{file}: the cluster does not take it: {failed.why}"]
        raise
    found = {item["metadata"]["name"]: item for item in json.loads(as_list(get_items(namespace, "secrets")))["items"]}
    kubectl("delete", "secrets", "--all", "--namespace", namespace)
    names = [(item["metadata"]["name"], item) for item in expected]
    return [f"{file}: {name} {_unlike(found.get(name))}" for name, item in names if found.get(name) != item]


def _placed(item: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], "namespace": namespace}}


def _unlike(found: dict[str, Any] | None) -> str:
    return "was not restored" if found is None else "is not the same when it is restored"


__all__ = ["restored_problems"]
