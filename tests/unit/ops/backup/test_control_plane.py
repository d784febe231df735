"""etcd's snapshot and the control plane's certificates: read through a pod that never stays, and opened."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.backup import control_plane as module
from ops.backup.archive import pack
from ops.errors import PlatformError

BODY = b"pages of etcd with /registry/namespaces/kind\x10 and /registry/namespaces/live-2\x10 in them"
WHOLE = BODY + hashlib.sha256(BODY).digest()
FILES = pack({"etc/kubernetes/pki/ca.key": b"key"})


def answer(content: bytes) -> str:
    """What etcd sends for a snapshot: in two pieces, and at the end a line without one."""
    pieces = [content[:20], content[20:]]
    lines = [{"result": {"remaining_bytes": "1", "blob": base64.b64encode(piece).decode()}} for piece in pieces]
    return "\n".join(json.dumps(line) for line in [*lines, {"result": {"version": "3.6.0"}}])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that kubectl was given; the node answers as one does."""
    found: list[str] = []

    def run(command: Sequence[str | Path], **_other: Any) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        found.append(" ".join(word for word in words if "\n" not in word))
        said = answer(WHOLE) if module.READ_SNAPSHOT in words else base64.b64encode(FILES).decode()
        return subprocess.CompletedProcess(words, 0, stdout="backup-x7" if "create" in words else said)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "kubectl", lambda *words, **_other: found.append(" ".join(words)))
    return found


def test_the_snapshot_and_the_certificates_come_from_one_pod_that_is_removed(asked: list[str]) -> None:
    assert module.files("flyway/flyway:13") == {"etcd.db": WHOLE, "control-plane.tar.gz": FILES}
    assert "wait --for=condition=Ready pod/backup-x7" in asked[1]
    assert "delete pod backup-x7" in asked[-1]


def test_the_pod_is_removed_when_the_node_gives_nothing(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "snapshot", lambda _answer: pytest.fail("broken"))
    with pytest.raises(pytest.fail.Exception):
        module.files("flyway/flyway:13")
    assert "delete pod backup-x7" in asked[-1]


def test_the_pod_reads_a_control_plane_and_can_change_nothing_there() -> None:
    spec = module.manifest("flyway/flyway:13")["spec"]
    [container] = spec["containers"]
    assert container["volumeMounts"] == [{"name": "node", "mountPath": "/node", "readOnly": True}]
    assert "privileged" not in container["securityContext"]
    assert (spec["nodeSelector"], spec["automountServiceAccountToken"]) == ({module.ROLE: ""}, False)
    assert spec["activeDeadlineSeconds"] == module.LIFE_SECONDS


@pytest.mark.parametrize(
    "said", ["", "curl: (7) refused", '{"result": {"blob": "AA"}}', answer(WHOLE).splitlines()[0], '{"error": {"message": "no space"}}']
)
def test_what_is_no_whole_snapshot_is_never_kept(said: str) -> None:
    with pytest.raises(PlatformError, match="gave no snapshot"):
        module.snapshot(said)


def test_a_snapshot_is_whole_by_etcd_s_own_checksum_and_knows_the_environment() -> None:
    assert module.snapshot_problem(WHOLE, "kind") == ""
    assert "checksum" in module.snapshot_problem(b"P" + WHOLE[1:], "kind")
    assert module.snapshot_problem(WHOLE, "live") == "does not know the namespace live"


def test_the_control_plane_s_files_are_of_no_use_without_the_authority_s_key() -> None:
    assert module.certificates_problem(FILES) == ""
    assert "lacks the key" in module.certificates_problem(pack({"etc/kubernetes/pki/ca.crt": b""}))
    with pytest.raises(ValueError, match="gzip"):
        module.certificates_problem(b"nothing")
