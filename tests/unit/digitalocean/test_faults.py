"""The emulator fails as it is told, says what it was asked, and answers neither of these on its HTTPS port."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.certificates import server_certificate
from local.digitalocean.server import running, tls_context
from local.estate import Estate, EstateFile
from tests.unit.digitalocean.conftest import RECORDS, TOKEN, ZONE, client_of

FAULTS, REQUESTS = "/_emulator/faults", "/_emulator/requests"
RECORD = {"type": "A", "name": "shop", "data": "203.0.113.7"}


def fail(api: httpx.Client, **fault: Any) -> None:
    """Tell the emulator to fail."""
    assert api.post(FAULTS, json=fault).status_code == 201


@pytest.mark.parametrize(
    ("status", "name"),
    [(401, "unauthorized"), (404, "not_found"), (422, "unprocessable_entity"), (500, "server_error"), (502, "server_error")],
)
def test_it_fails_as_often_as_it_is_told_and_does_nothing(api: httpx.Client, status: int, name: str) -> None:
    fail(api, status=status, times=2)
    answers = [api.post(RECORDS, json=RECORD) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 201]
    assert answers[0].json()["id"] == name
    assert answers[0].json()["request_id"] == answers[0].headers["x-request-id"]
    assert "ratelimit-remaining" in answers[0].headers
    assert api.get(RECORDS).json()["meta"]["total"] == 5


@pytest.mark.parametrize(("given", "said"), [({"retry_after_seconds": 7}, "7"), ({"retry_after_seconds": 0}, "0"), ({}, "1")])
def test_too_many_requests_say_when_to_come_back(api: httpx.Client, given: dict[str, int], said: str) -> None:
    fail(api, status=429, **given)
    refused = api.get(RECORDS)
    assert (refused.status_code, refused.json()["id"], refused.headers["retry-after"]) == (429, "too_many_requests", said)
    assert api.get(RECORDS).status_code == 200


def test_only_the_method_and_the_path_that_are_meant_fail(api: httpx.Client) -> None:
    fail(api, method="POST", path="/v2/domains/*/records", status=503)
    assert api.get(RECORDS).status_code == 200
    assert api.post("/v2/domains", json={"name": "example.com"}).status_code == 201
    assert api.post(RECORDS, json=RECORD).status_code == 503


def test_a_late_answer_is_still_the_answer(api: httpx.Client) -> None:
    fail(api, delay_seconds=0.2)
    started = time.monotonic()
    assert api.post(RECORDS, json=RECORD).status_code == 201
    assert time.monotonic() - started >= 0.2


def test_the_work_is_done_although_no_answer_comes(api: httpx.Client) -> None:
    fail(api, method="POST", after_effect=True, status=500)
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        api.post(RECORDS, json=RECORD)
    found = api.get(RECORDS, params={"type": "A"}).json()["domain_records"]
    assert [record["data"] for record in found] == ["203.0.113.7"]
    assert [entry["status"] for entry in api.get(REQUESTS).json()][-2:] == [None, 200]


def test_failures_that_were_not_needed_are_forgotten(api: httpx.Client) -> None:
    fail(api, status=500, times=5)
    assert api.get(FAULTS).json()[0]["times"] == 5
    assert api.delete(FAULTS).status_code == 204
    assert api.get(FAULTS).json() == []
    assert api.get(RECORDS).status_code == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"stauts": 500}, "stauts is none of method, path, status, times, retry_after_seconds, delay_seconds, after_effect"),
        ({"status": "500"}, "status cannot be '500'"),
        ({"status": True}, "status cannot be True"),
        ({"status": 429, "retry_after_seconds": -1}, "retry_after_seconds is at least 0"),
        ({"status": 500, "times": 0}, "times is at least 1"),
        ({}, "one of status, delay_seconds and after_effect says what happens"),
    ],
)
def test_a_failure_that_means_nothing_is_refused(api: httpx.Client, fault: dict[str, Any], message: str) -> None:
    refused = api.post(FAULTS, json=fault)
    assert (refused.status_code, refused.json()["message"][: len(message)]) == (422, message)


def test_it_says_what_it_was_asked(api: httpx.Client) -> None:
    api.delete(REQUESTS)
    api.get(RECORDS, params={"type": "A"})
    api.delete("/v2/domains/example.com")
    entries = api.get(REQUESTS).json()
    times = [datetime.fromisoformat(entry.pop("time")) for entry in entries]
    assert times == sorted(times)
    assert timedelta(0) <= datetime.now(UTC) - times[0] < timedelta(minutes=1)
    assert entries == [
        {"method": "GET", "path": RECORDS, "status": 200, "scheme": "http"},
        {"method": "DELETE", "path": "/v2/domains/example.com", "status": 404, "scheme": "http"},
    ]


def test_its_health_needs_no_token(api: httpx.Client) -> None:
    assert httpx.get(f"{str(api.base_url).rstrip('/')}/_emulator/health", trust_env=False).json() == {"status": "ok", "zones": 1}


def test_https_is_the_api_alone_under_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HS_DATA", str(tmp_path))
    estate = Estate(EstateFile(name="trial", subnet=IPv4Network("127.0.0.0/24")))
    tls = tls_context(*server_certificate(estate, tmp_path / "tls", ["api.digitalocean.com"], []))
    trust = ssl.create_default_context(cafile=estate.secrets.ca_certificate)
    as_named = {"sni_hostname": "api.digitalocean.com"}
    with running(TOKEN, tls=tls) as server, client_of(server) as plain:
        plain.post("/v2/domains", json={"name": ZONE}).raise_for_status()
        fail(plain, path="/v2/domains", status=503)
        with httpx.Client(base_url=server.https_url or "", headers=plain.headers, trust_env=False, verify=trust) as secured:
            assert secured.get("/v2/domains", extensions=as_named).status_code == 503, "a failure holds for both ports"
            assert secured.get("/v2/domains", extensions=as_named).json()["meta"] == {"total": 1}
            own = [secured.request(method, path, extensions=as_named).status_code for method, path in
                   (("GET", REQUESTS), ("POST", FAULTS), ("DELETE", FAULTS), ("GET", "/_emulator/health"))]  # fmt: skip
    assert own == [404] * 4
