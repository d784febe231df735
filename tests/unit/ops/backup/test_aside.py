"""A namespace that is there for a verification alone, and the Secrets that are restored in it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from ops.backup import aside, restored_secrets
from ops.errors import PlatformError

ITEM = {
    "apiVersion": "v1",
    "kind": "Secret",
    "type": "Opaque",
    "metadata": {"name": "account", "namespace": "cert-manager", "labels": {"a": "b"}},
    "data": {"tls.key": "a2V5"},
}
FILE = json.dumps({"items": [ITEM]}).encode()


class Cluster:
    """Namespaces with their labels, and the Secrets of the one that is made; it may lose or refuse what it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.namespaces: dict[str, dict[str, str]] = {"kind": {}}
        self.secrets: list[dict[str, Any]] = []
        self.log: list[str] = []
        self.refuses = ""
        self.data: dict[str, str] | None = None
        for module in (aside, restored_secrets):
            monkeypatch.setattr(module, "run", self.run)
            monkeypatch.setattr(module, "kubectl", self.kubectl)
        monkeypatch.setattr(restored_secrets, "get_items", lambda _namespace, _kind: self.secrets)

    def run(self, words: list[str], *, input: str, what: str, **_more: Any) -> subprocess.CompletedProcess[str]:  # noqa: A002 - as ops.process has it
        """Create what is given."""
        assert not any("a2V5" in word for word in words), "a secret in an argument"
        if self.refuses:
            raise PlatformError(what, why=self.refuses)
        for item in json.loads(input)["items"]:
            if item["kind"] == "Namespace":
                self.namespaces[item["metadata"]["name"]] = item["metadata"]["labels"]
            elif item["kind"] == "Secret":
                kept = {**item, "metadata": {**item["metadata"], "uid": "1"}, "data": self.data or item["data"]}
                self.secrets.append(kept)
        return subprocess.CompletedProcess(words, 0, stdout="")

    def kubectl(self, *words: str, **_more: Any) -> str:
        """Delete, or say a namespace's labels."""
        self.log.append(" ".join(words))
        if words[:2] == ("delete", "namespace"):
            self.namespaces.pop(words[2], None)
        elif words[:2] == ("delete", "secrets"):
            self.secrets.clear()
        elif words[0] == "get" and words[2] in self.namespaces:
            return json.dumps({"metadata": {"labels": self.namespaces[words[2]]}})
        return ""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """One with the environment's namespace."""
    return Cluster(monkeypatch)


def test_the_namespace_is_there_while_it_is_needed_and_gone_however_that_ends(cluster: Cluster) -> None:
    def interrupted() -> None:
        with aside.namespace("kind") as name:
            assert name == "kind-restored"
            assert cluster.namespaces[name]["pod-security.kubernetes.io/enforce"] == "restricted"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(cluster.namespaces) == ["kind"]


def test_what_a_killed_run_left_goes_first(cluster: Cluster) -> None:
    cluster.namespaces["kind-restored"] = dict([aside.MARK])
    with aside.namespace("kind"):
        assert [words for words in cluster.log if words.startswith("delete")] == ["delete namespace kind-restored --ignore-not-found"]


def test_a_namespace_that_somebody_else_made_is_not_touched(cluster: Cluster) -> None:
    cluster.namespaces["kind-restored"] = {"team": "orders"}
    with pytest.raises(PlatformError, match="kind-restored that no verification has made"), aside.namespace("kind"):
        pass
    assert cluster.namespaces["kind-restored"] == {"team": "orders"}
    assert not any("delete" in words for words in cluster.log)


def test_nobody_connects_into_the_namespace_or_out_of_it() -> None:
    [_namespace, policy] = aside.manifest("kind-restored")["items"]
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_secrets_that_are_restored_as_they_were_have_no_findings_and_go_before_the_next_file(cluster: Cluster) -> None:
    assert restored_secrets.restored_problems("accounts.json", FILE, "kind-restored") == []
    assert cluster.secrets == []
    assert restored_secrets.restored_problems("accounts.json", b'{"items": []}', "kind-restored") == []


def test_a_secret_that_the_cluster_holds_otherwise_is_a_finding(cluster: Cluster) -> None:
    cluster.data = {"tls.key": "b3RoZXI="}
    assert restored_secrets.restored_problems("accounts.json", FILE, "kind-restored") == [
        "accounts.json: account is not the same when it is restored"
    ]


def test_a_secret_that_the_cluster_does_not_take_is_a_finding_and_a_cluster_that_is_away_is_none(cluster: Cluster) -> None:
    cluster.refuses = 'The Secret "account" is invalid: data[tls.crt]: Required value'
    [finding] = restored_secrets.restored_problems("accounts.json", FILE, "kind-restored")
    assert "Required value" in finding
    cluster.refuses = "dial tcp: connection refused"
    with pytest.raises(PlatformError, match="cannot be restored"):
        restored_secrets.restored_problems("accounts.json", FILE, "kind-restored")
