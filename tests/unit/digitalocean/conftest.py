"""Fixtures of the DigitalOcean emulator's tests: a server of its own on loopback ports, and clients of its API and its DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.message
import dns.query
import httpx
import pytest

from local.digitalocean.server import Server, running

TOKEN = "the-token"
ZONE = "highstreet.localhost"
RECORDS = f"/v2/domains/{ZONE}/records"
Ask = Callable[..., dns.message.Message]


def client_of(server: Server) -> httpx.Client:
    """A client of the API with the right token."""
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, trust_env=False, timeout=5)


def ask_of(server: Server) -> Ask:
    """How to ask the server's DNS for a name and a type."""

    def ask(name: str, kind: str = "A", *, tcp: bool = False, payload: int | None = None) -> dns.message.Message:
        query = dns.message.make_query(name, kind, payload=payload)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, server.dns_address, port=server.dns_port, timeout=5)

    return ask


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that holds nothing."""
    with running(TOKEN) as server:
        yield server


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    """A client of a server that holds the zone."""
    with client_of(server) as client:
        client.post("/v2/domains", json={"name": ZONE}).raise_for_status()
        yield client


@pytest.fixture
def ask(server: Server, api: httpx.Client) -> Ask:
    """How to ask the DNS of the server that holds the zone."""
    assert api.base_url.port is not None
    return ask_of(server)


@pytest.fixture
def add(api: httpx.Client) -> Callable[..., dict[str, object]]:
    """Add a record to the zone and return it as the API gives it."""

    def add(kind: str, name: str, data: str, **fields: object) -> dict[str, object]:
        answer = api.post(RECORDS, json={"type": kind, "name": name, "data": data, **fields})
        assert answer.status_code == 201, answer.text
        record: dict[str, object] = answer.json()["domain_record"]
        return record

    return add
