"""etcd and the cluster's own certificates, read on a control plane by a pod that lives as long as that takes.

A pod, because every cluster has that way in, wherever its nodes are. It reads the node's disk and changes nothing on it. etcd hands its
snapshot out over HTTP (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/), so no program of etcd has to be on the node.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ops.backup import etcd
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
ENCRYPTED = re.compile(rb"k8s:enc:(\w+):v\d:([\w.-]+):")
"""Begins what the API server encrypts before etcd has it: with which provider and which of its keys
(https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/)."""
ENCRYPTION_CONFIGURATION = re.compile(rb"^kind: EncryptionConfiguration$", re.MULTILINE)
DATA = re.compile(r"[A-Za-z0-9+/=]*$|{")
"""A line of base64, or of etcd's JSON."""
AUTHORITIES = ("etc/kubernetes/pki", "etc/kubernetes/ssl")
"""Where kubeadm has the cluster's authority, and where kubespray has it."""
ASK_ETCD = """\
set -eu
pki=/etc/kubernetes/pki/etcd
ETCD_TRUSTED_CA_FILE=$pki/ca.crt ETCD_CERT_FILE=$pki/server.crt ETCD_KEY_FILE=$pki/server.key
eval "$(grep -E '^ETCD_(TRUSTED_CA|CERT|KEY)_FILE=/[A-Za-z0-9./_-]+$' /etc/etcd.env 2>/dev/null || true)"
exec curl --fail --silent --show-error --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" --key "$ETCD_KEY_FILE" \\
    --data "$2" "https://127.0.0.1:2379$1"
"""
"""For bash, with a path and a question: where kubeadm has etcd's certificates; kubespray names other ones in /etc/etcd.env (its
roles/etcd/templates/etcd.env.j2)."""
SNAPSHOT_PATH = "/v3/maintenance/snapshot"
READ_CERTIFICATES = """\
cd / && for folder in etc/kubernetes etc/ssl/etcd; do [ ! -e $folder ] || echo $folder; done | tar --create --gzip --files-from - | base64
"""
"""With the key of the cluster's authority, and the one that its Secrets are encrypted with; without them the snapshot is of no use."""
TRIES = 3
"""etcd forgets old history every five minutes; a snapshot that was taken meanwhile is taken again."""
REMEDY = f"see kubectl --namespace {NAMESPACE} get pods, and whether a node has the label {ROLE}"


@dataclass(frozen=True)
class Read:
    """What a control plane gave: files by name, and what etcd held when its snapshot was taken."""

    files: Mapping[str, bytes]
    etcd: etcd.Content


def read(image: str) -> Read:
    """The snapshot and the certificates; ``image`` is any that the cluster's nodes can have and that holds `chroot`.

    Raises PlatformError when a control plane cannot be read.
    """
    with _pod(image) as pod:
        held, found = _read_etcd(pod)
        return Read({SNAPSHOT: found, CERTIFICATES: _decoded(_run(pod, READ_CERTIFICATES))}, held)


def _read_etcd(pod: str) -> tuple[etcd.Content, bytes]:
    """What etcd holds, and a snapshot in which all of that is; looked at before and after, as its history may be cut in between."""

    def ask(path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        answer = _run(pod, ASK_ETCD, path, json.dumps(question))
        try:
            said: dict[str, Any] = json.loads(answer)
        except ValueError as unreadable:
            raise PlatformError("etcd's answer could not be read.", why=answer[-500:], remedy=REMEDY) from unreadable
        return said

    for _ in range(TRIES):
        held = etcd.content(ask)
        found = snapshot(_run(pod, ASK_ETCD, SNAPSHOT_PATH, "{}"))
        if etcd.content(ask, held.revision) == held:
            return held, found
    raise PlatformError("etcd gave no snapshot.", why="its history was cut each time, so that nothing could be compared", remedy=REMEDY)


def _decoded(answer: str) -> bytes:
    """The bytes of an answer in base64; raises PlatformError for one with anything else in it, for example a program's complaint."""
    try:
        return base64.b64decode("".join(answer.split()), validate=True)
    except ValueError as unreadable:
        raise PlatformError("A control plane's files could not be read.", why=_complaints(answer), remedy=REMEDY) from unreadable


def _complaints(answer: str) -> str:
    """What programs said in an answer, without what they read: that is secret."""
    return "\n".join(line for line in answer.splitlines() if not DATA.match(line))[-500:]


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
        raise PlatformError("etcd gave no snapshot.", why=_complaints(answer), remedy=REMEDY) from unreadable
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


def certificates_problem(content: bytes, snapshot: bytes) -> str:
    """Why the control plane's files are of no use with a snapshot; empty where they are. Raises ValueError for what is no archive."""
    files = _unpacked(content)
    folders = [folder for folder in AUTHORITIES if f"{folder}/ca.key" in files]
    if not folders:
        return "lacks the key of the cluster's authority"
    for folder in folders:
        certificate = files.get(f"{folder}/ca.crt", b"")
        if not certificate or x509.load_pem_x509_certificate(certificate).public_key() != _public_key(files[f"{folder}/ca.key"]):
            return f"has another key than that of {folder}/ca.crt"
    needed = {(provider.decode(), key.decode()) for provider, key in ENCRYPTED.findall(snapshot)}
    return "" if not needed or needed & _encryption_keys(files) else "lacks the key with which the snapshot's Secrets are encrypted"


def _public_key(pem: bytes) -> object:
    return load_pem_private_key(pem, password=None).public_key()


def _unpacked(content: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            found = ((member.name, tar.extractfile(member)) for member in tar.getmembers() if member.isfile() or member.islnk())
            return {name: file.read() for name, file in found if file}
    except (OSError, EOFError, tarfile.TarError) as damaged:
        raise ValueError(str(damaged)) from damaged


def _encryption_keys(files: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """The providers and names of the keys in every encryption configuration of the API server."""
    found = set()
    for content in files.values():
        if not ENCRYPTION_CONFIGURATION.search(content):
            continue
        for resource in yaml.safe_load(content)["resources"]:
            for provider, settings in ((name, settings or {}) for one in resource["providers"] for name, settings in one.items()):
                found |= {(provider, key["name"]) for key in settings.get("keys") or ()}
                found |= {(provider, settings["name"])} if "name" in settings else set()
    return found


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


def _run(pod: str, program: str, *words: str) -> str:
    """What a program on the node prints; each part of a pipe must succeed."""
    inside = ["chroot", "/node", "bash", "-o", "pipefail", "-c", program, "bash", *words]
    done = run(["kubectl", "--namespace", NAMESPACE, "exec", pod, "--", *inside], check=False, timeout_seconds=READ_SECONDS)
    if done.returncode:
        why = f"exit code {done.returncode}\n{_complaints(done.stdout)}"
        raise PlatformError("A control plane cannot be read.", why=why, remedy=REMEDY)
    return done.stdout


__all__ = ["CERTIFICATES", "SNAPSHOT", "Read", "certificates_problem", "read", "snapshot", "snapshot_problem"]
