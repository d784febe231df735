"""The patch that takes out what was added, and nothing else."""

from __future__ import annotations

from typing import Any

from ops.removals import pointer_of, removal_of

LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "orders-api", "namespace": "test", "labels": {"a/b~c": "by hand", "app": "orders"}},
    "spec": {"list": ["x", "y", "z"], "paused": True},
}


def test_of_a_list_the_last_element_goes_first_so_that_no_other_moves() -> None:
    removal = removal_of({}, LIVE, ["spec.list[0]", "spec.list[2]", "spec.paused"])
    removed = [operation["path"] for operation in removal.operations if operation["op"] == "remove"]
    assert removed == ["/spec/paused", "/spec/list/2", "/spec/list/0"]


def test_eleven_elements_are_counted_as_numbers() -> None:
    live = {**LIVE, "spec": {"list": list(range(12))}}
    removal = removal_of({}, live, [f"spec.list[{index}]" for index in (2, 10, 9)])
    assert [operation["path"] for operation in removal.operations if operation["op"] == "remove"] == [
        "/spec/list/10",
        "/spec/list/9",
        "/spec/list/2",
    ]


def test_each_value_is_tested_before_it_goes() -> None:
    [test, remove] = removal_of({}, LIVE, ['metadata.labels["a/b~c"]']).operations
    assert test == {"op": "test", "path": "/metadata/labels/a~1b~0c", "value": "by hand"}
    assert remove == {"op": "remove", "path": "/metadata/labels/a~1b~0c"}


def test_a_value_that_is_not_shown_is_not_tested() -> None:
    assert [operation["op"] for operation in removal_of({}, LIVE, ["spec.paused"], hidden=True).operations] == ["remove"]


def test_the_object_is_named_as_kubectl_takes_it() -> None:
    removal = removal_of({}, LIVE, ["spec.paused"])
    assert (removal.resource, removal.name, removal.namespace) == ("Deployment.v1.apps", "orders-api", "test")
    core = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    assert (removal_of({}, core, []).resource, removal_of({}, core, []).namespace) == ("Namespace", "")


def test_the_rules_of_a_network_policy_become_the_declared_ones_at_once() -> None:
    declared = {"spec": {"ingress": [{"from": ["shop"]}]}}
    live = {**LIVE, "kind": "NetworkPolicy", "spec": {"ingress": [{"from": ["shop"]}, {"from": ["intruder"]}]}}
    test, replace = removal_of(declared, live, ["spec.ingress", "spec.ingress"]).operations
    assert test["value"] == live["spec"]["ingress"]
    assert replace == {"op": "replace", "path": "/spec/ingress", "value": [{"from": ["shop"]}]}


def test_a_pointer_is_written_as_rfc_6901_says() -> None:
    assert pointer_of(["a", 0, "b/c", "~"]) == "/a/0/b~1c/~0"
