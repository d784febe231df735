"""A snapshot is restored by etcd's own programs, and what that etcd answers is compared with what was noted."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ops.backup import etcd as module
from ops.errors import PlatformError

HELD = module.Content(version="3.6.14", revision=72, keys=49, checksum="164910692", compacted=40)
CONTROL_PLANE_POD = {
    "metadata": {"labels": {"component": "etcd"}},
    "spec": {"containers": [{"image": "registry.k8s.io/etcd:3.6.6-0"}]},
}
RUNNING = {"initContainerStatuses": [{"name": "receive", "state": {"running": {}}}]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def answers(keys: int = 49, checksum: int = 164910692, compacted: int = 40) -> module.Ask:
    """An etcd at revision 99, which knows its history."""

    def ask(path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        if path == module.RANGE:
            assert (question["key"], question["range_end"], question["count_only"]) == ("AA==", "AA==", True)
            return {"header": {"revision": "99"}, "count": str(keys) if "revision" in question else "1000"}
        if path == module.HASH:
            assert question["revision"] in ("72", "99")
            return {"hash": checksum, "compact_revision": str(compacted)}
        return {"version": "3.6.14"}

    return ask


def ends(name: str, code: int) -> dict[str, Any]:
    """A pod one of whose programs ended like this."""
    return {"phase": "Failed", "initContainerStatuses": [{"name": name, "state": {"terminated": {"exitCode": code}}}]}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A cluster whose pod is in these states one after the other; gives what kubectl was told."""

    def use(*statuses: Mapping[str, Any], ask: module.Ask | None = None) -> list[str]:
        asked: list[str] = []
        coming = list(statuses)

        def run(words: list[str], *, input: bytes | str, **_more: Any) -> subprocess.CompletedProcess[str]:  # noqa: A002 - as ops.process has it
            asked.append(" ".join(words[3:5]))
            assert input in (b"snapshot", json.dumps(module.manifest("registry.k8s.io/etcd:3.6.6-0", "flyway")))
            return subprocess.CompletedProcess(words, 0, stdout="")

        def get_items(namespace: str, *_kinds: str) -> list[dict[str, Any]]:
            return [CONTROL_PLANE_POD] if namespace == module.SYSTEM else [{"status": coming.pop(0) if len(coming) > 1 else coming[0]}]

        @contextmanager
        def forwarded(_namespace: str) -> Any:
            yield ask

        monkeypatch.setattr(module, "run", run)
        monkeypatch.setattr(module, "get_items", get_items)
        monkeypatch.setattr(module, "pod_log", lambda *_words: ["expected sha256 [1], got [2]"])
        monkeypatch.setattr(module, "_forwarded", forwarded)
        monkeypatch.setattr(module, "LOOK_SECONDS", 0)
        return asked

    return use


def restored() -> list[str]:
    """What is found wrong with a snapshot."""
    return module.restored_problems(HELD, b"snapshot", "kind-restored", "flyway")


def test_what_an_etcd_holds_is_said_for_now_or_for_a_revision() -> None:
    assert module.content(answers(), 72) == HELD
    assert module.content(answers()) == HELD.model_copy(update={"revision": 99, "keys": 1000})
    assert HELD.words == "49 keys at revision 72"


def test_a_snapshot_that_is_restored_whole_has_no_findings(cluster: Callable[..., list[str]]) -> None:
    asked = cluster({}, RUNNING, {}, READY, ask=answers())
    assert restored() == []
    assert asked == ["create --filename", "exec --stdin"]


@pytest.mark.parametrize(
    ("ask", "finding"),
    [
        (answers(keys=48), "the restored etcd has 48 keys at revision 72; it had 49"),
        (answers(checksum=5), "the restored etcd has as many keys (49) at revision 72, but not the same"),
        (answers(compacted=41), "the restored etcd has as many keys (49) at revision 72, but not the same"),
    ],
)
def test_an_etcd_that_holds_something_else_is_a_finding(cluster: Callable[..., list[str]], ask: module.Ask, finding: str) -> None:
    cluster(RUNNING, READY, ask=ask)
    assert restored() == [finding]


def test_a_snapshot_that_etcd_does_not_take_is_a_finding(cluster: Callable[..., list[str]]) -> None:
    cluster(RUNNING, ends("restore", 1))
    assert restored() == ["etcd does not start from the snapshot: restore\nexpected sha256 [1], got [2]"]


def test_a_revision_that_the_restored_etcd_does_not_have_is_a_finding(cluster: Callable[..., list[str]]) -> None:
    def ask(path: str, _question: Mapping[str, Any]) -> dict[str, Any]:
        said = httpx.Response(400, text="required revision is a future revision", request=httpx.Request("POST", f"http://etcd{path}"))
        said.raise_for_status()
        return {}

    cluster(RUNNING, READY, ask=ask)
    assert restored() == ["the restored etcd does not answer for revision 72: required revision is a future revision"]


@pytest.mark.parametrize("status", [{"phase": "Failed"}, ends("restore", 137)])
def test_a_pod_that_the_cluster_ended_says_nothing_about_the_snapshot(cluster: Callable[..., list[str]], status: dict[str, Any]) -> None:
    cluster(RUNNING, status)
    with pytest.raises(PlatformError, match="A copy of etcd did not start"):
        restored()


def test_a_pod_that_never_starts_says_nothing_about_the_snapshot(
    cluster: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", -1)
    cluster({"initContainerStatuses": [{"name": "receive", "state": {"waiting": {"reason": "ErrImagePull"}}}]})
    with pytest.raises(PlatformError, match="A copy of etcd did not start") as failed:
        restored()
    assert "ErrImagePull" in failed.value.why


def test_the_image_is_the_cluster_s_own_or_the_published_one_of_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "get_items", lambda *_words: [{"metadata": {}}, CONTROL_PLANE_POD])
    assert module.image_of("3.6.14") == "registry.k8s.io/etcd:3.6.6-0"
    monkeypatch.setattr(module, "get_items", lambda *_words: [{"metadata": {}}])
    assert module.image_of("3.6.14") == "quay.io/coreos/etcd:v3.6.14"


def test_nobody_but_the_tool_reaches_what_the_restored_etcd_holds_and_its_pod_has_no_rights() -> None:
    spec = module.manifest("etcd", "flyway")["spec"]
    command = " ".join(spec["containers"][0]["command"])
    assert "--listen-client-urls=http://127.0.0.1:2379" in command
    assert "--listen-peer-urls=http://127.0.0.1:2380" in command
    assert (spec["automountServiceAccountToken"], spec["securityContext"]["runAsNonRoot"]) == (False, True)
    assert [list(volume) for volume in spec["volumes"]] == [["name", "emptyDir"]]
    for container in [*spec["initContainers"], *spec["containers"]]:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class Forwarder:
    """kubectl, which says where it listens."""

    def __init__(self, said: str) -> None:
        self.stdout, self.ended = io.StringIO(said), False

    def __enter__(self) -> Forwarder:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.ended

    def terminate(self) -> None:
        """Note it."""
        self.ended = True


def test_a_forwarding_that_kubectl_refuses_is_told_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Forwarder("error: pods is forbidden\n")
    monkeypatch.setattr(subprocess, "Popen", lambda *_words, **_more: process)
    with pytest.raises(PlatformError, match="cannot be reached") as failed, module._forwarded("kind-restored"):
        pass
    assert failed.value.why == "error: pods is forbidden"
    assert process.ended
