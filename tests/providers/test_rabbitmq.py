"""Vhosts, users, permissions and policies, on a real RabbitMQ."""

from __future__ import annotations

from typing import Any

import pytest

from local.providers import wire
from local.providers.wire import Properties
from tests.providers.labs import USER, VHOST, RabbitLab
from tests.providers.plugin import Refused, Thing

PERMISSIONS = "rabbitmq:index/permissions:Permissions"
TOPIC_PERMISSIONS = "rabbitmq:index/topicPermissions:TopicPermissions"
POLICY = "rabbitmq:index/policy:Policy"
OPERATOR_POLICY = "rabbitmq:index/operatorPolicy:OperatorPolicy"
POLICIES = {POLICY: "policies", OPERATOR_POLICY: "operator-policies"}
TELLS_QUEUE_TYPE_SINCE = (3, 11)


def test_a_vhost_lives_from_creation_over_changes_to_its_removal(rabbit: RabbitLab) -> None:
    vhost = rabbit.vhost(description="orders & more", maxConnections="50", tracing=False)
    assert vhost.id == f"{rabbit.name}/vhost"
    found = rabbit.api("GET", "vhosts", vhost.id)
    assert found["description"] == "orders & more"
    assert rabbit.api("GET", "vhost-limits", vhost.id)[0]["value"] == {"max-connections": 50}
    assert not vhost.diff().changed
    assert vhost.refresh()
    assert not vhost.diff().changed
    wanted = {"name": vhost.id, "description": "other", "maxQueues": "7"}
    assert vhost.diff(wanted).replaces == []
    vhost.update(wanted)
    assert rabbit.api("GET", "vhosts", vhost.id)["description"] == "other"
    assert rabbit.api("GET", "vhost-limits", vhost.id)[0]["value"] == {"max-queues": 7}
    assert vhost.refresh()
    assert not vhost.diff().changed
    renamed = vhost.diff({**wanted, "name": "another"})
    assert (renamed.replaces, renamed.deletes_first) == (["name"], True)
    vhost.delete()
    assert rabbit.api("GET", "vhosts", vhost.id) is None
    assert not vhost.refresh()
    vhost.delete()


def test_a_default_queue_type_is_no_lasting_difference_on_any_server(rabbit: RabbitLab) -> None:
    vhost = rabbit.vhost(defaultQueueType="quorum")
    assert vhost.values["defaultQueueType"] == "quorum"
    assert vhost.refresh()
    assert vhost.values["defaultQueueType"] == "quorum"
    assert not vhost.diff().changed
    told = rabbit.api("GET", "vhosts", vhost.id).get("default_queue_type")
    assert told == ("quorum" if rabbit.version >= TELLS_QUEUE_TYPE_SINCE else "undefined")


def test_a_change_of_a_vhost_behind_pulumis_back_shows_after_a_refresh(rabbit: RabbitLab) -> None:
    vhost = rabbit.vhost(description="mine", maxQueues="5")
    rabbit.api("PUT", "vhosts", vhost.id, body={"description": "theirs"})
    rabbit.api("DELETE", "vhost-limits", vhost.id, "max-queues")
    assert vhost.refresh()
    assert vhost.diff({"name": vhost.id, "description": "mine", "maxQueues": "5"}).kinds == {"description": "UPDATE", "maxQueues": "ADD"}


def test_a_user_signs_in_with_its_password_and_the_password_stays_secret(rabbit: RabbitLab) -> None:
    user = rabbit.user(tags=["monitoring", "management"])
    assert user.id == f"{rabbit.name}_user"
    assert user.state["password"] == wire.Secret("pässword-1")
    assert rabbit.can_sign_in(user.id, "pässword-1")
    assert not user.diff().changed
    assert user.refresh()
    assert user.state["password"] == wire.Secret("pässword-1")
    assert user.inputs["password"] == wire.Secret("pässword-1")
    assert not user.diff().changed
    wanted = {"name": user.id, "password": "password-2", "tags": ["management"]}
    assert user.diff(wanted).kinds == {"password": "UPDATE", "tags[0]": "DELETE"}
    user.update(wanted)
    assert rabbit.can_sign_in(user.id, "password-2")
    assert not rabbit.can_sign_in(user.id, "pässword-1")
    assert user.diff({**wanted, "name": "another"}).replaces == ["name"]


def test_a_user_removed_behind_pulumis_back_vanishes_with_its_permissions(rabbit: RabbitLab) -> None:
    vhost, user = rabbit.vhost(), rabbit.user()
    permissions = rabbit.plugin.make(PERMISSIONS, {"user": user.id, "vhost": vhost.id, "permissions": _all_of("^a")})
    topics = rabbit.plugin.make(TOPIC_PERMISSIONS, {"user": user.id, "vhost": vhost.id, "permissions": [_topic("amq.topic", "^a")]})
    policy = rabbit.plugin.make(POLICY, _policy(rabbit, vhost))
    rabbit.api("DELETE", "users", user.id)
    for thing in (user, permissions, topics):
        assert not thing.refresh()
        thing.delete()
    rabbit.api("DELETE", "vhosts", vhost.id)
    assert not policy.refresh()
    policy.delete()


def test_permissions_live_from_creation_over_changes_to_their_removal(rabbit: RabbitLab) -> None:
    vhost, user = rabbit.vhost(), rabbit.user()
    inputs = {"user": user.id, "vhost": vhost.id, "permissions": {"configure": "^orders\\.", "write": "", "read": ".*"}}
    permissions = rabbit.plugin.make(PERMISSIONS, inputs)
    assert permissions.id == f"{user.id}@{vhost.id}"
    found = rabbit.api("GET", "permissions", vhost.id, user.id)
    assert (found["configure"], found["write"], found["read"]) == ("^orders\\.", "", ".*")
    assert permissions.refresh()
    assert not permissions.diff(inputs).changed
    wanted = {**inputs, "permissions": {"configure": "^orders\\.", "write": "^x", "read": ".*"}}
    assert permissions.diff(wanted).kinds == {"permissions.write": "UPDATE"}
    permissions.update(wanted)
    assert rabbit.api("GET", "permissions", vhost.id, user.id)["write"] == "^x"
    moved = permissions.diff({**wanted, "user": "another"})
    assert moved.replaces == ["user"]
    rabbit.api("PUT", "permissions", vhost.id, user.id, body=_all_of("^theirs"))
    assert permissions.refresh()
    assert sorted(permissions.diff(wanted).kinds) == ["permissions.configure", "permissions.read", "permissions.write"]
    permissions.delete()
    assert rabbit.api("GET", "permissions", vhost.id, user.id) is None
    assert not permissions.refresh()
    permissions.delete()


def test_topic_permissions_live_from_creation_over_changes_to_their_removal(rabbit: RabbitLab) -> None:
    vhost, user = rabbit.vhost(), rabbit.user()
    both = [_topic("amq.topic", "^a"), _topic("", "^b")]
    inputs = {"user": user.id, "vhost": vhost.id, "permissions": both}
    topics = rabbit.plugin.make(TOPIC_PERMISSIONS, inputs)
    assert topics.id == f"{user.id}@{vhost.id}"
    assert topics.refresh()
    assert not topics.diff({**inputs, "permissions": both[::-1]}).changed
    wanted = {**inputs, "permissions": [_topic("amq.topic", "^c")]}
    assert topics.diff(wanted).kinds == {"permissions": "UPDATE"}
    topics.update(wanted)
    assert [(entry["exchange"], entry["read"]) for entry in rabbit.api("GET", "topic-permissions", vhost.id, user.id)] == [
        ("amq.topic", "^c")
    ]
    topics.delete()
    assert not topics.refresh()
    topics.delete()


@pytest.mark.parametrize("token", sorted(POLICIES))
def test_a_policy_lives_from_creation_over_changes_to_its_removal(rabbit: RabbitLab, token: str) -> None:
    vhost = rabbit.vhost()
    inputs = _policy(rabbit, vhost, **{"max-length": "1000", "expires": "60000"})
    policy = rabbit.plugin.make(token, inputs)
    assert policy.id == f"{rabbit.name}@{vhost.id}"
    found = rabbit.api("GET", POLICIES[token], vhost.id, rabbit.name)
    assert found["definition"] == {"max-length": 1000, "expires": 60000}
    assert policy.refresh()
    assert not policy.diff(inputs).changed
    wanted = _policy(rabbit, vhost, **{"max-length": "2000"})
    assert policy.diff(wanted).kinds == {'policy.definition["max-length"]': "UPDATE", "policy.definition.expires": "DELETE"}
    policy.update(wanted)
    assert rabbit.api("GET", POLICIES[token], vhost.id, rabbit.name)["definition"] == {"max-length": 2000}
    moved = policy.diff({**wanted, "vhost": "another"})
    assert moved.replaces == ["vhost"]
    assert moved.deletes_first, "old and new have the same name"
    rabbit.api("DELETE", POLICIES[token], vhost.id, rabbit.name)
    assert not policy.refresh()
    policy.delete()


def test_every_type_can_be_imported_by_its_official_id(rabbit: RabbitLab) -> None:
    vhost, user = rabbit.vhost(maxConnections="5"), rabbit.user(tags=["monitoring"])
    permissions = {"user": user.id, "vhost": vhost.id, "permissions": _all_of("^a")}
    topics = {"user": user.id, "vhost": vhost.id, "permissions": [_topic("amq.topic", "^a")]}
    programs: list[tuple[str, Properties]] = [(PERMISSIONS, permissions), (TOPIC_PERMISSIONS, topics), (POLICY, _policy(rabbit, vhost))]
    for token, inputs in programs:
        thing = rabbit.plugin.make(token, inputs)
        imported = rabbit.plugin.import_(token, thing.id)
        assert imported is not None
        assert not imported.diff(inputs).changed
    imported = rabbit.plugin.import_(VHOST, vhost.id)
    assert imported is not None
    assert not imported.diff({"name": vhost.id, "maxConnections": "5"}).changed
    found = rabbit.plugin.import_(USER, user.id)
    assert found is not None
    assert found.inputs == {"name": user.id, "tags": ["monitoring"]}
    assert rabbit.plugin.import_(VHOST, "nothing-here") is None
    with pytest.raises(Refused, match="is no ID of a user"):
        rabbit.plugin.import_(PERMISSIONS, "no-at-sign")


def test_previews_touch_nothing(rabbit: RabbitLab) -> None:
    rabbit.plugin.preview(VHOST, {"name": f"{rabbit.name}/vhost"})
    planned = rabbit.plugin.preview(USER, {"name": f"{rabbit.name}_user", "password": wire.UNKNOWN})
    assert planned["password"] == wire.Secret(wire.UNKNOWN)
    assert rabbit.api("GET", "vhosts", f"{rabbit.name}/vhost") is None
    assert rabbit.api("GET", "users", f"{rabbit.name}_user") is None
    vhost = rabbit.vhost(description="old")
    vhost.update({"name": vhost.id, "description": "new"}, preview=True)
    assert rabbit.api("GET", "vhosts", vhost.id)["description"] == "old"


def test_permissions_in_a_vhost_that_is_missing_say_so(rabbit: RabbitLab) -> None:
    user = rabbit.user()
    with pytest.raises(Refused, match="vhost"):
        rabbit.plugin.make(PERMISSIONS, {"user": user.id, "vhost": "nowhere", "permissions": _all_of(".*")})


def test_what_the_server_refuses_is_told_in_its_own_words(rabbit: RabbitLab) -> None:
    vhost = rabbit.vhost()
    with pytest.raises(
        Refused, match=r"RabbitMQ refused PUT /api/policies/.*\(400\): Validation failed <<\"many\">> is not a valid maximum length"
    ):
        rabbit.plugin.make(POLICY, _policy(rabbit, vhost, **{"max-length": "many"}))


def _all_of(pattern: str) -> dict[str, str]:
    return {"configure": pattern, "write": pattern, "read": pattern}


def _topic(exchange: str, pattern: str) -> dict[str, str]:
    return {"exchange": exchange, "write": pattern, "read": pattern}


def _policy(rabbit: RabbitLab, vhost: Thing, **definition: Any) -> Properties:
    rules = {"pattern": "^orders\\.", "priority": 1, "applyTo": "queues", "definition": definition or {"max-length": "10"}}
    return {"name": rabbit.name, "vhost": vhost.id, "policy": rules}
