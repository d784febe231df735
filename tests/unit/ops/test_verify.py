"""`./hs verify` as a whole, with the world replaced by answers."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ops import names, probes, verify
from ops.certificates import CertificateState, Served
from ops.errors import InputError
from ops.names import Answer
from ops.probes import Check, Handshake
from settings import Settings

ADDRESS = "127.0.0.1"
GOOD_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


class World:
    """What is outside: DNS, certificates and the services, each of which can be made to fail."""

    def __init__(self) -> None:
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.issuer = "Test Root"
        self.becomes_good_after = 0
        self.handshakes = 0
        self.placed: list[dict[str, Any]] = []
        self.delivers_after: int | None = 2
        self.reads = 0

    def ask(self, _: str, host: str, __: str) -> Answer:
        return Answer(self.addresses.get(host, (ADDRESS,)))

    def shake_hands(self, _: str, __: int, host: str, ___: ssl.SSLContext) -> Handshake:
        self.handshakes += 1
        issuer = self.issuer if self.handshakes > self.becomes_good_after else probes.DEFAULT_CERTIFICATE
        now = datetime.now(UTC)
        return Handshake("TLSv1.3", Served(issuer, now + timedelta(days=80), now - timedelta(days=10), (host,)))

    def request(self, method: str, url: str, address: str, _: ssl.SSLContext, json: Any = None) -> httpx.Response:
        assert address == ADDRESS
        if url.startswith("http:"):
            return httpx.Response(308, headers={"location": url.replace("http:", "https:")})
        if method == "POST":
            self.placed.append({"url": url, "body": json})
            return httpx.Response(202, json={"event_id": json["id"]})
        if "read-model" in url:
            self.reads += 1
            there = self.delivers_after is not None and self.reads > self.delivers_after
            return httpx.Response(200, json=[{"id": self.placed[-1]["body"]["id"]}] if there else [])
        return httpx.Response(405 if "hooks" in url else 200, headers=GOOD_HEADERS)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which all is well."""
    found = World()
    monkeypatch.setattr(names, "ask", found.ask)
    monkeypatch.setattr(probes, "shake_hands", found.shake_hands)
    monkeypatch.setattr(probes, "old_version_taken", lambda *_: "")
    monkeypatch.setattr(probes, "request", found.request)
    monkeypatch.setattr(probes, "trust", lambda *_: ssl.create_default_context())
    monkeypatch.setattr(verify, "read_certificates", lambda *_: [])
    monkeypatch.setattr(verify, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(verify, "JOURNEY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(verify, "JOURNEY_SECONDS", 0.2)
    return found


def failed(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.host.partition(".")[0], check.name) for check in checks if not check.ok]


@pytest.mark.usefixtures("world")
def test_a_good_environment_passes_and_every_host_is_looked_at(settings: Settings) -> None:
    checks = verify.verify(settings, wait_seconds=0)
    assert failed(checks) == []
    assert {check.host.partition(".")[0] for check in checks} == {"shop", "dashboard", "operator", "hooks", ""}
    assert {"DNS", "certificate", "TLS version", "HTTP", "HTTPS /", "headers"} <= {check.name for check in checks}


def test_the_order_says_that_it_is_a_check_and_costs_nothing(world: World, settings: Settings) -> None:
    verify.verify(settings, wait_seconds=0)
    verify.verify(settings, wait_seconds=0)
    first, second = (placed["body"] for placed in world.placed)
    assert world.placed[0]["url"] == "https://shop.highstreet.localhost/api/orders/commands"
    assert first["data"]["customer"]["name"] == "platform-verify"
    assert first["data"]["total_cents"] == 0
    assert first["id"] != second["id"]


def test_an_order_that_never_arrives_fails_with_what_lacks_it(world: World, settings: Settings) -> None:
    world.delivers_after = None
    checks = verify.verify(settings, wait_seconds=0)
    assert failed(checks) == [("", "an order from shop to dashboard")]
    assert "payments/read-model lack it" in checks[-1].seen
    assert checks[-1].remedy == "./hs logs payments-receiver"


def test_certificates_that_come_while_it_waits_are_good(world: World, settings: Settings) -> None:
    world.becomes_good_after = 6
    assert failed(verify.verify(settings, wait_seconds=5)) == []


def test_certificates_that_do_not_come_fail_with_the_cluster_s_reason(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.becomes_good_after = 10_000
    reason = CertificateState("shop.highstreet.localhost", "issuing", reason="The token is refused.", remedy="set it")
    monkeypatch.setattr(verify, "read_certificates", lambda *_: [reason])
    checks = verify.verify(settings, wait_seconds=0)
    assert ("shop", "certificate") in failed(checks)
    [check] = [check for check in checks if (check.host, check.name) == ("shop.highstreet.localhost", "certificate")]
    assert check.remedy == "The token is refused. set it"
    assert ("", "an order from shop to dashboard") in failed(checks)
    assert world.placed == [], "nothing is sent where the certificate does not hold"


def test_a_name_that_leads_elsewhere_fails_alone(world: World, settings: Settings) -> None:
    world.addresses["operator.highstreet.localhost"] = ()
    assert failed(verify.verify(settings, wait_seconds=0)) == [("operator", "DNS"), ("operator", "certificate"), ("operator", "HTTPS")]


def test_an_environment_that_is_not_public_is_refused(settings: Settings) -> None:
    import dataclasses

    assert settings.environment is not None
    private = dataclasses.replace(settings, environment=settings.environment.model_copy(update={"public": None}))
    with pytest.raises(InputError, match="kind is not public"):
        verify.verify(private)


def test_the_dashboard_s_own_contexts_are_waited_for(settings: Settings) -> None:
    assert verify.shown_contexts(settings.catalogue) == ["payments"]


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(503, json=[{"id": "1"}]), httpx.Response(200, json=[])]
)
def test_only_a_row_with_the_event_is_an_arrival(answer: httpx.Response) -> None:
    assert not verify.knows(answer, "1")
    assert verify.knows(httpx.Response(200, json=[{"id": "1"}]), "1")


def test_the_json_and_the_lines_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [Check("a.test", "DNS", True, "leads to 127.0.0.1"), Check("a.test", "HTTP", False, "answers 200", "./hs up")]
    document = verify.as_document("kind", checks)
    assert json.loads(json.dumps(document)) == document
    assert document["ok"] is False
    verify.show_checks("kind", checks)
    printed = capsys.readouterr().out
    assert "✓ DNS: leads to 127.0.0.1" in printed
    assert "✗ HTTP: answers 200" in printed
    assert "to mend it: ./hs up" in printed
    assert "kind: 1 of 2 checks failed" in printed
