"""What a person sees of one environment, and of several side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from ops import cli
from ops.drift import LastLook
from ops.errors import InputError, PlatformError
from ops.hosts import HostStatus
from ops.releases.book import Hold
from ops.servers import Queue
from ops.shipping import Shipping
from ops.status import NOT_RELEASED, DatabaseStatus, EnvironmentStatus, Releases, WorkloadStatus, workload_statuses
from ops.status_table import one
from ops.status_table_all import side_by_side
from tests.unit.ops.releases.makers import release, sha
from tests.unit.ops.test_status import catalogue, deployment

RUNS, FAILED = release(4), release(5, "failed")
HELD = Hold("rolled back to release 4", "ada", "2026-11-23T09:00:00+00:00")


def status(environment: str, *workloads: WorkloadStatus, **more: Any) -> EnvironmentStatus:
    databases = [DatabaseStatus(f"{environment}_orders", "2", "2")]
    return EnvironmentStatus(
        **{"environment": environment, "services": workloads, "uis": [], "databases": databases, "vhost": environment} | more
    )


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


SHOP = HostStatus("shop.example.org", "https://shop.example.org/", "192.0.2.7", "192.0.2.7", "valid", datetime(2026, 12, 3, tzinfo=UTC))
REFUSED = Shipping(3, 3, "New Relic refuses the licence key", "set the right one")


def test_databases_servers_names_certificates_and_logs_have_a_row_each() -> None:
    found = status("test", orders("1.4.0"), machines={"postgres": "18.1", "rabbitmq": "4.2.0"}, shipping=Shipping(3, 3),
                   public=[SHOP, replace(SHOP, host="hooks.example.org", address="", expires=None, certificate="missing")])  # fmt: skip
    behind = replace(found, environment="dev", databases=[DatabaseStatus("dev_orders", "1", "2")])
    drawn = side_by_side([found, behind])
    assert row(drawn, "database orders").split()[2:] == ["2", "✗", "1,", "not", "2"]
    assert row(drawn, "PostgreSQL").split()[1:] == ["18.1", "18.1"]
    assert row(drawn, "RabbitMQ").split()[1:] == ["4.2.0", "4.2.0"]
    assert row(drawn, "DNS").split()[1:3] == ["✗", "1/2"]
    assert "✗ 1/2, first ends 2026-12-03" in row(drawn, "certificates")
    assert "✓ 3/3 nodes" in row(drawn, "logs arrive")


def test_what_is_verified_in_the_origin_is_told_with_whether_it_runs_here() -> None:
    test = status("test", orders("1.4.0"), releases=Releases(release(4), release(4)))
    older = release(3, images={"orders-api": f"highstreetly/orders-api:1.3.0@{sha('b')}"})
    live = status("live", orders("1.3.0"), releases=Releases(older, older), promoted_from="test")
    assert "1.4.0 verified in test, not here" in row(side_by_side([live, test]), "promotion")
    same = replace(live, releases=Releases(release(4), release(4)))
    assert "1.4.0 verified in test, runs here" in row(side_by_side([same, test]), "promotion")
    assert "promotion" not in text(side_by_side([test]))


def test_a_trouble_of_the_cluster_is_told_once_below_with_what_mends_it() -> None:
    shown = text(side_by_side([status(name, orders("1.4.0"), shipping=REFUSED) for name in ("live", "test")]))
    assert shown.count("logs: New Relic refuses the licence key. To mend it: set the right one") == 1
    assert "./hs why" not in shown
    unready = text(side_by_side([status("live", orders("1.3.0", ready=False)), status("test", orders("1.4.0"))]))
    assert "./hs why --environment live says why." in unready
    assert "--environment test" not in unready


def test_what_is_not_known_is_a_question_mark_and_a_sentence() -> None:
    silent = status("live", replace(orders("1.3.0"), replicas="not known"), cluster_trouble="The cluster did not answer.", vhost=None)
    drawn = side_by_side([replace(silent, releases=Releases(unknown="The state does not answer."))])
    for name in ("orders-api", "release", "RabbitMQ", "dead letters", "backup", "drift"):
        assert row(drawn, name).split()[-1] == "?", name
    assert "live ?" in text(drawn)
    assert "The cluster did not answer." in text(drawn)
    assert "live: not known" in text(one(silent))


def test_what_is_not_released_yet_is_no_alarm() -> None:
    found = status("live", orders("1.3.0"), WorkloadStatus("loyalty-api", "api", False, "", NOT_RELEASED))
    assert row(side_by_side([found]), "loyalty-api").split()[1:] == ["-"]
    assert "not released" in row(one(found), "loyalty-api")


class Screen:
    """Stands for the terminal: keeps what is drawn."""

    def __init__(self) -> None:
        self.drawn: list[RenderableType] = []

    def __call__(self, first: RenderableType, **_more: Any) -> Screen:
        self.drawn.append(first)
        return self

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, drawn: RenderableType, **_more: Any) -> None:
        self.drawn.append(drawn)


def test_watching_redraws_and_outlives_a_look_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    looks: Iterator[str | BaseException] = iter(["first", PlatformError("The cluster did not answer."), "again", KeyboardInterrupt()])

    def look() -> RenderableType:
        found = next(looks)
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(cli, "Live", screen)
    monkeypatch.setattr(cli, "WATCH_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        cli.watch_for_ever(look(), look)
    first, failed, again = screen.drawn
    assert (first, again) == ("first", "again")
    assert "The cluster did not answer." in str(failed)


@pytest.mark.parametrize("name", ["cluster", "knd"])
def test_what_is_no_environment_has_the_nearest_that_is_one(name: str) -> None:
    with pytest.raises(InputError) as refused:
        cli.require_environment(name)
    assert "live" in str(refused.value) or "kind" in str(refused.value)
    assert ("holds what a cluster has once" in refused.value.what) is (name == "cluster")


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
