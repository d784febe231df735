"""etcd and the cluster's own certificates, read on a control plane by a pod that lives as long as that takes.

A pod, because every cluster has that way in, wherever its nodes are. It reads the node's disk and changes nothing on it. etcd hands its
snapshot out over HTTP (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/), so no program of etcd has to be on the node.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.errors import PlatformError
from ops.kubernetes import kubectl
from ops.process import run

SNAPSHOT, CERTIFICATES = "etcd.db", "control-plane.tar.gz"
NAMESPACE = "kube-system"
ROLE = "node-role.kubernetes.io/control-plane"
READY_SECONDS, READ_SECONDS, LIFE_SECONDS = 90, 300, 600
"""How long the pod may take to start, one reading may take, and the pod may live when nobody removes it."""
CHECKSUM_BYTES = 32
"""etcd ends a snapshot with the SHA-256 of what comes before; `etcdutl snapshot restore` refuses another."""
KEY_END = b"\x10"
"""What follows a key in etcd's pages: the tag of the next field (KeyValue in etcd's api/mvccpb/kv.proto)."""
READ_SNAPSHOT = """\
set -eu
pki=/etc/kubernetes/pki/etcd
ETCD_TRUSTED_CA_FILE=$pki/ca.crt ETCD_CERT_FILE=$pki/server.crt ETCD_KEY_FILE=$pki/server.key
eval "$(grep -E '^ETCD_(TRUSTED_CA|CERT|KEY)_FILE=/[A-Za-z0-9./_-]+$' /etc/etcd.env 2>/dev/null || true)"
exec curl --fail --silent --show-error --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" --key "$ETCD_KEY_FILE" \\
    --data '{}' https://127.0.0.1:2379/v3/maintenance/snapshot
"""
"""Where kubeadm has etcd's certificates; kubespray names other ones in /etc/etcd.env (its roles/etcd/templates/etcd.env.j2)."""
READ_CERTIFICATES = """\
cd / && for folder in etc/kubernetes etc/ssl/etcd; do [ ! -e $folder ] || echo $folder; done | tar --create --gzip --files-from - | base64
"""
"""With the key of the cluster's authority, and the one that its Secrets are encrypted with; without them the snapshot is of no use."""
REMEDY = f"see kubectl --namespace {NAMESPACE} get pods, and whether a node has the label {ROLE}"


def files(image: str) -> dict[str, bytes]:
    """The snapshot and the certificates, by name; ``image`` is any that the cluster's nodes can have and that holds `chroot`.

    Raises PlatformError when a control plane cannot be read.
    """
    with _pod(image) as pod:
        found = snapshot(_read(pod, READ_SNAPSHOT))
        return {SNAPSHOT: found, CERTIFICATES: base64.b64decode(_read(pod, READ_CERTIFICATES))}


def snapshot(answer: str) -> bytes:
    """The snapshot from etcd's answer, a JSON document on each line; raises PlatformError for one that broke off."""
    found = bytearray()
    try:
        for line in answer.splitlines():
            said = json.loads(line)
            if "error" in said:
                raise PlatformError("etcd gave no snapshot.", why=str(said["error"].get("message", said["error"])), remedy=REMEDY)
            found += base64.b64decode(said["result"].get("blob", ""))
    except (ValueError, KeyError) as unreadable:
        raise PlatformError("etcd gave no snapshot.", why=answer[-500:], remedy=REMEDY) from unreadable
    content = bytes(found)
    if not _is_whole(content):
        raise PlatformError("etcd gave no snapshot.", why=f"it broke off after {len(content)} bytes", remedy=REMEDY)
    return content


def _is_whole(content: bytes) -> bool:
    return hashlib.sha256(content[:-CHECKSUM_BYTES]).digest() == content[-CHECKSUM_BYTES:]


def snapshot_problem(content: bytes, environment: str) -> str:
    """Why a snapshot could not be restored from; empty where it could."""
    if not _is_whole(content):
        return "is not whole: its checksum is another"
    return "" if f"/registry/namespaces/{environment}".encode() + KEY_END in content else f"does not know the namespace {environment}"


def certificates_problem(content: bytes) -> str:
    """Why the control plane's files are of no use; empty where they are of use. Raises ValueError for what is no archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            names = tar.getnames()
    except (OSError, EOFError, tarfile.TarError) as damaged:
        raise ValueError(str(damaged)) from damaged
    return "" if any(name.endswith("/ca.key") for name in names) else "lacks the key of the cluster's authority"


def manifest(image: str) -> dict[str, Any]:
    """The pod: on a control plane, with its network, and its disk to read."""
    container = {
        "name": "read",
        "image": image,
        "command": ["sleep", str(LIFE_SECONDS)],
        "securityContext": {"runAsUser": 0, "allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": "node", "mountPath": "/node", "readOnly": True}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "backup-", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "backup"}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFE_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "hostNetwork": True,
            "nodeSelector": {ROLE: ""},
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "node", "hostPath": {"path": "/"}}],
        },
    }


@contextmanager
def _pod(image: str) -> Iterator[str]:
    """The pod's name while the body runs."""
    words = ["kubectl", "create", "--filename", "-", "--output", "jsonpath={.metadata.name}"]
    what = "A control plane cannot be read."
    pod = run(words, input=json.dumps(manifest(image)), what=what, remedy=REMEDY).stdout.strip().splitlines()[-1]
    try:
        wait = ["wait", "--for=condition=Ready", f"pod/{pod}", f"--timeout={READY_SECONDS}s"]
        run(["kubectl", "--namespace", NAMESPACE, *wait], what=what, remedy=REMEDY)
        yield pod
    finally:
        kubectl("--namespace", NAMESPACE, "delete", "pod", pod, "--wait=false", check=False)


def _read(pod: str, program: str) -> str:
    words = ["kubectl", "--namespace", NAMESPACE, "exec", pod, "--", "chroot", "/node", "sh", "-c", program]
    return run(words, what="A control plane cannot be read.", remedy=REMEDY, timeout_seconds=READ_SECONDS).stdout


__all__ = ["CERTIFICATES", "SNAPSHOT", "certificates_problem", "files", "snapshot", "snapshot_problem"]
