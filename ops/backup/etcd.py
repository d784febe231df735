"""etcd's snapshot, restored: by etcd's own programs in a pod beside the present cluster, and compared with what etcd held.

Both are asked over HTTP (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/). etcd keeps each key's history for minutes, so that a
restored one answers for the very revision that was looked at when the snapshot was taken, whatever was written meanwhile.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict

from ops.errors import PlatformError
from ops.kubernetes import get_items, pod_log
from ops.process import run

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""How an etcd is asked: a path and a question, both as its API has them."""
RANGE, HASH, STATUS = "/v3/kv/range", "/v3/maintenance/hashkv", "/v3/maintenance/status"
EVERYTHING = {"key": "AA==", "range_end": "AA==", "count_only": True}
"""From the zero byte to the end (RangeRequest in etcd's api/etcdserverpb/rpc.proto), counted."""
SYSTEM = "kube-system"
PUBLISHED = "quay.io/coreos/etcd:v{version}"
"""Where etcd publishes its images, and kubespray's etcd_image_repo; its etcd runs on the nodes themselves, in no pod."""
POD, PORT, METRICS_PORT = "etcd", 2379, 2381
UID = 65532
START_SECONDS, ASK_SECONDS, LIFE_SECONDS = 180, 60, 900
"""How long a step of the pod may take, images and all; an answer may take; the pod may live when nobody removes it."""
LOOK_SECONDS = 1
SIGNALLED = 128
"""A container that was killed ends with this and the signal: for want of memory, not for what it was given."""
RECEIVE = "until [ -e /restored/etcd.db ]; do sleep 1; done; sleep 1"
STORE = "cat > /restored/partial && mv /restored/partial /restored/etcd.db"
REMEDY = "see whether the cluster's nodes have room and reach the image, then run the same command again"


class Content(BaseModel):
    """What etcd held at a revision."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    """etcd's own."""
    revision: int
    keys: int
    checksum: str
    """etcd's hash over all keys with their values and history up to the revision (HashKV)."""
    compacted: int
    """Where that history begins."""

    @property
    def words(self) -> str:
        """In a line."""
        return f"{self.keys} keys at revision {self.revision}"


class _Refused(Exception):
    """etcd's programs do not take what they were given; says which, and their last lines."""


def content(ask: Ask, revision: int = 0) -> Content:
    """What an etcd holds, now or at a revision."""
    counted = ask(RANGE, {**EVERYTHING, **({"revision": str(revision)} if revision else {})})
    at = revision or int(counted["header"]["revision"])
    hashed = ask(HASH, {"revision": str(at)})
    return Content(
        version=str(ask(STATUS, {})["version"]),
        revision=at,
        keys=int(counted.get("count", 0)),
        checksum=str(hashed["hash"]),
        compacted=int(hashed.get("compact_revision", 0)),
    )


def image_of(version: str) -> str:
    """The image of the cluster's etcd, which the control planes have where it runs in a pod; else the published one of that version."""
    pods = [pod for pod in get_items(SYSTEM, "pods") if (pod["metadata"].get("labels") or {}).get("component") == "etcd"]
    return str(pods[0]["spec"]["containers"][0]["image"]) if pods else PUBLISHED.format(version=version)


def restored_problems(expected: Content, snapshot: bytes, namespace: str, shell_image: str) -> list[str]:
    """Start an etcd from the snapshot, and say what it holds otherwise than noted; none where it is the same.

    ``namespace`` is one that goes afterwards; ``shell_image`` any that the nodes can have and that holds `sh`: etcd's own has none. Raises
    PlatformError when the cluster does not run the pod: that says nothing about the snapshot.
    """
    try:
        with _started(snapshot, namespace, manifest(image_of(expected.version), shell_image)) as ask:
            found = content(ask, expected.revision)
    except _Refused as refused:
        return [f"etcd does not start from the snapshot: {refused}"]
    except httpx.HTTPStatusError as refused:
        return [f"the restored etcd does not answer for revision {expected.revision}: {refused.response.text.strip()[:500]}"]
    except (httpx.HTTPError, KeyError, ValueError) as failed:
        raise PlatformError("The restored etcd does not answer.", why=str(failed), remedy=REMEDY) from failed
    return differences(expected, found)


def differences(expected: Content, found: Content) -> list[str]:
    """What a restored etcd has otherwise than it must, a sentence each; none where it is the same."""
    if found.keys != expected.keys:
        return [f"the restored etcd has {found.keys} keys at revision {expected.revision}; it had {expected.keys}"]
    same = (found.checksum, found.compacted) == (expected.checksum, expected.compacted)
    return [] if same else [f"the restored etcd has as many keys ({found.keys}) at revision {expected.revision}, but not the same"]


def manifest(image: str, shell_image: str) -> dict[str, Any]:
    """The pod: it is handed the snapshot, has etcdutl restore it, and runs an etcd that only answers on its own loopback address.

    On a control plane, whose disk holds etcd's data anyway, and which has the image.
    """
    client = f"http://127.0.0.1:{PORT}"
    serve = ["--data-dir=/restored/data", f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
    serve += ["--listen-peer-urls=http://127.0.0.1:2380", f"--listen-metrics-urls=http://0.0.0.0:{METRICS_PORT}"]
    ready = {"httpGet": {"path": "/readyz", "port": METRICS_PORT}, "periodSeconds": 1, "failureThreshold": START_SECONDS}
    restore = ["etcdutl", "snapshot", "restore", "/restored/etcd.db", "--data-dir=/restored/data"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "labels": {"app.kubernetes.io/name": "backup"}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFE_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UID,
                "runAsGroup": UID,
                "fsGroup": UID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [_container("receive", shell_image, ["sh", "-c", RECEIVE]), _container("restore", image, restore)],
            "containers": [{**_container("etcd", image, ["etcd", *serve]), "readinessProbe": ready}],
            "volumes": [{"name": "restored", "emptyDir": {}}],
        },
    }


def _container(name: str, image: str, command: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "restored", "mountPath": "/restored"}],
    }


@contextmanager
def _started(snapshot: bytes, namespace: str, pod: Mapping[str, Any]) -> Iterator[Ask]:
    """The restored etcd, asked while the body runs. Its pod goes with the namespace."""
    words, what = ["kubectl", "--namespace", namespace], "A copy of etcd cannot be started."
    run([*words, "create", "--filename", "-"], input=json.dumps(pod), what=what, remedy=REMEDY)
    _await(namespace, _receives)
    run([*words, "exec", "--stdin", POD, "--container", "receive", "--", "sh", "-c", STORE], input=snapshot, what=what, remedy=REMEDY)
    _await(namespace, _is_ready)
    with _forwarded(namespace) as ask:
        yield ask


def _receives(status: Mapping[str, Any]) -> bool:
    return any(one["name"] == "receive" and "running" in one["state"] for one in status.get("initContainerStatuses") or ())


def _is_ready(status: Mapping[str, Any]) -> bool:
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status.get("conditions") or ())


def _await(namespace: str, is_reached: Callable[[Mapping[str, Any]], bool]) -> None:
    """Wait until the pod is so far; raises _Refused when one of its programs failed, PlatformError when it does not get there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        [pod] = get_items(namespace, "pods")
        status = pod["status"]
        if is_reached(status):
            return
        states = _states(status)
        for name, state in states.items():
            if 0 < state.get("terminated", {}).get("exitCode", 0) < SIGNALLED:
                raise _Refused("\n".join([name, *pod_log(namespace, POD, name)]))
        if status.get("phase") == "Failed" or time.monotonic() > deadline:
            raise PlatformError("A copy of etcd did not start.", why=json.dumps(states or status)[-500:], remedy=REMEDY)
        time.sleep(LOOK_SECONDS)


def _states(status: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return {str(one["name"]): one["state"] for one in containers}


@contextmanager
def _forwarded(namespace: str) -> Iterator[Ask]:
    """The pod's etcd through kubectl; nobody else reaches it."""
    words = ["kubectl", "--namespace", namespace, "port-forward", "--address", "127.0.0.1", f"pod/{POD}", f":{PORT}"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            port = re.search(r"127\.0\.0\.1:(\d+) ->", said)
            if not port:
                raise PlatformError("The restored etcd cannot be reached.", why=said.strip(), remedy=REMEDY)
            with httpx.Client(base_url=f"http://127.0.0.1:{port[1]}", timeout=ASK_SECONDS, trust_env=False) as client:
                yield lambda path, question: client.post(path, json=dict(question)).raise_for_status().json()
        finally:
            process.terminate()


__all__ = ["Ask", "Content", "content", "differences", "image_of", "manifest", "restored_problems"]
