"""What differs between a firewall and its configuration, found without one; the emulator is the judge of the order of changes."""

from __future__ import annotations

import copy
import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sonicos.firewall import Configuration, Firewall

NETWORKS = ["10.10.0.0/24", "10.20.0.0/16", "192.168.7.0/28"]
PATHS = ["address-objects/ipv4", "service-groups", "nat-policies/ipv4", "access-rules/ipv4"]


@pytest.fixture(scope="module")
def plan(role: Path) -> Any:
    """The module of differences."""
    assert role.is_dir()
    return importlib.import_module("ansible.module_utils.sonicos_plan")


@pytest.fixture(scope="module")
def wanted(plan: Any) -> Any:
    """The module of what is wanted."""
    assert plan
    return importlib.import_module("ansible.module_utils.sonicos_wanted")


def publishing(wanted: Any, **given: Any) -> Any:
    """A configuration that is right, but for what is given."""
    usual = {
        "host": "10.10.0.1",
        "prefix": "highstreetly-",
        "public_address": "203.0.113.10",
        "ingress_address": "10.10.0.80",
        "wan_zone": "WAN",
        "wan_interface": "X1",
        "inside_zone": "LAN",
    }
    return wanted.Publishing(**(usual | given))


def found(plan: Any, firewall: Firewall) -> dict[str, Any]:
    """What the emulator answers, by kind."""
    return {kind: firewall.read(how.path) for kind, how in plan.KINDS.items()}


def apply(plan: Any, firewall: Firewall, changes: list[Any]) -> None:
    """Stage each change as the API would, which refuses what hangs in the air, and commit."""
    for change in changes:
        how = next(how for how in plan.KINDS.values() if change.path.startswith(how.path))
        rest = change.path.removeprefix(how.path).strip("/").split("/")
        number = firewall.number_of(how.path, rest[1]) if rest[0] == "name" else rest[-1]
        body = change.body and change.body[how.collection][0]
        if how.wrapper and body:
            body = body[how.wrapper]
        if change.method == "POST":
            firewall.create(how.path, body)
        elif change.method == "PUT":
            firewall.replace(how.path, number, body)
        else:
            firewall.remove(how.path, number)
    firewall.commit()


def with_foreign_objects() -> Firewall:
    """A firewall on which others have worked, under names that are nearly ours."""
    firewall = Firewall()
    firewall.by_hand("address-objects/ipv4", {"name": "highstreetly-office", "zone": "WAN", "host": {"ip": "198.51.100.7"}})
    firewall.by_hand("service-groups", {"name": "highstreetly-web-in", "service_object": [{"name": "SSH"}]})
    rule = {
        "from": "WAN",
        "to": "LAN",
        "action": "deny",
        "source": {"address": {"name": "highstreetly-office"}, "port": {"any": True}},
        "destination": {"address": {"any": True}},
        "service": {"group": "highstreetly-web-in"},
        "schedule": {"always_on": True},
    }
    firewall.by_hand("access-rules/ipv4", {"name": "publish", **rule})
    firewall.by_hand("access-rules/ipv4", rule)
    return firewall


def foreign(wanted: Any, configuration: Configuration) -> Configuration:
    """What is not ours."""
    return {
        kind: {number: body for number, body in copy.deepcopy(bodies).items() if not wanted.is_ours(body.get("name"), "highstreetly-")}
        for kind, bodies in configuration.items()
    }


def test_a_new_firewall_gets_every_object_before_what_refers_to_it(plan: Any, wanted: Any) -> None:
    changes = plan.plan(wanted.wanted(publishing(wanted, loopback_networks=NETWORKS[:1])), {}, "highstreetly-")
    assert [change.words for change in changes] == [
        "create address object highstreetly-public",
        "create address object highstreetly-ingress",
        "create address object highstreetly-inside-10.10.0.0-24",
        "create service group highstreetly-web",
        "create NAT policy highstreetly-publish",
        "create NAT policy highstreetly-loopback-10.10.0.0-24",
        "create access rule highstreetly-publish",
    ]


def test_what_is_no_longer_wanted_goes_in_the_opposite_order(plan: Any, wanted: Any) -> None:
    firewall = with_foreign_objects()
    apply(plan, firewall, plan.plan(wanted.wanted(publishing(wanted)), found(plan, firewall), "highstreetly-"))
    others = foreign(wanted, firewall.running)
    changes = plan.plan([], found(plan, firewall), "highstreetly-")
    assert [change.words.split()[1] for change in changes] == ["access", "NAT", "service", "address", "address"]
    assert {change.method for change in changes} == {"DELETE"}
    apply(plan, firewall, changes)
    assert firewall.running == others


def test_only_the_wanted_rule_lets_anything_in_and_never_management(wanted: Any) -> None:
    things = wanted.wanted(publishing(wanted, loopback_networks=NETWORKS))
    (rule,) = [thing for thing in things if thing.kind == wanted.RULE]
    assert (rule.body["from"], rule.body["to"], rule.body["management"]) == ("WAN", "LAN", False)
    assert rule.body["destination"] == {"address": {"name": "highstreetly-public"}}
    (group,) = [thing for thing in things if thing.kind == wanted.GROUP]
    assert group.body["service_object"] == [{"name": "HTTP"}, {"name": "HTTPS"}]
    policies = [thing.body for thing in things if thing.kind == wanted.NAT]
    assert {policy["translated_destination"]["name"] for policy in policies} == {"highstreetly-ingress"}
    assert [policy["inbound"] for policy in policies] == ["X1", "any", "any", "any"]


DRIFT = st.sampled_from(
    [
        ("address-objects/ipv4", "highstreetly-ingress", {"host": {"ip": "10.10.0.99"}}),
        ("address-objects/ipv4", "highstreetly-public", {"zone": "DMZ"}),
        ("service-groups", "highstreetly-web", {"service_object": [{"name": "HTTP"}, {"name": "SSH Management"}]}),
        ("service-groups", "highstreetly-web", {"service_group": [{"name": "highstreetly-web-in"}]}),
        ("nat-policies/ipv4", "highstreetly-publish", {"service": {"any": True}}),
        ("nat-policies/ipv4", "highstreetly-publish", {"enable": False}),
        ("access-rules/ipv4", "highstreetly-publish", {"management": True}),
        ("access-rules/ipv4", "highstreetly-publish", {"action": "deny"}),
        ("access-rules/ipv4", "highstreetly-publish", {"destination": {"address": {"any": True}}}),
    ]
)


@given(
    before=st.lists(st.sampled_from(NETWORKS), unique=True),
    after=st.lists(st.sampled_from(NETWORKS), unique=True),
    services=st.sampled_from([["HTTP", "HTTPS"], ["HTTPS", "HTTP"], ["HTTPS"]]),
    drifts=st.lists(DRIFT),
    twins=st.lists(st.sampled_from(["nat-policies/ipv4", "access-rules/ipv4"])),
)
def test_applied_once_nothing_is_left_to_do_whatever_was_there(
    plan: Any, wanted: Any, before: list[str], after: list[str], services: list[str], drifts: list[Any], twins: list[str]
) -> None:
    firewall = with_foreign_objects()
    apply(plan, firewall, plan.plan(wanted.wanted(publishing(wanted, loopback_networks=before)), {}, "highstreetly-"))
    for kind, name, change in drifts:
        firewall.named(kind, name).update(copy.deepcopy(change))
    for kind in twins:
        firewall.by_hand(kind, copy.deepcopy(firewall.named(kind, "highstreetly-publish")))
    others = foreign(wanted, firewall.running)
    things = wanted.wanted(publishing(wanted, loopback_networks=after, services=services))
    apply(plan, firewall, plan.plan(things, found(plan, firewall), "highstreetly-"))
    assert plan.plan(things, found(plan, firewall), "highstreetly-") == []
    assert foreign(wanted, firewall.running) == others
    ours = {body["name"] for kind in PATHS for body in firewall.read(kind) if wanted.is_ours(body.get("name"), "highstreetly-")}
    assert ours == {thing.name for thing in things}


@given(drift=DRIFT)
def test_every_drift_is_seen_and_named(plan: Any, wanted: Any, drift: tuple[str, str, dict[str, Any]]) -> None:
    firewall = with_foreign_objects()
    things = wanted.wanted(publishing(wanted))
    apply(plan, firewall, plan.plan(things, {}, "highstreetly-"))
    kind, name, change = drift
    firewall.named(kind, name).update(copy.deepcopy(change))
    (seen,) = plan.plan(things, found(plan, firewall), "highstreetly-")
    assert seen.method == "PUT"
    assert seen.words.endswith(f"{name}: {next(iter(change))}")


def test_what_the_firewall_leaves_out_or_adds_is_no_difference(plan: Any, wanted: Any) -> None:
    things = wanted.wanted(publishing(wanted))
    answered = {kind: [dict(thing.body) for thing in things if thing.kind == kind] for kind in plan.KINDS}
    (rule,), (group,) = answered["access rule"], answered["service group"]
    del rule["management"], rule["reflexive"]
    rule |= {"uuid": "1", "priority": {"manual": {"value": 7}}, "sip": False}
    group |= {"service_group": None, "service_object": [{"name": "HTTPS"}, {"name": "HTTP"}]}
    assert plan.plan(things, answered, "highstreetly-") == []


@pytest.mark.parametrize("answer", [{}, {"access_rules": None}, {"access_rules": []}])
def test_an_empty_list_a_missing_one_and_null_are_the_same(plan: Any, answer: dict[str, Any]) -> None:
    assert plan.bodies("access rule", answer) == []


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"services": ["HTTPS", "HTTPS Management"]}, "services: 'HTTPS Management' is not published"),
        ({"services": ["any"]}, "management never"),
        ({"services": []}, "services: nothing would be published"),
        ({"services": ["HTTP", "HTTP"]}, "names one twice"),
        ({"ingress_address": "10.10.0.1"}, "ingress_address: 10.10.0.1 is where the firewall itself is managed"),
        ({"public_address": "10.10.0.1"}, "public_address: 10.10.0.1 is where the firewall itself is managed"),
        (
            {"host": "fw.example.com", "managed_at": ["203.0.113.10"]},
            "public_address: 203.0.113.10 is where the firewall itself is managed",
        ),
        ({"inside_zone": "wan"}, "inside_zone: 'wan' is wan_zone too"),
        ({"ingress_address": "203.0.113.10"}, "ingress_address: 203.0.113.10 is public_address too"),
        ({"public_address": "10.0.0.300"}, "public_address: '10.0.0.300' is no IPv4 address"),
        ({"ingress_address": "127.0.0.1"}, "ingress_address: 127.0.0.1 cannot be the address of a machine"),
        ({"loopback_networks": ["10.10.0.1/24"]}, "loopback_networks: '10.10.0.1/24' is no IPv4 network"),
        ({"loopback_networks": ["0.0.0.0/0"]}, "loopback_networks: 0.0.0.0/0 holds addresses of the internet"),
        ({"loopback_networks": ["203.0.113.0/24"]}, "holds public_address 203.0.113.10"),
        ({"loopback_networks": ["10.0.0.0/8", "10.0.0.0/8"]}, "names one twice"),
        ({"prefix": ""}, "prefix: '' is no prefix"),
        ({"wan_interface": ""}, "each must be given"),
    ],
)
def test_what_would_expose_management_or_makes_no_sense_is_refused(wanted: Any, given_: dict[str, Any], told: str) -> None:
    (mistake,) = wanted.mistakes(publishing(wanted, **given_))
    assert told in mistake


def test_every_mistake_is_told_at_once_and_a_right_configuration_has_none(wanted: Any) -> None:
    right = publishing(wanted, loopback_networks=NETWORKS)
    assert wanted.mistakes(right) == []
    wrong = dataclasses.replace(right, prefix="X", services=["SSH"], public_address="x", loopback_networks=["y"])
    assert [mistake.partition(":")[0] for mistake in wanted.mistakes(wrong)] == [
        "prefix",
        "services",
        "public_address",
        "loopback_networks",
    ]


def test_an_interface_outside_that_allows_management_is_seen(plan: Any) -> None:
    def interface(name: str, zone: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "ip_assignment": {"zone": zone}, **more}

    inside = interface("X0", "LAN", management={"https": True, "ssh": True})
    assert plan.exposed([inside, interface("X1", "WAN", management={"https": False, "ping": True})], "WAN", "X1") == []
    open_one = interface("X2", "WAN", vlan=30, management={"https": True, "ssh": True})
    assert plan.exposed([inside, interface("X1", "WAN"), open_one], "WAN", "X1") == [
        "interface X2:V30 allows management by https, ssh from the zone WAN"
    ]
    assert plan.exposed([inside], "WAN", "X1") == ["there is no interface X1; the firewall has X0"]
