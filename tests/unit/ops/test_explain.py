"""Why a pod is not healthy, told from what the cluster says of it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.explain import cause_of, explain, sql_failure, warnings_of

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


def pod(name: str = "orders-api-1", labels: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or {"app.kubernetes.io/name": "orders-api"}}, "status": status}


def container(name: str = "api", ready: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "highstreetly/orders-api:9", "ready": ready, **more}


def test_a_healthy_pod_has_no_cause() -> None:
    assert cause_of(pod(phase="Running", containerStatuses=[container(ready=True, state={"running": {}})])) == ("", "", False)


def test_a_finished_pod_has_no_cause() -> None:
    assert cause_of(pod(phase="Succeeded", containerStatuses=[container(state={"terminated": {"exitCode": 0}})]))[0] == ""


def test_a_starting_pod_has_no_cause() -> None:
    assert cause_of(pod(phase="Pending", containerStatuses=[container(state={"waiting": {"reason": "ContainerCreating"}})]))[0] == ""


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
    assert cause_of(pod(phase="Running", containerStatuses=[container(**status)]))[0] == cause


def test_a_pod_without_a_node_says_why() -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient memory."}]
    assert cause_of(pod(phase="Pending", conditions=conditions))[0].endswith("Insufficient memory.")


def test_a_crash_is_explained_by_the_log_of_the_run_that_crashed() -> None:
    crashed = container(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 1}})
    asked: list[tuple[str, str, bool]] = []

    def read_log(pod: str, name: str, previous: bool) -> list[str]:
        asked.append((pod, name, previous))
        return ["DATABASE_URL is not set"]

    [finding] = explain([pod(phase="Running", containerStatuses=[crashed])], [], read_log)
    assert asked == [("orders-api-1", "api", True)]
    assert "DATABASE_URL is not set" in str(finding)


def test_a_failed_migration_names_script_line_and_sql_error() -> None:
    assert sql_failure(FLYWAY_SQL_ERROR) == 'the script V3__broken.sql failed at line 2: column "amuont" does not exist'


def test_an_edited_script_is_named_by_its_version() -> None:
    assert sql_failure(FLYWAY_CHECKSUM) == "the script of version 1 was edited after it had been applied (its checksum differs)"


def test_warnings_are_the_pod_s_own_latest_and_each_once() -> None:
    def event(name: str, message: str, at: str, kind: str = "Warning") -> dict[str, Any]:
        return {"type": kind, "reason": "Failed", "message": message, "lastTimestamp": at, "involvedObject": {"name": name}}

    events = [
        event("a", "two", "2"),
        event("a", "one", "1"),
        event("b", "other", "3"),
        event("a", "two", "4"),
        event("a", "ok", "5", "Normal"),
    ]
    assert warnings_of("a", events) == ["Failed: one", "Failed: two"]
