"""Every cause that `./hs why` must name, from facts shaped as the cluster gives them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.servers import Queue
from ops.why.cause import Kind
from tests.unit.ops.why.world import NAMESPACE, World, at, condition, event, log_line

IMAGE = "docker.io/highstreetly/orders-api:nowhere"
PULL = f'Failed to pull image "{IMAGE}": '
PGX = "failed to connect to `user=kind_orders_app database=kind_orders`: 172.30.200.10:5432 (172.30.200.10): "
BACK_OFF = {
    "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container=api pod=orders-api-7c9d8f-0_kind(0)"}
}


@pytest.fixture
def world() -> World:
    return World()


def ended(code: int, reason: str = "Error") -> dict[str, object]:
    """How a container's last run ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": at(1), "finishedAt": at(0.9), "containerID": "containerd://1"}}


def test_nothing_is_wrong_with_a_healthy_environment(world: World) -> None:
    assert world.causes() == []
    assert World(replicas=2).causes() == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f'rpc error: code = NotFound desc = failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": {IMAGE}: not found', "docker.io has no such image or version"),
        (f'failed to resolve reference "{IMAGE}": failed to do request: Head "https://registry-1.docker.io/v2/highstreetly/orders-api/manifests/nowhere": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host', "the node cannot reach the registry docker.io"),
        (f'failed to resolve reference "{IMAGE}": failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token": dial tcp 1.2.3.4:443: i/o timeout', "the node cannot reach the registry docker.io"),
        (f'failed to resolve reference "{IMAGE}": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed', "docker.io refuses to give it: no such repository, or not with these credentials"),
        (f'failed to resolve reference "{IMAGE}": unexpected status from HEAD request to https://registry-1.docker.io/v2/x/manifests/1: 401 Unauthorized', "docker.io refuses to give it: no such repository, or not with these credentials"),
        ('failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/x: 429 Too Many Requests', "docker.io gives no more images for a while (its rate limit)"),
    ],
    ids=["not found", "no such host", "token unreachable", "access denied", "unauthorised", "rate limit"],
)  # fmt: skip
@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_a_broken_image_says_which_of_the_reasons(world: World, reason: str, said: str, words: str) -> None:
    world.unready(
        "orders-api", image=IMAGE, started=False, state={"waiting": {"reason": reason, "message": f'Back-off pulling image "{IMAGE}"'}}
    )
    world.events += [event("orders-api-7c9d8f-0", "Failed", PULL + said), event("orders-api-7c9d8f-0", "Failed", f"Error: {reason}")]
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.IMAGE, "orders-api")
    assert cause.sentence == f"its image cannot be had: {IMAGE} ({words})"
    assert cause.dependency == "docker.io"
    assert any("Failed to pull image" in line for line in cause.events)


def test_an_image_s_name_that_is_none_is_named(world: World) -> None:
    world.unready("shop", image="High Street", state={"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}})
    assert world.cause().sentence.endswith("(that is no name of an image)")


def test_a_crash_loop_has_its_exit_code_and_last_lines(world: World) -> None:
    world.unready("orders-api", started=False, restartCount=4, state=BACK_OFF, lastState=ended(2))
    world.say("orders-api", "The service's environment is not complete:", 'PORT: "none" is no port number, 1 to 65535', previous=True)
    world.events.append(
        event("orders-api-7c9d8f-0", "BackOff", "Back-off restarting failed container api in pod orders-api-7c9d8f-0_kind(0)")
    )
    cause = world.cause()
    assert cause.kind is Kind.CRASH
    assert cause.sentence == "ended with exit code 2, 4 times so far"
    assert cause.log[-1] == 'PORT: "none" is no port number, 1 to 65535'
    assert cause.pod == "orders-api-7c9d8f-0"
    assert cause.since
    assert cause.since.strftime("%H:%M") == "11:57"


def test_memory_beyond_the_limit_is_named(world: World) -> None:
    world.unready("shops-api", started=False, restartCount=2, state=BACK_OFF, lastState=ended(137, "OOMKilled"))
    cause = world.cause()
    assert cause.kind is Kind.MEMORY
    assert "more memory than its limit" in cause.sentence


def test_a_pod_that_no_node_can_take_says_what_is_lacking(world: World) -> None:
    message = "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    for name in ("orders-api", "shops-api"):
        pod = world.unready(name)
        pod["status"] = {"phase": "Pending", "conditions": [condition("PodScheduled", "False", 4, reason="Unschedulable", message=message)]}
        world.events.append(event(f"{name}-7c9d8f-0", "FailedScheduling", message))
    cause = world.cause()
    assert cause.kind is Kind.UNSCHEDULED
    assert "Insufficient memory" in cause.sentence
    assert "untolerated taint {node-role.kubernetes.io/control-plane: }" in cause.sentence
    assert cause.names == {"orders-api", "shops-api"}


def exhaust(world: World, workload: str) -> None:
    """Let the quota keep a ReplicaSet from making its pod."""
    message = (
        f'pods "{workload}-7c9d8f-zzzzz" is forbidden: exceeded quota: environment, requested: pods=1, used: pods=17, limited: pods=17'
    )
    found = world.replica_sets[workload]
    found["status"] = {"replicas": 0, "conditions": [condition("ReplicaFailure", "True", 6, reason="FailedCreate", message=message)]}
    del world.pods[f"{workload}-7c9d8f-0"]
    world.deployments[workload]["status"] |= {"availableReplicas": 0, "updatedReplicas": 0}
    world.events.append(event(f"{workload}-7c9d8f", "FailedCreate", f"Error creating: {message}", kind="ReplicaSet"))


def test_an_exhausted_quota_is_one_cause_for_all_that_wait(world: World) -> None:
    exhaust(world, "orders-api")
    exhaust(world, "shop")
    cause = world.cause()
    assert cause.kind is Kind.QUOTA
    assert "'environment'" in cause.sentence
    assert "pods: 17 of 17 used, 1 more wanted" in cause.sentence
    assert cause.names == {"orders-api", "shop"}
    assert any("exceeded quota" in line for line in cause.events)
    assert "environment.quota" in cause.next


def test_a_quota_that_has_room_again_is_no_cause(world: World) -> None:
    world.events.append(event("orders-api-7c9d8f", "FailedCreate", "Error creating: pods is forbidden: exceeded quota: environment, requested: pods=1, used: pods=1, limited: pods=1", kind="ReplicaSet"))  # fmt: skip
    assert world.causes() == []


def test_a_pod_that_breaks_the_namespace_s_rules_is_no_quota(world: World) -> None:
    exhaust(world, "orders-api")
    message = 'pods "orders-api-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    world.replica_sets["orders-api"]["status"]["conditions"][0]["message"] = message
    cause = world.cause()
    assert cause.kind is Kind.REFUSED
    assert 'violates PodSecurity "restricted:latest"' in cause.sentence


def test_a_full_queue_says_how_full_and_that_nobody_empties_it(world: World) -> None:
    world.set_queue("payments.inbox", ready=5, limit=5, consumers=0)
    world.deployments["payments-receiver"] |= {"spec": {"replicas": 0}}
    del world.pods["payments-receiver-7c9d8f-0"]
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.QUEUE, "payments.inbox")
    assert "is full: 5 of 5 messages; nothing consumes it" in cause.sentence
    assert "payments-receiver has no pods" in cause.sentence
    assert cause.affected == ("payments-receiver",)


def test_a_publisher_that_a_full_queue_refuses_is_told_with_the_queue(world: World) -> None:
    world.set_queue("payments.inbox", ready=9, limit=5)
    world.unready("orders-api")
    world.say("orders-api", log_line("the broker is not to be had; trying again", error="the broker refused an event"))
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.QUEUE, "payments.inbox")
    assert "orders-api" in cause.affected


def test_a_queue_that_nobody_consumes_is_named_before_it_is_full(world: World) -> None:
    world.set_queue("orders.inbox", ready=3, consumers=0)
    assert world.cause().sentence == "the queue orders.inbox holds 3 messages, and nothing consumes it"


def test_a_queue_with_room_or_with_work_underway_is_well(world: World) -> None:
    world.set_queue("orders.inbox", ready=3, unacknowledged=20, limit=10)
    assert world.causes() == []


def test_a_queue_of_a_context_that_left_the_catalogue_is_left_over(world: World) -> None:
    world.broker = replace(world.broker, queues=[*world.broker.queues, Queue(name="loyalty.inbox", ready=3)])
    cause = world.cause()
    assert "is left over from a context that is not in the catalogue" in cause.sentence
    assert cause.affected == ()
    assert "delete_queue --vhost kind loyalty.inbox" in cause.next


def test_dead_letters_are_counted_and_their_reason_shown(world: World) -> None:
    world.set_queue("payments.dead", ready=2)
    line = log_line("sent to the dead letters", "ERROR", queue="payments.dead", error="unexpected end of JSON input")
    world.say("payments-receiver", line)
    cause = world.cause()
    assert cause.kind is Kind.DEAD_LETTERS
    assert cause.sentence == "2 messages that payments-receiver could not take lie in payments.dead"
    assert cause.log == (line,)
    assert "./hs logs payments-receiver" in cause.next


FLYWAY = """\
Successfully validated 2 migrations (execution time 00:00.031s)
Migrating schema "public" to version "91 - broken"
ERROR: Script V91__broken.sql failed
-----------------------------
SQL State  : {state}
Error Code : 0
Message    : ERROR: {message}
Location   : V91__broken.sql (/flyway/sql/V91__broken.sql)
Line       : 2
Statement  : ALTER TABLE fees ADD COLUMN amount numeric REFERENCES nowhere""".splitlines()


def fail_migration(world: World, context: str, lines: list[str]) -> None:
    """Let the newest migration of a context fail with what Flyway wrote."""
    name = f"{context}-migration-abcdefabcd"
    job = world.jobs[context]
    world.jobs["newer"] = {**job, "metadata": {**job["metadata"], "name": name, "creationTimestamp": at(2)}, "status": {"failed": 1, "conditions": [condition("Failed", "True", 1)]}}  # fmt: skip
    pod = world.add_pod(f"{context}-migration", f"{context}-migration-7c9d8f-0", "migration", ("Job", name), 2)
    pod["status"] |= {"phase": "Failed"}
    pod["status"]["conditions"][-1] |= {"status": "False", "reason": "PodFailed"}
    pod["status"]["containerStatuses"] = [
        {
            "name": "migration",
            "image": "flyway/flyway:13",
            "ready": False,
            "started": False,
            "restartCount": 0,
            "lastState": {},
            "state": ended(1),
        }
    ]
    world.say(f"{context}-migration", *lines, minutes=60)


@pytest.mark.parametrize(
    ("state", "message", "more"),
    [
        ("42P01", 'relation "nowhere" does not exist', ""),
        ("55P03", "canceling statement due to lock timeout", " (it waited for a lock that another session holds, longer than lock_timeout allows)"),
    ],
)  # fmt: skip
def test_a_failing_migration_has_its_script_and_line(world: World, state: str, message: str, more: str) -> None:
    fail_migration(world, "payments", [line.format(state=state, message=message) for line in FLYWAY])
    cause = world.cause()
    assert (cause.kind, cause.subject) == (Kind.MIGRATION, "payments-migration")
    assert cause.sentence == f"the script V91__broken.sql failed at line 2: {message}{more}"
    assert cause.log[0] == "ERROR: Script V91__broken.sql failed"


def test_a_migration_that_failed_before_and_passed_since_is_over(world: World) -> None:
    fail_migration(world, "payments", FLYWAY)
    world.jobs["newer"]["metadata"]["creationTimestamp"] = at(900)
    assert world.causes() == []


def test_a_migration_that_cannot_sign_in_is_the_database_s_trouble(world: World) -> None:
    fail_migration(world, "payments", ['ERROR: Unable to obtain connection from database (jdbc:postgresql://172.30.200.10:5432/kind_payments?sslmode=verify-full) for user \'kind_payments_owner\': FATAL: password authentication failed for user "kind_payments_owner"'])  # fmt: skip
    cause = world.cause()
    assert cause.kind is Kind.DATABASE
    assert cause.sentence == "the database server 172.30.200.10:5432 refuses the user or the password of payments"
    assert cause.affected == ("payments-migration",)


def test_services_that_wait_for_a_failing_migration_are_not_causes(world: World) -> None:
    fail_migration(world, "payments", [line.format(state="42P01", message="x") for line in FLYWAY])
    del world.deployments["payments-api"]
    assert world.cause().names == {"payments-migration", "payments-api"}


def test_a_database_behind_its_release_is_named(world: World) -> None:
    world.jobs["shops"]["metadata"]["annotations"]["platform.highstreet.ly/newest"] = "3"
    cause = world.cause()
    assert cause.sentence == "the database kind_shops has had its scripts up to 1, not up to 3"
    assert cause.next == f"./hs up {NAMESPACE}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("dial error: dial tcp 172.30.200.10:5432: connect: connection refused", "refuses connections: nothing listens there"),
        ("failed SASL auth: FATAL: password authentication failed for user \"kind_orders_app\" (SQLSTATE 28P01)", "refuses the user or the password of orders"),
        ("server error: FATAL: sorry, too many clients already (SQLSTATE 53300)", "has no connection left to give (too many are open)"),
        ('server error: FATAL: database "kind_orders" does not exist (SQLSTATE 3D000)', "does not have what orders asks for"),
        ("server error: FATAL: the database system is starting up (SQLSTATE 57P03)", "is starting or stopping"),
        ("tls error: tls: failed to verify certificate: x509: certificate has expired or is not yet valid", "shows a certificate that is not trusted, or no longer"),
    ],
    ids=["refused", "authentication", "connections", "missing", "starting", "certificate"],
)  # fmt: skip
def test_an_unreachable_database_says_how(world: World, error: str, words: str) -> None:
    world.unready("orders-api")
    world.say("orders-api", log_line("not ready", check="database", error=PGX + error))
    cause = world.cause()
    assert cause.kind is Kind.DATABASE
    assert cause.sentence == f"the database server 172.30.200.10:5432 {words}"
    assert cause.affected == ("orders-api",)


def test_a_readiness_check_that_fails_shows_what_it_answers(world: World) -> None:
    world.unready("orders-api")
    name = "orders-api-7c9d8f-0"
    world.events.append(event(name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"))
    world.answers[name] = '503 Service Unavailable: {"checks":{"cache":"failing"},"status":"not ready"}'
    cause = world.cause()
    assert cause.kind is Kind.NOT_READY
    assert cause.seen[-1] == 'its readiness check answers 503 Service Unavailable: {"checks":{"cache":"failing"},"status":"not ready"}'
    assert "HTTP probe failed with statuscode: 503" in cause.seen[0]


def test_a_missing_secret_is_a_missing_configuration(world: World) -> None:
    world.unready(
        "orders-api",
        started=False,
        state={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "orders-database-1" not found'}},
    )
    cause = world.cause()
    assert cause.kind is Kind.CONFIGURATION
    assert 'secret "orders-database-1" not found' in cause.sentence


def test_what_is_not_deployed_and_what_was_scaled_away_are_named(world: World) -> None:
    del world.deployments["shop"]
    world.deployments["orders-api"]["spec"]["replicas"] = 0
    found = {cause.subject: cause.kind for cause in world.causes()}
    assert found == {"shop": Kind.MISSING, "orders-api": Kind.SCALED}


def test_an_environment_that_was_never_deployed_is_one_cause(world: World) -> None:
    world.deployments.clear()
    cause = world.cause()
    assert cause.kind is Kind.MISSING
    assert len(cause.names) == 12


def test_a_cluster_that_does_not_answer_is_the_one_cause(world: World) -> None:
    world.cluster_trouble = "exit code 1\nUnable to connect to the server: dial tcp 127.0.0.1:6443: connect: connection refused"
    cause = world.cause(items=[])
    assert cause.kind is Kind.CLUSTER
    assert "Unable to connect to the server" in cause.seen[0]


def test_pods_of_a_node_that_is_gone_are_one_cause(world: World) -> None:
    for name in ("orders-api", "shops-api"):
        world.unready(name, ready=True)
        world.events.append(event(f"{name}-7c9d8f-0", "NodeNotReady", "Node is not ready"))
    cause = world.cause()
    assert (cause.kind, cause.sentence) == (Kind.UNSCHEDULED, "its node node-1 does not answer")
    assert cause.names == {"orders-api", "shops-api"}


def test_a_pod_that_was_evicted_and_replaced_is_no_cause(world: World) -> None:
    pod = world.add_pod("orders-api", "orders-api-7c9d8f-9", "api", ("ReplicaSet", "orders-api-7c9d8f"))
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    assert world.causes() == []


def test_a_migration_that_ran_again_after_its_node_was_lost_is_no_cause(world: World) -> None:
    pod = world.add_pod("orders-migration", "orders-migration-7c9d8f-9", "migration", ("Job", "orders-migration-0123456789"))
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    assert world.causes() == []


def test_a_context_s_password_that_is_refused_is_told_of_its_database(world: World) -> None:
    world.databases["orders"] = replace(
        world.databases["orders"], trouble='FATAL:  password authentication failed for user "kind_orders_app"'
    )
    for name in ("orders-api", "orders-receiver"):
        world.unready(name)
        world.say(name, log_line("not ready", check="database", error="FATAL: password authentication failed (SQLSTATE 28P01)"))
    cause = world.cause()
    assert (cause.subject, set(cause.affected)) == ("kind_orders", {"orders-api", "orders-receiver"})
    assert cause.next == "./hs up kind --refresh"
