"""The facts that alerts are raised on, and how they are sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ops.backup.record import Backup, Latest
from ops.drift import LastLook
from ops.errors import InputError, PlatformError
from ops.hosts import HostStatus
from ops.releases.book import Hold
from ops.report import NEVER_HOURS, Fact, document, facts, send
from ops.servers import Queue
from ops.status import DatabaseStatus, EnvironmentStatus, Releases, WorkloadStatus
from settings.log_shipping import LogShipping
from tests.unit.ops.releases.makers import release

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = HostStatus("shop.example.org", "https://shop.example.org/", "192.0.2.7", "192.0.2.7", "valid", datetime(2026, 12, 3, 12, tzinfo=UTC))
STATUS = EnvironmentStatus(
    "test",
    [WorkloadStatus("orders-api", "api", True, "1.4.0")],
    [],
    [DatabaseStatus("test_orders", "2", "2", 42.0)],
    "test",
    public=[SHOP, replace(SHOP, host="hooks.example.org", expires=None)],
    queues=[Queue(name="payments.inbox", ready=7), Queue(name="payments.dead", ready=2)],
)
SHIPPING = LogShipping(region="eu", namespaces=("test",))


def values(status: EnvironmentStatus) -> dict[tuple[str, str], float]:
    return {(fact.name, fact.subject): fact.value for fact in facts(status, NOW)}


def test_certificates_queues_and_connections_are_told_one_by_one() -> None:
    found = values(STATUS)
    assert found["certificate_days_left", "shop.example.org"] == 10
    assert found["certificate_days_left", "hooks.example.org"] == 0
    assert (found["queue_depth", "payments"], found["dead_letters", "payments"]) == (7, 2)
    assert found["connections_used_percent", "test_orders"] == 42
    assert found["healthy", "test"] == 1


def test_what_was_never_done_is_older_than_any_threshold() -> None:
    found = values(STATUS)
    assert (found["drift_age_hours", "test"], found["backup_age_hours", "test"]) == (NEVER_HOURS, NEVER_HOURS)


@pytest.mark.parametrize(("outcome", "failed"), [("verified", 0), ("failed", 1), ("unverified", 1), ("running", 0)])
def test_a_release_that_failed_or_was_not_verified_is_one(outcome: str, failed: float) -> None:
    newest = release(5, outcome)
    assert values(replace(STATUS, releases=Releases(release(4), newest)))["release_failed", newest.tag] == failed


def test_what_is_not_known_is_left_out_and_raises_no_alarm() -> None:
    silent = replace(
        STATUS,
        cluster_trouble="The cluster did not answer.",
        public=[replace(SHOP, certificate="unknown", expires=None)],
        databases=[replace(STATUS.databases[0], connections_percent=None)],
        releases=Releases(unknown="The state does not answer."),
        queues=(),
    )
    assert values(silent) == {}
    assert values(replace(STATUS, vhost=None))["healthy", "test"] == 1


def test_a_hold_and_drift_are_told() -> None:
    looked = LastLook("2026-11-23T09:00:00+00:00", "ada", 3)
    found = values(replace(STATUS, releases=Releases(hold=Hold("why", "ada", "2026-11-23T09:00:00+00:00"), looked=looked)))
    assert (found["release_held", "test"], found["drift_objects", "test"], found["drift_age_hours", "test"]) == (1, 3, 3)


def test_a_record_has_figure_subject_and_environment() -> None:
    [resource] = document("test", [Fact("dead_letters", "payments", 2)], 17)["resourceLogs"]
    [record] = resource["scopeLogs"][0]["logRecords"]
    assert {"key": "deployment.environment.name", "value": {"stringValue": "test"}} in resource["resource"]["attributes"]
    assert {"key": "platform.value", "value": {"doubleValue": 2}} in record["attributes"]
    assert record["body"]["stringValue"] == "dead_letters of payments is 2"
    assert record["timeUnixNano"] == "17"


def answering(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> list[httpx.Request]:
    """Have New Relic answer so; gives what it was asked."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    original = httpx.Client

    def client(**_options: Any) -> httpx.Client:
        return original(transport=httpx.MockTransport(handle))

    monkeypatch.setattr("ops.report.httpx.Client", client)
    return asked


def test_the_key_goes_in_the_header_that_new_relic_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, httpx.Response(200))
    send("test", [Fact("healthy", "test", 1)], SHIPPING, "canary")
    [request] = asked
    assert str(request.url) == "https://otlp.eu01.nr-data.net/v1/logs"
    assert request.headers["api-key"] == "canary"
    assert "canary" not in json.dumps(json.loads(request.content))


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_is_said_with_the_variable_that_mends_it(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answering(monkeypatch, httpx.Response(code))
    with pytest.raises(InputError) as refused:
        send("test", [], SHIPPING, "canary")
    assert "HIGHSTREETLY_NEW_RELIC_LICENSE_KEY" in refused.value.remedy
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("answer", [httpx.Response(500, text="later"), httpx.ConnectError("no such host")])
def test_an_endpoint_that_does_not_take_it_is_a_failed_run(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(PlatformError):
        send("test", [], SHIPPING, "canary")


def test_a_certificate_file_that_is_not_there_is_no_stack_trace() -> None:
    with pytest.raises(PlatformError) as failed:
        send("test", [], SHIPPING.model_copy(update={"ca_certificate_file": "nowhere.crt"}), "canary")
    assert "No such file" in failed.value.why


def test_a_backup_that_was_restored_counts_from_its_beginning() -> None:
    taken = Backup(environment="test", started_at=datetime(2026, 11, 23, 6, tzinfo=UTC), outcome="verified")
    found = values(replace(STATUS, releases=Releases(backups=Latest(taken, taken))))
    assert found["backup_age_hours", "test"] == 6
