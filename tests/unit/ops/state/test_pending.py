"""What a killed run was about to do is taken over, repeated, or explained; nothing is forgotten and nothing doubled."""

from __future__ import annotations

from typing import Any

import pytest

from ops.state.pending import heal


def resource(kind: str, inputs: dict[str, Any], name: str = "x") -> dict[str, Any]:
    return {"urn": f"urn:pulumi:kind::highstreetly::{kind}::{name}", "custom": True, "type": kind, "inputs": inputs, "provider": "p"}


def pending(operation: str, found: dict[str, Any], *resources: dict[str, Any]) -> dict[str, Any]:
    return {"manifest": {"time": "now"}, "resources": list(resources), "pending_operations": [{"type": operation, "resource": found}]}


@pytest.mark.parametrize(
    ("kind", "inputs", "identity"),
    [
        ("kubernetes:core/v1:Secret", {"metadata": {"name": "orders-database-1a2b", "namespace": "kind"}}, "kind/orders-database-1a2b"),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "kind"}}, "kind"),
        ("postgresql:index/role:Role", {"name": "kind_orders_owner", "password": "secret"}, "kind_orders_owner"),
        ("postgresql:index/database:Database", {"name": "kind_orders"}, "kind_orders"),
        ("rabbitmq:index/vHost:VHost", {"name": "kind"}, "kind"),
        ("rabbitmq:index/user:User", {"name": "kind-orders"}, "kind-orders"),
        ("rabbitmq:index/permissions:Permissions", {"user": "kind-orders", "vhost": "kind"}, "kind-orders@kind"),
        ("rabbitmq:index/policy:Policy", {"name": "dead-letters", "vhost": "kind"}, "dead-letters@kind"),
        ("digitalocean:index/domain:Domain", {"name": "highstreet.ly"}, "highstreet.ly"),
    ],
)
def test_an_object_whose_id_follows_from_its_inputs_is_taken_over(kind: str, inputs: dict[str, Any], identity: str) -> None:
    found = heal(pending("creating", resource(kind, inputs)))
    assert found.taken_over == 1
    assert found.undecided == ()
    (taken,) = found.deployment["resources"]
    assert (taken["id"], taken["outputs"]) == (identity, inputs)
    assert found.deployment["pending_operations"] == []
    assert found.deployment["manifest"] == {"time": "now"}


@pytest.mark.parametrize("kind", ["postgresql:index/grant:Grant", "random:index/randomPassword:RandomPassword"])
def test_what_may_be_made_twice_is_made_again(kind: str) -> None:
    found = heal(pending("creating", resource(kind, {"role": "x"})))
    assert (found.taken_over, found.undecided, found.deployment["resources"]) == (0, (), [])


@pytest.mark.parametrize("kind", ["platform:env:Database", "pulumi:providers:postgresql"])
def test_components_and_connections_are_nothing_outside_the_state(kind: str) -> None:
    found = heal(pending("creating", {**resource(kind, {}), "custom": kind.startswith("pulumi:")}))
    assert (found.taken_over, found.undecided, found.deployment["resources"]) == (0, (), [])


@pytest.mark.parametrize(
    "found",
    [resource("newrelic:index/alertPolicy:AlertPolicy", {"name": "x"}), resource("kubernetes:core/v1:Secret", {"metadata": {}})],
    ids=["an unknown kind", "no name"],
)
def test_what_cannot_be_told_is_named(found: dict[str, Any]) -> None:
    assert heal(pending("creating", found)).undecided == (found["urn"],)


@pytest.mark.parametrize("operation", ["updating", "deleting", "reading", "creating"])
def test_an_object_that_is_in_the_state_stays_there_once(operation: str) -> None:
    found = resource("kubernetes:apps/v1:Deployment", {"metadata": {"name": "orders-api", "namespace": "kind"}})
    healed = heal(pending(operation, found, {**found, "id": "kind/orders-api"}))
    assert healed.deployment["resources"] == [{**found, "id": "kind/orders-api"}]
    assert (healed.taken_over, healed.undecided) == (0, ())


def secret(name: str, *, autonamed: bool = True) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "kind"}
    if autonamed:
        metadata["annotations"] = {"pulumi.com/autonamed": "true"}
    return resource("kubernetes:core/v1:Secret", {"metadata": metadata}, "orders-database")


def test_a_replacement_that_may_be_there_beside_the_old_object_is_deleted_by_the_next_run() -> None:
    old = {**secret("orders-database-1a2b"), "id": "kind/orders-database-1a2b"}
    healed = heal(pending("creating", secret("orders-database-3c4d"), old))
    kept, added = healed.deployment["resources"]
    assert kept == old
    assert (added["id"], added["delete"], added["urn"]) == ("kind/orders-database-3c4d", True, old["urn"])
    assert (healed.taken_over, healed.undecided) == (1, ())


@pytest.mark.parametrize("there", ["live", "to be deleted already"])
def test_a_replacement_that_the_state_knows_is_not_deleted_for_it(there: str) -> None:
    old = {**secret("orders-database-1a2b"), "id": "kind/orders-database-1a2b"}
    new = {**secret("orders-database-3c4d"), "id": "kind/orders-database-3c4d", "delete": there != "live"}
    healed = heal(pending("creating", secret("orders-database-3c4d"), old, new))
    assert healed.deployment["resources"] == [old, new]


def test_a_replacement_that_is_named_by_its_content_is_left_to_the_run_that_makes_it_again() -> None:
    old = {**secret("orders-migration-1a2b", autonamed=False), "id": "kind/orders-migration-1a2b"}
    assert heal(pending("creating", secret("orders-migration-3c4d", autonamed=False), old)).deployment["resources"] == [old]


def test_a_whole_state_is_left_as_it_is() -> None:
    assert heal({"resources": []}).deployment == {"resources": [], "pending_operations": []}
