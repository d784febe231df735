"""A deploy's message tells the causes that `./hs why` would tell, from pods, their events and their last lines alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.deploy import remedy_for
from ops.explain import Finding, explain
from ops.why.flyway import sql_failure
from ops.why.pods import warnings_of

FLYWAY_SQL_ERROR = """\
Migrating schema "public" to version "3 - broken"
ERROR: Script V3__broken.sql failed
-----------------------------
SQL State  : 42703
Error Code : 0
Message    : ERROR: column "amuont" does not exist
Location   : V3__broken.sql (/flyway/sql/V3__broken.sql)
Line       : 2
Statement  : UPDATE events SET amuont = 1
""".splitlines()

FLYWAY_CHECKSUM = """\
ERROR: Validate failed: Migrations have failed validation
Migration checksum mismatch for migration version 1
-> Applied to database : 1
-> Resolved locally    : 2
""".splitlines()
AGAIN = "./hs deploy kind"
CRASHED: dict[str, Any] = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}


def pod(name: str = "orders-api-1", workload: str = "orders-api", component: str = "api", **status: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": workload, "app.kubernetes.io/component": component}
    return {"metadata": {"name": name, "namespace": "kind", "labels": labels}, "status": status}


def container(name: str = "api", ready: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "highstreetly/orders-api:9", "ready": ready, **more}


def silent(_pod: str, _name: str, _previous: bool) -> list[str]:
    return []


def only(pods: list[dict[str, Any]], *lines: str, events: list[dict[str, Any]] | None = None) -> Finding:
    """The one finding about pods whose containers wrote these lines."""
    [found] = explain(pods, events or [], lambda *_: list(lines), AGAIN)
    return found


def warning(name: str, message: str, at: str, kind: str = "Warning", reason: str = "Failed") -> dict[str, Any]:
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": at, "involvedObject": {"name": name}}


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Running", "containerStatuses": [container(ready=True, state={"running": {}})]},
        {"phase": "Succeeded", "containerStatuses": [container(state={"terminated": {"exitCode": 0}})]},
        {"phase": "Pending", "containerStatuses": [container(state={"waiting": {"reason": "ContainerCreating"}})]},
    ],
    ids=["healthy", "finished", "starting"],
)
def test_a_pod_that_is_well_has_no_finding(status: dict[str, Any]) -> None:
    assert explain([pod(**status)], [], silent) == []


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, "its image cannot be had: highstreetly/orders-api:9"),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 2}}}, "ended with exit code 2"),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "was killed because it used more memory than its limit",
        ),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}},
            'its configuration is missing: secret "x" not found',
        ),
        ({"state": {"running": {}}}, "runs but is not ready (its readiness check fails)"),
    ],
)
def test_the_cause_is_named(status: dict[str, Any], cause: str) -> None:
    assert only([pod(phase="Running", containerStatuses=[container(**status)])]).cause == cause


def test_a_pod_without_a_node_says_why() -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient memory."}]
    assert only([pod(phase="Pending", conditions=conditions)]).cause == "cannot be scheduled: Insufficient memory"


def test_a_crash_is_explained_by_the_log_of_the_run_that_crashed() -> None:
    asked: list[tuple[str, str, bool]] = []

    def read_log(pod: str, name: str, previous: bool) -> list[str]:
        asked.append((pod, name, previous))
        return ["DATABASE_URL is not set"]

    [finding] = explain([pod(phase="Running", containerStatuses=[container(**CRASHED)])], [], read_log)
    assert asked == [("orders-api-1", "api", True)]
    assert "DATABASE_URL is not set" in str(finding)


def test_services_that_all_lack_the_database_are_one_finding() -> None:
    pods = [
        pod(f"{name}-1", name, phase="Running", containerStatuses=[container(state={"running": {}})])
        for name in ("orders-api", "shops-api")
    ]
    found = only(
        pods, '{"level":"WARN","msg":"not ready","check":"database","error":"dial tcp 10.0.0.1:5432: connect: connection refused"}'
    )
    assert found.workload == "postgres"
    assert found.cause.endswith("nothing listens there; fails because of it: orders-api, shops-api")
    assert str(found).startswith("postgres: the database server refuses connections")


def test_an_exhausted_quota_is_found_while_its_event_is_fresh_and_no_pod_came_after_it() -> None:
    message = (
        'Error creating: pods "shop-7c-x" is forbidden: exceeded quota: environment, requested: pods=1, used: pods=12, limited: pods=12'
    )
    now = datetime.now(UTC)
    fresh, old = (f"{now - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}" for minutes in (1, 30))
    found = only([], events=[warning("shop-7c", message, fresh, reason="FailedCreate")])
    assert found.workload == "shop"
    assert "pods: 12 of 12 used, 1 more wanted" in found.cause
    assert explain([], [warning("shop-7c", message, old, reason="FailedCreate")], silent) == []
    made = pod("shop-7c-y", "shop", phase="Running", containerStatuses=[container(ready=True, state={"running": {}})])
    made["metadata"] |= {"creationTimestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}", "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-7c"}]}
    assert explain([made], [warning("shop-7c", message, fresh, reason="FailedCreate")], silent) == []


def test_a_secret_in_a_last_line_is_masked() -> None:
    crashed = pod(phase="Running", containerStatuses=[container(**CRASHED)])
    assert "hunter2hunter2" not in str(only([crashed], "cannot use postgres://app:hunter2hunter2@10.0.0.1/kind_orders"))


def test_a_failed_migration_names_script_line_and_sql_error() -> None:
    ended = container("flyway", state={"terminated": {"exitCode": 1}})
    failed = pod("orders-migration-1", "orders-migration", "migration", phase="Failed", containerStatuses=[ended])
    found = only([failed], *FLYWAY_SQL_ERROR)
    assert found.cause == 'the script V3__broken.sql failed at line 2: column "amuont" does not exist'
    assert found.cause == sql_failure(FLYWAY_SQL_ERROR)
    assert remedy_for([found], AGAIN) == f"{AGAIN}, after the script is corrected"


def test_an_edited_script_is_named_by_its_version_and_is_to_be_restored() -> None:
    ended = container("flyway", state={"terminated": {"exitCode": 1}})
    found = only([pod("orders-migration-1", "orders-migration", "migration", phase="Failed", containerStatuses=[ended])], *FLYWAY_CHECKSUM)
    assert remedy_for([found], AGAIN) == f"{AGAIN}, after the script is restored and the change put into a new one"
    assert sql_failure(FLYWAY_CHECKSUM) == "the script of version 1 was edited after it had been applied (its checksum differs)"


def test_the_remedy_is_what_comes_next_for_the_first_cause_and_then_the_same_command() -> None:
    crashed = only([pod(phase="Running", containerStatuses=[container(**CRASHED)])])
    assert remedy_for([crashed], AGAIN) == f"./hs logs orders-api --environment kind --lines 200; with the cause mended, {AGAIN}"
    assert remedy_for([], AGAIN) == f"mend the cause, then {AGAIN}"


def test_warnings_are_the_pod_s_own_latest_and_each_once() -> None:
    moments = [f"2026-07-01T12:00:0{second}Z" for second in range(6)]
    events = [
        warning("a", "two", moments[2]),
        warning("a", "one", moments[1]),
        warning("b", "other", moments[3]),
        warning("a", "two", moments[4]),
        warning("a", "ok", moments[5], "Normal"),
    ]
    assert warnings_of("a", events) == ["Failed: one", "Failed: two"]
