"""The public names in `./hs status` and `./hs urls`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from rich.console import Console

from ops import console, hosts, names
from ops.certificates import CertificateState
from ops.errors import InputError, PlatformError
from ops.hosts import HostStatus, host_status, read_hosts
from ops.names import Answer
from ops.status import DatabaseStatus, EnvironmentStatus, WorkloadStatus
from ops.status_table import one
from ops.urls import require_hosts, targets
from settings import Settings
from tests.unit.ops.conftest import public_host

HOST = public_host()
ADDRESS = IPv4Address("192.0.2.7")
GOOD = CertificateState(HOST.host, "valid", datetime(2026, 9, 1, tzinfo=UTC), "R10")
FAILING = CertificateState(HOST.host, "renewal fails", GOOD.expires, "R10", "The token is refused; the certificate serves on.", "set it")


def environment(*public: HostStatus) -> EnvironmentStatus:
    return EnvironmentStatus(
        "kind",
        [WorkloadStatus("orders-api", "api", True, "1.0.0")],
        [WorkloadStatus("shop", "ui", True, "1.0.0")],
        [DatabaseStatus("kind_orders", "2", "2")],
        "kind",
        public=public,
    )


def test_a_name_is_good_with_the_right_record_and_a_valid_certificate() -> None:
    assert host_status(HOST, Answer(("192.0.2.7",)), ADDRESS, GOOD).good
    assert not host_status(HOST, Answer(("192.0.2.8",)), ADDRESS, GOOD).good
    assert not host_status(HOST, Answer(("192.0.2.7",)), ADDRESS, FAILING).good


def test_both_reasons_are_told() -> None:
    found = host_status(HOST, Answer(), ADDRESS, FAILING)
    assert found.reason == f"{HOST.host} has no A record; it should say 192.0.2.7. {FAILING.reason}"


def test_a_failing_certificate_makes_no_environment_unhealthy() -> None:
    found = environment(host_status(HOST, Answer(("192.0.2.7",)), ADDRESS, FAILING))
    assert found.healthy
    assert not found.public_healthy
    assert environment().public_healthy


def test_the_json_has_the_documented_shape() -> None:
    found = environment(host_status(HOST, Answer(("192.0.2.7",)), ADDRESS, GOOD)).as_json()
    assert json.loads(json.dumps(found["public"])) == [
        {
            "host": HOST.host,
            "url": "https://shop.example.test/",
            "address": "192.0.2.7",
            "expected": "192.0.2.7",
            "certificate": "valid",
            "expires": "2026-09-01T00:00:00+00:00",
            "issuer": "R10",
            "reason": "",
            "remedy": "",
        }
    ]
    assert (found["public_healthy"], found["healthy"]) == (True, True)
    for key in found:
        assert str(key) in str(EnvironmentStatus.as_json.__doc__)


def test_the_table_has_a_row_for_each_name_and_the_reason_below(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Console(highlight=False, width=200, record=True)
    monkeypatch.setattr(console, "out", wide)
    console.out.print(one(environment(host_status(HOST, Answer(("192.0.2.7",)), ADDRESS, FAILING))))
    shown = wide.export_text()
    assert "https://shop.example.test/" in shown
    assert "renewal fails until 2026-09-01" in shown
    assert f"{HOST.host}: {FAILING.reason} To mend it: set it" in shown


def test_everything_is_asked_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: str, __: str, ___: str) -> Answer:
        time.sleep(0.2)
        return Answer(("127.0.0.1",))

    monkeypatch.setattr(names, "ask", slow)
    monkeypatch.setattr(hosts, "read_certificates", lambda _, found, __: [CertificateState(host.host, "valid") for host in found])
    started = time.monotonic()
    found = read_hosts(settings)
    assert time.monotonic() - started < 0.6
    assert len(found) == 4
    assert all(host.good for host in found)


def test_a_cluster_that_does_not_answer_leaves_the_certificates_unknown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> list[CertificateState]:
        raise PlatformError("The cluster did not answer.", remedy="./hs doctor")

    monkeypatch.setattr(names, "ask", lambda *_: Answer(("127.0.0.1",)))
    monkeypatch.setattr(hosts, "read_certificates", silent)
    assert {host.certificate for host in read_hosts(settings)} == {"unknown"}
    assert "The cluster did not answer." in read_hosts(settings)[0].reason


def test_every_route_says_what_it_leads_to(settings: Settings) -> None:
    found = {row["url"]: (row["kind"], row["leads_to"]) for row in targets(settings.catalogue, require_hosts(settings))}
    assert found["https://shop.highstreet.localhost/"] == ("ui", "shop")
    assert found["https://hooks.highstreet.localhost/webhooks/stripe"] == ("webhook", "payments-api (events of stripe)")


def test_an_environment_that_is_not_public_has_no_names(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.environment is not None
    monkeypatch.setattr(settings.environment, "__dict__", settings.environment.__dict__ | {"public": None})
    assert read_hosts(settings) == []
    with pytest.raises(InputError, match="kind is not public"):
        require_hosts(settings)
