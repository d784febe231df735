"""etcd's snapshot and the control plane's certificates: read through a pod that never stays, and opened."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.backup import control_plane as module
from ops.backup import etcd
from ops.backup.archive import pack
from ops.errors import PlatformError
from tests.unit.ops.conftest import Authority

BODY = b"pages of etcd with /registry/namespaces/kind\x10 and /registry/namespaces/live-2\x10 in them"
WHOLE = BODY + hashlib.sha256(BODY).digest()
FILES = pack({"etc/kubernetes/pki/ca.key": b"key"})
HELD = etcd.Content(version="3.6.14", revision=72, keys=49, checksum="164910692", compacted=40)
ETCD = {
    etcd.RANGE: {"header": {"revision": "72"}, "count": "49"},
    etcd.HASH: {"hash": 164910692, "compact_revision": "40"},
    etcd.STATUS: {"version": "3.6.14"},
}
ENCRYPTED = b"/registry/secrets/kind/a k8s:enc:secretbox:v1:key1:garbage"
CONFIGURATION = b"""\
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - secretbox:
      keys: [{name: key1, secret: c2VjcmV0}]
  - identity: {}
"""


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
        known = {**{path: json.dumps(said) for path, said in ETCD.items()}, module.SNAPSHOT_PATH: answer(WHOLE), "create": "backup-x7"}
        said = next((said for word, said in known.items() if word in words), base64.b64encode(FILES).decode())
        return subprocess.CompletedProcess(words, 0, stdout=said)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "kubectl", lambda *words, **_other: found.append(" ".join(words)))
    return found


def test_the_snapshot_and_the_certificates_come_from_one_pod_that_is_removed(asked: list[str]) -> None:
    assert module.read("flyway/flyway:13") == module.Read({"etcd.db": WHOLE, "control-plane.tar.gz": FILES}, HELD)
    assert "wait --for=condition=Ready pod/backup-x7" in asked[1]
    assert "delete pod backup-x7" in asked[-1]


def test_the_pod_is_removed_when_the_node_gives_nothing(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "snapshot", lambda _answer: pytest.fail("broken"))
    with pytest.raises(pytest.fail.Exception):
        module.read("flyway/flyway:13")
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


def test_a_snapshot_is_taken_again_when_etcd_forgot_its_history_meanwhile(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    held = iter([HELD, HELD.model_copy(update={"compacted": 60}), HELD, HELD])
    monkeypatch.setattr(etcd, "content", lambda _ask, _revision=0: next(held))
    assert module.read("flyway/flyway:13").etcd == HELD
    assert sum(module.SNAPSHOT_PATH in command for command in asked) == 2


def test_a_history_that_is_always_cut_gives_no_snapshot(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    held = iter(range(100))
    monkeypatch.setattr(etcd, "content", lambda _ask, _revision=0: HELD.model_copy(update={"compacted": next(held)}))
    with pytest.raises(PlatformError, match="gave no snapshot"):
        module.read("flyway/flyway:13")
    assert "delete pod backup-x7" in asked[-1]


def test_a_complaint_among_the_control_plane_s_files_is_never_taken_for_them() -> None:
    whole = base64.b64encode(FILES).decode()
    assert module._decoded(f"{whole[:40]}\n{whole[40:]}\n") == FILES
    with pytest.raises(PlatformError, match="could not be read") as failed:
        module._decoded(f"tar: etc: is busy\n{whole}")
    assert "is busy" in failed.value.why


def test_what_was_read_is_never_told_when_a_program_fails(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    secret = base64.b64encode(b"key" * 20).decode()
    with pytest.raises(PlatformError) as snapshot:
        module.snapshot(f'curl: (18) it broke off\n{{"result": {{"blob": "{secret}')

    def run(words: list[str], **_other: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            words, 2 if "exec" in words else 0, stdout=f"backup-x7\n{secret}\ntar: it is busy\n{secret}\nbackup-x7\n"
        )

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(PlatformError) as files:
        module.read("flyway/flyway:13")
    assert "it broke off" in snapshot.value.why
    assert "exit code 2" in files.value.why
    assert "it is busy" in files.value.why
    assert secret not in str(snapshot.value) + str(files.value)
    assert "delete pod backup-x7" in asked[-1]


def test_a_tar_that_fails_is_not_hidden_by_what_follows_it(asked: list[str]) -> None:
    module.read("flyway/flyway:13")
    assert any("chroot /node bash -o pipefail -c" in command for command in asked)
    assert shutil.which("bash")
    done = subprocess.run(["bash", "-o", "pipefail", "-c", "exit 3 | base64"], check=False, capture_output=True)
    assert done.returncode == 3


@pytest.fixture(scope="module")
def authority() -> tuple[bytes, bytes]:
    """A certificate and its key."""
    certificate, key = Authority().issue("kubernetes", begins=datetime.now(UTC))
    return certificate.encode(), key.encode()


@pytest.mark.parametrize("folder", module.AUTHORITIES)
def test_the_control_plane_s_files_are_of_no_use_without_the_authority_s_own_key(folder: str, authority: tuple[bytes, bytes]) -> None:
    certificate, key = authority
    _, other = Authority().issue("kubernetes", begins=datetime.now(UTC))
    assert module.certificates_problem(pack({f"{folder}/ca.crt": certificate, f"{folder}/ca.key": key}), WHOLE) == ""
    assert "lacks the key" in module.certificates_problem(pack({f"{folder}/ca.crt": certificate}), WHOLE)
    assert "lacks the key" in module.certificates_problem(pack({f"{folder}/etcd/ca.crt": certificate, f"{folder}/etcd/ca.key": key}), WHOLE)
    for wrong in ({f"{folder}/ca.key": key}, {f"{folder}/ca.crt": certificate, f"{folder}/ca.key": other.encode()}):
        assert module.certificates_problem(pack(wrong), WHOLE) == f"has another key than that of {folder}/ca.crt"
    with pytest.raises(ValueError, match="gzip"):
        module.certificates_problem(b"nothing", WHOLE)


def test_encrypted_secrets_are_of_no_use_without_the_key_that_opens_them(authority: tuple[bytes, bytes]) -> None:
    files = dict(zip(("etc/kubernetes/ssl/ca.crt", "etc/kubernetes/ssl/ca.key"), authority, strict=True))
    assert "with which the snapshot's Secrets are encrypted" in module.certificates_problem(pack(files), ENCRYPTED)
    path = "etc/kubernetes/ssl/secrets_encryption.yaml"
    assert module.certificates_problem(pack({**files, path: CONFIGURATION}), ENCRYPTED) == ""
    assert module.certificates_problem(pack({**files, path: CONFIGURATION.replace(b"key1", b"key2")}), ENCRYPTED) != ""
