"""What nobody should send, a state file that is broken, and too many requests: each has an answer, and none does lasting harm."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.rcode
import httpx
import pytest

from local.digitalocean import names
from local.digitalocean.limits import Limits
from local.digitalocean.server import running
from local.digitalocean.store import StateError, Store
from tests.unit.digitalocean.conftest import RECORDS, TOKEN, ZONE, Ask, client_of

ROOT = Path(__file__).parents[3]
STARTS_SECONDS = 20


@pytest.mark.parametrize(
    "record", [{"type": "TXT"}, {"type": "CAA", "tag": "issue", "flags": 0}, {"type": "CAA", "tag": "iodef", "flags": 0}]
)
def test_half_a_surrogate_pair_is_refused_and_the_zone_stays_readable(api: httpx.Client, record: dict[str, Any]) -> None:
    refused = api.post(RECORDS, content=json.dumps({"name": "x", "data": "\ud800.", **record}))
    assert (refused.status_code, refused.json()["message"]) == (422, "Data is not valid Unicode")
    assert [api.get(path).status_code for path in ("/v2/domains", f"/v2/domains/{ZONE}")] == [200, 200]


def test_a_change_of_the_ttl_alone_keeps_a_target(api: httpx.Client, add: Callable[..., dict[str, Any]]) -> None:
    record = add("CNAME", "x", "www.example.com.")
    for method, ttl in (("PUT", 60), ("PATCH", 90)):
        changed = api.request(method, f"{RECORDS}/{record['id']}", json={"ttl": ttl})
        assert (changed.status_code, changed.json()["domain_record"]) == (200, record | {"ttl": ttl})


def test_a_charset_that_there_is_not_is_a_bad_request(api: httpx.Client) -> None:
    refused = api.post(RECORDS, content=b"{}", headers={"Content-Type": "application/json; charset=nope"})
    assert (refused.status_code, refused.json()["id"]) == (400, "bad_request")
    assert "ratelimit-remaining" in refused.headers


def test_what_goes_wrong_inside_has_the_form_of_an_error(api: httpx.Client, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(names, "rdata_text", broken)
    failed = api.get(f"/v2/domains/{ZONE}")
    assert (failed.status_code, failed.json()["id"], failed.json()["message"]) == (500, "server_error", "Server Error")
    assert failed.json()["request_id"] == failed.headers["x-request-id"]
    assert "ratelimit-remaining" in failed.headers
    assert [ask(ZONE, "NS", tcp=tcp).rcode() for tcp in (False, True)] == [dns.rcode.SERVFAIL] * 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", "\x00", '{"next_id": 1, "zones": {"example.com": {"serial": 1, "records": []}}}'),
        '{"next_id": 1, "zones": {"example.com": {"serial": 1, "records": [{"id": 1, "kind": "A"}]}}}',
    ],
)
def test_a_broken_state_file_is_named_in_one_line(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(StateError) as failure:
        Store(state)
    assert str(failure.value).startswith(f"The state file {state} cannot be read; mend it or remove it (")
    assert "\n" not in str(failure.value)
    assert state.read_text() == text


def test_the_burst_limit_holds_besides_that_of_an_hour() -> None:
    with running(TOKEN, requests_per_minute=2) as server, client_of(server) as client:
        answers = [client.get("/v2/domains") for _ in range(3)]
        stranger = httpx.get(f"{server.url}/v2/domains", headers={"Authorization": "Bearer other"}, trust_env=False)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["4999", "0", "0"]
    assert [answer.headers["ratelimit-limit"] for answer in answers] == ["5000"] * 3
    assert 55 <= int(answers[2].headers["retry-after"]) <= 60
    assert stranger.status_code == 401, "the limit is the token's"


def test_each_request_counts_for_a_minute_and_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    counted = Limits(per_hour=3, per_minute=2)
    said = []
    for now in (1000.0, 1030.0, 1031.0, 1060.0, 1095.0, 4600.0):  # noqa: B007 - the clock reads it
        said.append((counted.count(), counted.headers()["ratelimit-remaining"], counted.headers()["ratelimit-reset"]))
    assert said == [
        *((None, "2", "4600"), (None, "0", "4600"), (29, "0", "4600")),
        *((None, "0", "4600"), (3505, "0", "4600"), (None, "0", "4630")),
    ]


def test_limits_are_on_unless_told_otherwise() -> None:
    counted = Limits()
    assert [counted.count() for _ in range(250)] == [None] * 250
    assert counted.count() in (59, 60)


def program(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The emulator as a program of its own."""
    (folder / "token").write_text(f"{TOKEN}\n")
    command = [sys.executable, "-m", "local.digitalocean", "--address", "127.0.0.1", "--token-file", str(folder / "token"), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})


def test_the_program_ends_with_one_line_for_a_broken_state_file(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with program(tmp_path, "--state", str(tmp_path / "state.json"), "--http-port", "0", "--dns-port", "0") as started:
        (line,) = started.communicate(timeout=STARTS_SECONDS)[1].splitlines()
    assert started.returncode == 1
    assert str(tmp_path / "state.json") in line


def test_the_program_says_each_request_and_never_the_token(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with program(tmp_path, "--http-port", str(port), "--dns-port", "0") as started:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            client.get("/v2/domains", params={"page": "1"})
            client.get("/v2/domains/a%0Ab")
            client.get("/_emulator/health")
        started.send_signal(signal.SIGTERM)
        said = started.communicate(timeout=STARTS_SECONDS)[1]
    assert [line.split(" ", 2)[2] for line in said.splitlines()] == [
        "GET /v2/domains 200", "GET /v2/domains/a%0Ab 404", "GET /_emulator/health 200",
    ]  # fmt: skip
    assert TOKEN not in said
