"""A deployer may do with its environment what a deploy does, with nothing else anything, and no right is a wildcard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from tests.unit.components.recorder import Recorded, Recorder

ENVIRONMENTS = ("live", "test", "dev")
PUBLIC_WITH_A_WILDCARD = {"address": "203.0.113.10", "zones": ["highstreet.ly"], "wildcard": True}
LOOKS = {"get", "list", "watch"}
CHANGES = {"create", "patch", "delete"}
FORBIDDEN = {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "pods/exec", "serviceaccounts/token", "nodes"}


@pytest.fixture(scope="module")
def cluster(run_stack: Callable[..., Recorder]) -> Recorder:
    return run_stack("cluster")


def rules_of(cluster: Recorder, environment: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = cluster.one("Role", f"deployer-{environment}").inputs["rules"]
    return found


def kinds(rules: Iterable[Mapping[str, Any]], verb: str) -> set[tuple[str, str]]:
    """(API group, resource) that some rule lets the deployer do ``verb`` with, whatever its name."""
    return {
        (group, resource)
        for rule in rules
        if verb in rule["verbs"] and not rule.get("resourceNames")
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def as_resource(made: Recorded) -> tuple[str, str]:
    """(API group, resource) of a Kubernetes object, as the API server names it in a request."""
    _, version, kind = made.type.split(":")
    group, plural = version.split("/")[0], kind.lower()
    ending = "ies" if plural.endswith("y") else "es" if plural.endswith("s") else "s"
    return "" if group == "core" else group, (plural[:-1] if ending == "ies" else plural) + ending


def made_by(*environments: Recorder) -> set[tuple[str, str]]:
    """What environments' stacks make in Kubernetes, but for the namespace itself."""
    found = {as_resource(made) for recorder in environments for made in recorder.resources if made.type.startswith("kubernetes:")}
    return found - {("", "namespaces")}


def test_a_deployer_may_change_exactly_the_kinds_that_an_environment_is_made_of(
    cluster: Recorder, run_stack: Callable[..., Recorder]
) -> None:
    made = made_by(*(run_stack(name) for name in ENVIRONMENTS), run_stack("live", public=PUBLIC_WITH_A_WILDCARD))
    assert made >= {("apps", "deployments"), ("batch", "jobs"), ("cert-manager.io", "certificates"), ("", "secrets")}
    for environment in ENVIRONMENTS:
        assert {verb: kinds(rules_of(cluster, environment), verb) for verb in CHANGES} == dict.fromkeys(CHANGES, made)


def test_a_deployer_looks_at_what_it_waits_for(cluster: Recorder) -> None:
    looked_at = {("", "pods"), ("", "events"), ("apps", "replicasets"), ("cert-manager.io", "certificaterequests")}
    for verb in ("get", "list", "watch"):
        assert looked_at <= kinds(rules_of(cluster, "live"), verb)
    assert ("", "pods/log") in kinds(rules_of(cluster, "live"), "get")


def test_a_deployer_may_change_its_own_namespace_but_make_or_delete_none(cluster: Recorder) -> None:
    for environment in ENVIRONMENTS:
        found = [rule for rule in rules_of(cluster, environment) if "namespaces" in rule["resources"]]
        assert [(rule["resourceNames"], set(rule["verbs"])) for rule in found] == [([environment], {"get", "patch"})]


def test_no_right_is_a_wildcard_or_leads_to_others(cluster: Recorder) -> None:
    for environment in ENVIRONMENTS:
        for rule in rules_of(cluster, environment):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert not FORBIDDEN & set(rule["resources"])
            assert set(rule["verbs"]) <= CHANGES | LOOKS


def test_nothing_of_the_whole_cluster_is_given_away(cluster: Recorder) -> None:
    assert [role.metadata["name"] for role in cluster.of("ClusterRole")] == ["log-shipper"]
    assert [subject["name"] for binding in cluster.of("ClusterRoleBinding") for subject in binding.inputs["subjects"]] == ["log-shipper"]


def test_each_deployer_is_bound_in_its_own_environment_and_nowhere_else(cluster: Recorder) -> None:
    bound = {
        (binding.metadata["namespace"], binding.inputs["roleRef"]["kind"], binding.inputs["roleRef"]["name"], subject["name"])
        for binding in cluster.of("RoleBinding")
        for subject in binding.inputs["subjects"]
        if subject["namespace"] == "arc-runners"
    }
    assert bound == {(name, "Role", f"deployer-{name}", f"deployer-{name}") for name in ENVIRONMENTS}
    assert len(cluster.of("RoleBinding")) == len(ENVIRONMENTS)
    assert {role.metadata["namespace"] for role in cluster.of("Role")} == set(ENVIRONMENTS)


def test_a_service_account_lends_its_token_only_to_a_pod_that_asks(cluster: Recorder) -> None:
    accounts = {found.metadata["name"]: found for found in cluster.of("ServiceAccount") if found.metadata["namespace"] != "log-shipper"}
    assert set(accounts) == {f"deployer-{name}" for name in ENVIRONMENTS}
    for found in accounts.values():
        assert found.metadata["namespace"] == "arc-runners"
        assert found.inputs["automountServiceAccountToken"] is False


def test_the_cluster_and_the_environment_declare_the_same_namespace(cluster: Recorder, run_stack: Callable[..., Recorder]) -> None:
    for environment in ENVIRONMENTS:
        assert cluster.one("Namespace", environment).metadata == run_stack(environment).one("Namespace", environment).metadata
