"""What a person sees of one environment, and of several side by side."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from ops.drift import LastLook
from ops.releases.book import Hold
from ops.servers import Queue
from ops.status import DatabaseStatus, EnvironmentStatus, Releases, WorkloadStatus, workload_statuses
from ops.status_table import one, side_by_side
from tests.unit.ops.releases.makers import release
from tests.unit.ops.test_status import catalogue, deployment

RUNS, FAILED = release(4), release(5, "failed")
HELD = Hold("rolled back to release 4", "ada", "2026-11-23T09:00:00+00:00")


def status(environment: str, *workloads: WorkloadStatus, **more: Any) -> EnvironmentStatus:
    databases = [DatabaseStatus(f"{environment}_orders", "2", "2")]
    return EnvironmentStatus(environment, workloads, [], databases, environment, **more)


def text(drawn: RenderableType) -> str:
    wide = Console(width=200, record=True, file=StringIO())
    wide.print(drawn)
    return wide.export_text()


def row(drawn: RenderableType, name: str) -> str:
    [line] = [line for line in text(drawn).splitlines() if line.strip().startswith(name)]
    return line


def orders(version: str, *, ready: bool = True, restarts: int = 0) -> WorkloadStatus:
    return WorkloadStatus("orders-api", "api", ready, version, "1/1" if ready else "0/1", restarts)


def test_versions_stand_side_by_side() -> None:
    drawn = side_by_side([status("live", orders("1.3.0")), status("test", orders("1.4.0"))])
    assert row(drawn, "orders-api").split()[1:] == ["1.3.0", "1.4.0"]


def test_what_is_not_deployed_is_no_alarm_and_what_is_not_ready_is_one() -> None:
    absent = status("dev", WorkloadStatus("orders-api", "api", False, "", "not deployed"))
    drawn = side_by_side([absent, status("live", orders("1.3.0", ready=False, restarts=4))])
    assert row(drawn, "orders-api").split()[1:] == ["-", "✗", "1.3.0", "0/1", "4", "restarts"]
    assert "dev -" in text(drawn)
    assert "live ✗" in text(drawn)


def test_a_failed_release_and_a_hold_stand_beside_what_runs() -> None:
    shown = text(side_by_side([status("test", orders("1.4.0"), releases=Releases(RUNS, FAILED, HELD))]))
    assert f"{RUNS.tag} ✓" in shown
    assert f"✗ {FAILED.tag} failed" in shown
    assert "held" in shown


def test_one_environment_shows_the_release_that_runs_and_a_newer_one_that_failed() -> None:
    shown = text(one(status("test", orders("1.4.0"), releases=Releases(RUNS, FAILED, HELD))))
    assert shown.count(RUNS.tag) == 1
    assert f"{FAILED.tag}" in shown
    assert "rolled back to release 4 (ada)" in shown
    assert text(one(status("test", orders("1.4.0"), releases=Releases(RUNS, RUNS)))).count(RUNS.tag) == 1


def test_dead_letters_are_counted_apart_from_what_waits() -> None:
    queues = [Queue(name="payments.inbox", ready=7, consumers=1), Queue(name="payments.dead", ready=2)]
    found = status("test", orders("1.4.0"), queues=queues)
    assert row(side_by_side([found]), "events waiting").split()[-1] == "7"
    assert row(side_by_side([found]), "dead letters").split()[-1] == "2"
    assert "✗ 2 waiting" in " ".join(row(one(found), "payments.dead").split())


@pytest.mark.parametrize(("objects", "word"), [(0, "none"), (3, "3 objects")])
def test_the_last_look_for_drift_is_told(objects: int, word: str) -> None:
    found = status("test", orders("1.4.0"), releases=Releases(looked=LastLook("2026-11-23T09:00:00+00:00", "ada", objects)))
    assert word in row(side_by_side([found]), "drift")
    assert word in row(one(found), "drift")
    assert "never looked" in row(side_by_side([status("test", orders("1.4.0"))]), "drift")


def test_an_environment_that_was_never_backed_up_says_so() -> None:
    assert "never backed up" in row(one(status("test", orders("1.4.0"))), "backup")
    assert "never backed up" in row(side_by_side([status("test", orders("1.4.0"))]), "backup")
    found: dict[str, Any] = status("test", orders("1.4.0")).as_json()
    assert found["backup"] == {"words": "never backed up", "verified_at": None}


def test_restarts_of_all_pods_of_a_workload_are_counted() -> None:
    def pod(name: str, *counts: int) -> dict[str, Any]:
        containers = [{"restartCount": count} for count in counts]
        return {"metadata": {"labels": {"app.kubernetes.io/name": name}}, "status": {"containerStatuses": containers}}

    pods = [pod("orders-api", 2), pod("orders-api", 1, 1), pod("shops-api", 5)]
    [found] = [one for one in workload_statuses(catalogue(), [deployment("orders-api")], pods) if one.name == "orders-api"]
    assert found.restarts == 4


def test_whoever_sees_something_unhealthy_is_told_what_to_type() -> None:
    assert "./hs why --environment live" in text(one(status("live", orders("1.3.0", ready=False))))
    assert "./hs why" not in text(one(status("live", orders("1.3.0"))))


def test_the_document_has_the_release_the_hold_and_the_queues() -> None:
    queues = [Queue(name="payments.dead", ready=2)]
    found: dict[str, Any] = status("test", orders("1.4.0"), releases=Releases(RUNS, FAILED, HELD), queues=queues).as_json()
    assert found["dead_letters"] == 2
    assert found["queues"] == [{"name": "payments.dead", "ready": 2, "unacknowledged": 0, "consumers": 0}]
    assert (found["release"]["number"], found["newest_release"]["number"], found["newest_release"]["outcome"]) == (4, 5, "failed")
    assert found["hold"] == vars(HELD)
