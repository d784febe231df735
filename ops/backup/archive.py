"""The archive of what lies in neither server: certificates, ACME accounts' keys, etcd's snapshot, every stack's state. Pure."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from yaml import YAMLError

from ops.backup import control_plane

CERTIFICATES, ACCOUNTS = "certificates.json", "accounts.json"
STATE_FOLDER = "state/"
KEPT = ("name", "namespace", "labels", "annotations")
"""What of a Secret's metadata is not the cluster's own."""
KEY_ENTRY = "tls.key"
"""Where cert-manager keeps a key, a certificate's and an account's (https://cert-manager.io/docs/configuration/acme/)."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """A compressed tar with these files, the same bytes for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of an archive; raises ValueError for one that is not whole."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive)), mode="r:") as tar:
            found = ((member.name, tar.extractfile(member)) for member in tar.getmembers())
            return {name: file.read() for name, file in found if file}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as damaged:
        raise ValueError(str(damaged) or "it is empty") from damaged


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file, by which it is known again."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def as_list(secrets: list[dict[str, Any]]) -> bytes:
    """Secrets as one document that `kubectl apply --filename` takes, without what belongs to the cluster they come from."""
    kept = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {key: value for key, value in secret["metadata"].items() if key in KEPT},
            "type": secret["type"],
            "data": secret["data"],
        }
        for secret in sorted(secrets, key=lambda secret: (secret["metadata"]["namespace"], secret["metadata"]["name"]))
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": kept}, indent=1).encode()


def problems(archive: bytes, expected: Mapping[str, str], environment: str) -> list[str]:
    """What is wrong with an archive, a sentence each: files that are missing, changed, or of no use. None where it can be restored from."""
    try:
        files = unpack(archive)
    except ValueError as damaged:
        return [f"the archive cannot be opened: {damaged}"]
    now = hashes(files)
    found = [f"{name} is missing from the archive" for name in expected if name not in now]
    found += [f"{name} was not in the archive when it was taken" for name in now if name not in expected]
    found += [f"{name} is not what was stored" for name in expected if name in now and now[name] != expected[name]]
    for name in sorted(files):
        found += _useless(name, files, environment)
    return found


def _useless(name: str, files: Mapping[str, bytes], environment: str) -> list[str]:
    """Why a file of an archive could not be restored from."""
    content = files[name]
    try:
        if name.startswith(STATE_FOLDER):
            return [] if "checkpoint" in json.loads(content) else [f"{name} holds no checkpoint"]
        if name in (control_plane.SNAPSHOT, control_plane.CERTIFICATES):
            problem = (
                control_plane.snapshot_problem(content, environment)
                if name == control_plane.SNAPSHOT
                else control_plane.certificates_problem(content, files.get(control_plane.SNAPSHOT, b""))
            )
            return [f"{name} {problem}"] if problem else []
        items = json.loads(content)["items"]
        check = _certificate_problem if name == CERTIFICATES else _account_problem
        return [f"{name}: {item['metadata']['name']} {problem}" for item in items if (problem := check(item["data"]))]
    except (ValueError, KeyError, TypeError, YAMLError) as unreadable:
        return [f"{name} cannot be read: {unreadable}"]


def _certificate_problem(data: Mapping[str, str]) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(data.get("tls.crt", "")))
        key = load_pem_private_key(base64.b64decode(data.get(KEY_ENTRY, "")), password=None)
    except ValueError:
        return "holds no certificate with its key"
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    matches = key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    return "" if matches else "has the key of another certificate"


def _account_problem(data: Mapping[str, str]) -> str:
    try:
        load_pem_private_key(base64.b64decode(data.get(KEY_ENTRY, "")), password=None)
    except ValueError:
        return "holds no key"
    return ""


__all__ = ["ACCOUNTS", "CERTIFICATES", "STATE_FOLDER", "as_list", "hashes", "pack", "problems", "unpack"]
