"""Root cause before symptoms: what follows from a cause is told with it, and two causes stay two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.deployed import is_rolled_out
from ops.issuance import TOKEN_REMEDY
from ops.releases.record import Release
from ops.why.cause import Cause, Kind
from ops.why.judge import causes, fold
from tests.unit.ops.why.test_causes import FLYWAY, ended, exhaust, fail_migration
from tests.unit.ops.why.world import NAMESPACE, NOW, POSTGRES, World, catalogue, condition, event, host, log_line

REFUSED = (
    f'connection failed: connection to server at "{POSTGRES}", port 5432 failed: Connection refused\n\tIs the server running on that host?'
)
SERVICES = [workload.name for workload in catalogue().workloads() if workload.role != "ui"]


@pytest.fixture
def world() -> World:
    return World()


def database_away(world: World) -> None:
    """The database server is stopped: nine services are not ready, and asking from here is refused."""
    for context, database in world.databases.items():
        world.databases[context] = replace(database, trouble=REFUSED, migrated_to="")
    for name in SERVICES:
        world.unready(name)
        world.say(name, log_line("not ready", check="database", error=f"dial tcp {POSTGRES}:5432: connect: connection refused"))
        world.events.append(event(f"{name}-7c9d8f-0", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"))


def test_a_database_that_is_away_is_one_cause_and_not_nine(world: World) -> None:
    database_away(world)
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.DATABASE, "postgres")
    assert cause.sentence == "the database server 172.30.200.10:5432 refuses connections: nothing listens there"
    assert set(cause.affected) == set(SERVICES)
    assert cause.since == NOW - timedelta(minutes=3)
    assert any(line.startswith("asked from here: ") for line in cause.seen)


def test_services_whose_logs_say_nothing_follow_from_the_database_too(world: World) -> None:
    database_away(world)
    world.lines.clear()
    assert set(world.cause().affected) == set(SERVICES)


def test_a_broken_image_beside_a_database_that_is_away_is_a_second_cause(world: World) -> None:
    database_away(world)
    world.unready("shop", image="x/shop:9", state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}})
    assert [(cause.kind, cause.subject) for cause in world.causes()] == [(Kind.DATABASE, "postgres"), (Kind.IMAGE, "shop")]


def test_a_queue_that_grows_because_its_receiver_crashes_follows_from_the_crash(world: World) -> None:
    world.set_queue("orders.inbox", ready=7, consumers=0)
    crash(world, "orders-receiver")
    cause = world.cause()
    assert (cause.kind, cause.subject, cause.affected) == (Kind.CRASH, "orders-receiver", ("orders.inbox",))


def test_a_queue_that_grows_because_the_database_is_away_follows_from_that(world: World) -> None:
    database_away(world)
    world.set_queue("orders.inbox", ready=7, consumers=0)
    assert "orders.inbox" in world.cause().affected


def crash(world: World, workload: str) -> None:
    """A workload ends with an error of its own."""
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    world.unready(workload, started=False, restartCount=3, state=state, lastState=ended(1))
    world.say(workload, "panic: index out of range", previous=True)


def blocked(world: World, workload: str) -> None:
    """Somebody edits a workload's policy: only DNS is left."""
    spec = world.policies[workload]["spec"]
    spec["egress"] = spec["egress"][:1]


def test_a_blocked_flow_is_named_with_the_policy_and_what_it_allows(world: World) -> None:
    blocked(world, "payments-receiver")
    world.unready("payments-receiver")
    world.say("payments-receiver", log_line("not ready", check="database", error="context deadline exceeded"))
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.NETWORK, "payments-receiver")
    assert "payments-receiver → postgres 172.30.200.10 (port 5432)" in cause.sentence
    assert "payments-receiver → rabbitmq 172.30.200.11 (port 5671)" in cause.sentence
    assert "although the catalogue declares it" in cause.sentence
    assert "deadline exceeded" in cause.log[0]
    assert cause.seen == (
        "NetworkPolicy payments-receiver allows to kube-system/k8s-app=kube-dns TCP 53, to kube-system/k8s-app=kube-dns UDP 53",
    )
    assert cause.next == "./hs up kind --refresh"
    assert world.causes(local=False)[0].next == "./hs deploy kind --refresh", "what others use changes by releases"
    assert world.causes(again="./hs rollback kind --to 3")[0].next == "./hs rollback kind --to 3"


def test_a_policy_that_lets_nobody_in_is_the_target_s(world: World) -> None:
    world.policies["identity-api"]["spec"]["ingress"] = []
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.NETWORK, "identity-api")
    assert {"orders-api", "shops-api", "shop"} <= set(cause.affected)


def test_a_policy_that_is_gone_is_said_to_be_gone(world: World) -> None:
    del world.policies["orders-receiver"]
    assert world.cause().seen == ("there is no NetworkPolicy of orders-receiver; default-deny holds",)


def test_a_flow_that_nobody_declared_is_told_so(world: World) -> None:
    world.unready("identity-api")
    error = 'Get "http://orders-api/version": dial tcp 10.96.0.23:80: i/o timeout'
    name = next(item["metadata"]["name"] for item in world.services if item["spec"]["clusterIP"] == "10.96.0.23")
    world.say("identity-api", log_line("the call failed", error=error))
    cause = world.cause()
    assert cause.kind is Kind.NETWORK
    assert f"identity-api → {name} (port 8080)" in cause.sentence
    assert "the catalogue declares no such flow" in cause.sentence
    assert "catalogue.yaml" in cause.next


def test_time_outs_that_no_policy_explains_are_the_way_s_when_the_machine_answers_from_here(world: World) -> None:
    world.unready("orders-api")
    world.say("orders-api", log_line("not ready", check="database", error=f"dial tcp {POSTGRES}:5432: i/o timeout"))
    cause = world.cause()
    assert cause.kind is Kind.NETWORK
    assert "answers from here but not from the pods" in cause.sentence


def test_a_database_that_only_this_machine_cannot_reach_is_no_cause(world: World) -> None:
    for context, database in world.databases.items():
        world.databases[context] = replace(database, trouble="connection timeout expired")
    assert world.causes() == []


def test_a_broker_that_only_this_machine_cannot_reach_is_no_cause(world: World) -> None:
    world.broker = replace(world.broker, trouble="i/o timeout", queues=())
    assert world.causes() == []


def test_old_troubles_of_a_pod_that_runs_are_not_its_present_cause(world: World) -> None:
    world.unready("orders-api")
    world.say("orders-api", log_line("not ready", check="database", error="connection refused"), minutes=30)
    assert world.cause().kind is Kind.NOT_READY


def test_what_a_healthy_pod_wrote_is_no_cause(world: World) -> None:
    world.say("orders-api", log_line("not ready", check="database", error="connection refused"))
    assert world.causes() == []


def test_a_name_service_that_is_silent_is_one_cause(world: World) -> None:
    for name in ("orders-api", "shops-api"):
        world.unready(name)
        error = "lookup broker.example on 10.96.0.10:53: read udp 10.0.0.1:53: i/o timeout"
        world.say(name, log_line("not ready", check="broker", error=error))
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.DNS, "kube-dns")
    assert set(cause.affected) == {"orders-api", "shops-api"}


def test_a_certificate_that_expired_is_named_with_its_reason(world: World) -> None:
    name = "shop.highstreet.localhost"
    reason = "The ACME server refused the order: no; the old certificate expired on 2026-06-30 12:00 UTC and browsers refuse it."
    world.hosts[name] = host(name, certificate="expired", expires=NOW - timedelta(days=1), reason=reason)
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.CERTIFICATE, name)
    assert cause.sentence.startswith(f"the certificate of {name} has expired: the ACME server refused the order")
    assert cause.since == NOW - timedelta(days=1)


def test_a_token_that_is_refused_is_one_cause_for_every_name(world: World) -> None:
    for name in world.hosts:
        reason = f"DigitalOcean refuses the token that writes the challenge of {name} (401); no certificate is served."
        world.hosts[name] = host(name, certificate="missing", expires=None, reason=reason, remedy=TOKEN_REMEDY)
    cause = world.cause()
    assert cause.names == set(world.hosts)
    assert cause.next == TOKEN_REMEDY


def test_a_name_that_leads_elsewhere_and_lacks_its_certificate_has_two_causes(world: World) -> None:
    name = "shop.highstreet.localhost"
    reason = f"{name} leads to 192.0.2.9; it should say 127.0.0.2 alone. The request waits: x; no certificate is served."
    world.hosts[name] = host(name, address="192.0.2.9", certificate="issuing", reason=reason)
    record, certificate = world.causes()
    assert (record.kind, record.sentence) == (Kind.DNS, f"{name} leads to 192.0.2.9; it should say 127.0.0.2 alone")
    assert certificate.sentence == f"the certificate of {name} is being issued: the request waits: x; no certificate is served"


def release(number: int, image: str, minutes: float, **more: object) -> Release:
    """A release that set the image of orders-api."""
    images = {"orders-api": f"highstreetly/orders-api:{image}", "shop": "highstreetly/shop:1"}
    known: dict[str, object] = {"outcome": "verified", "by": "ann"} | more
    return Release.model_validate(
        {
            "environment": "kind",
            "number": number,
            "commit": "0" * 40,
            "tag": f"kind/{image}",
            "images": images,
            "started_at": NOW - timedelta(minutes=minutes),
        }
        | known
    )


def test_the_release_that_touched_what_fails_is_named_and_rolled_back(world: World) -> None:
    world.releases = [release(1, "1.3.0", 900), release(2, "1.4.0", 6)]
    crash(world, "orders-api")
    cause = world.cause()
    assert cause.release == "release 2 (kind/1.4.0 by ann, 2026-07-01 11:54 UTC) changed orders-api: 1.3.0 → 1.4.0"
    assert cause.next == "./hs rollback kind"


def test_a_release_that_touched_something_else_or_is_old_is_not_blamed(world: World) -> None:
    world.releases = [release(1, "1.3.0", 30_000), release(2, "1.4.0", 20_000)]
    crash(world, "orders-api")
    crash(world, "shops-api")
    assert [cause.release for cause in world.causes()] == ["", ""]
    world.releases = [release(1, "1.3.0", 900), release(2, "1.4.0", 6)]
    assert [bool(cause.release) for cause in world.causes()] == [True, False]


def test_a_service_that_is_merged_and_not_released_is_no_cause(world: World) -> None:
    del world.deployments["shops-api"]
    assert [cause.subject for cause in world.causes()] == ["shops-api"]
    world.releases = [release(1, "1.4.0", 900)]
    assert world.causes() == []


def test_no_cause_is_made_without_evidence() -> None:
    with pytest.raises(ValueError, match="no evidence for orders-api"):
        Cause(kind=Kind.CRASH, subject="orders-api", sentence="ended")


FAULTS: dict[str, Callable[[World], object]] = {
    "database": database_away,
    "image": lambda world: world.unready("shop", image="x/shop:9", state={"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
    "crash": lambda world: crash(world, "identity-api") if "identity-api" in ready(world) else None,
    "quota": lambda world: exhaust(world, "dashboard"),
    "migration": lambda world: fail_migration(world, "payments", [line.format(state="42P01", message="x") for line in FLYWAY]),
    "policy": lambda world: blocked(world, "orders-receiver"),
    "queue": lambda world: world.set_queue("shops.inbox", ready=9, limit=9),
    "dead": lambda world: world.set_queue("shops.dead", ready=1),
    "unscheduled": lambda world: unschedule(world, "operator"),
    "certificate": lambda world: world.hosts.update({"shop.highstreet.localhost": host("shop.highstreet.localhost", certificate="missing")}),
    "alarm": lambda world: setattr(world, "broker", replace(world.broker, alarms=("its disk is nearly full",))),
}  # fmt: skip


def ready(world: World) -> set[str]:
    """The workloads that are rolled out."""
    return {name for name, deployment in world.deployments.items() if is_rolled_out(deployment)}


def unschedule(world: World, workload: str) -> None:
    """No node takes a workload's pod."""
    pod = world.unready(workload)
    message = "0/1 nodes are available: 1 Insufficient cpu."
    pod["status"] = {"phase": "Pending", "conditions": [condition("PodScheduled", "False", 4, message=message)]}


def everything_known(world: World) -> str:
    """All facts as one text: what is evidence stands in it."""
    facts = world.facts()
    return f"{facts.items}{facts.lines}{facts.previous}{facts.databases}{facts.broker}{facts.hosts}"


@given(faults=st.sets(st.sampled_from(sorted(FAULTS))), replicas=st.integers(1, 2))
def test_causes_have_evidence_and_everything_unhealthy_has_a_cause(faults: set[str], replicas: int) -> None:
    world = World(replicas)
    for fault in sorted(faults):
        FAULTS[fault](world)
    found = world.causes()
    assert bool(found) == bool(faults)
    assert len(found) <= len(faults)
    known = everything_known(world)
    for cause in found:
        assert cause.next
        assert all(line in known or repr(line)[1:-1] in known for line in cause.log)
        assert all(event.partition(": ")[2] in known for event in cause.events)
    explained = {name for cause in found for name in cause.names}
    assert {name for name in world.deployments if name not in ready(world)} <= explained


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), max_size=8))
def test_folding_keeps_every_subject_and_one_cause_a_root(signs: list[tuple[str, str]]) -> None:
    made = [Cause(kind=Kind.CRASH, subject=subject, sentence="s", seen=("seen",), root=root) for subject, root in signs]
    folded = fold(made)
    assert {name for cause in folded for name in cause.names} == {subject for subject, _ in signs}
    assert len(folded) == len({root for _, root in signs if root}) + sum(not root for _, root in signs)


def test_the_same_facts_give_the_same_causes_in_any_order(world: World) -> None:
    database_away(world)
    unschedule(world, "operator")
    facts = world.facts()
    backwards = replace(facts, items=list(reversed(facts.items)))
    assert [(c.kind, c.names) for c in causes(facts)] == [(c.kind, c.names) for c in causes(backwards)]


def complain(world: World, workload: str, other: str) -> None:
    """A workload is not ready, and says that another one refuses its connections."""
    address = next(item["spec"]["clusterIP"] for item in world.services if item["metadata"]["name"] == other)
    world.unready(workload)
    world.say(workload, log_line("the call failed", error=f'Get "http://{other}/x": dial tcp {address}:80: connect: connection refused'))


def test_services_that_call_one_that_crashes_follow_from_the_crash(world: World) -> None:
    complain(world, "orders-api", "shops-api")
    complain(world, "shops-api", "identity-api")
    crash(world, "identity-api")
    cause = world.cause()
    assert (cause.kind, cause.subject, set(cause.affected)) == (Kind.CRASH, "identity-api", {"shops-api", "orders-api"})


@pytest.mark.parametrize("host", ["dashboard.stripe.com", "dashboard.test", "dashboard.test.svc.cluster.local"])
def test_a_name_from_outside_is_no_ui_of_ours_whatever_its_first_word(world: World, host: str) -> None:
    world.unready("payments-api")
    world.say("payments-api", log_line("the call failed", error=f'Get "https://{host}/x": connection timed out'))
    cause = world.cause()
    assert (cause.subject, cause.dependency) == ("payments-api", host)


@pytest.mark.parametrize("host", ["dashboard", f"dashboard.{NAMESPACE}", f"dashboard.{NAMESPACE}.svc.cluster.local"])
def test_a_service_of_ours_is_known_by_each_of_its_names(world: World, host: str) -> None:
    world.unready("payments-api")
    world.say("payments-api", log_line("the call failed", error=f'Get "http://{host}/x": connection refused'))
    assert world.cause().dependency == "dashboard"


def test_two_that_blame_each_other_are_one_cause(world: World) -> None:
    complain(world, "orders-api", "shops-api")
    complain(world, "shops-api", "orders-api")
    cause = world.cause()
    assert cause.names == {"orders-api", "shops-api"}
    assert cause.kind is Kind.NOT_READY
