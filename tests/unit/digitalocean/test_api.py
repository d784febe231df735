"""The API answers as DigitalOcean's does: shapes, pages, filters, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.digitalocean.server import running
from tests.unit.digitalocean.conftest import RECORDS, TOKEN, ZONE, client_of

Add = Callable[..., dict[str, Any]]


def test_a_new_domain_has_its_soa_and_nameservers_and_its_address(api: httpx.Client) -> None:
    made = api.post("/v2/domains", json={"name": "Example.com", "ip_address": "203.0.113.7"})
    assert (made.status_code, made.json()) == (201, {"domain": {"name": "example.com", "ttl": 1800, "zone_file": None}})
    records = api.get("/v2/domains/example.com/records").json()["domain_records"]
    nameservers = [("NS", "@", f"ns{number}.digitalocean.com") for number in (1, 2, 3)]
    assert [(record["type"], record["name"], record["data"]) for record in records] == [
        ("SOA", "@", "1800"),
        *nameservers,
        ("A", "@", "203.0.113.7"),
    ]
    text = api.get("/v2/domains/example.com").json()["domain"]["zone_file"]
    assert "$ORIGIN example.com.\n$TTL 1800\nexample.com. IN SOA ns1.digitalocean.com. hostmaster.example.com. " in text
    assert "example.com. 1800 IN A 203.0.113.7\n" in text


def test_domains_are_listed_and_removed_with_their_records(api: httpx.Client) -> None:
    listed = api.get("/v2/domains").json()
    assert [domain["name"] for domain in listed["domains"]] == [ZONE]
    assert (listed["links"], listed["meta"]) == ({}, {"total": 1})
    removed = api.delete(f"/v2/domains/{ZONE}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert [api.get(path).status_code for path in (f"/v2/domains/{ZONE}", RECORDS)] == [404, 404]


def test_a_record_is_read_changed_and_removed_by_its_id(api: httpx.Client, add: Add) -> None:
    record = add("A", "shop", "203.0.113.7", ttl=300, priority=0, port=0, weight=0, flags=0, tag="")
    nothing = {"priority": None, "port": None, "weight": None, "flags": None, "tag": None}
    assert record == {"id": record["id"], "type": "A", "name": "shop", "data": "203.0.113.7", "ttl": 300, **nothing}
    assert type(record["id"]) is int
    path = f"{RECORDS}/{record['id']}"
    assert api.get(path).json() == {"domain_record": record}
    for method, body, expected in (
        ("PUT", {"data": "203.0.113.8", "name": "shop", "ttl": 60, "priority": 0}, record | {"data": "203.0.113.8", "ttl": 60}),
        ("PATCH", {"name": "shops"}, record | {"data": "203.0.113.8", "ttl": 60, "name": "shops"}),
    ):
        changed = api.request(method, path, json=body)
        assert (changed.status_code, changed.json()) == (200, {"domain_record": expected})
        assert api.get(path).json() == {"domain_record": expected}
    assert api.delete(path).status_code == 204
    assert [api.request(method, path, json={}).status_code for method in ("GET", "PUT", "PATCH", "DELETE")] == [404] * 4


@pytest.mark.parametrize(
    ("sent", "given"),
    [
        ({"type": "CNAME", "data": f"shop.{ZONE}."}, {"data": f"shop.{ZONE}", "priority": None}),
        ({"type": "CNAME", "data": "@"}, {"data": "@"}),
        ({"type": "MX", "data": "mail.example.com.", "priority": 10}, {"data": "mail.example.com", "priority": 10, "port": None}),
        ({"type": "NS", "data": "ns1.example.com."}, {"data": "ns1.example.com"}),
        ({"type": "AAAA", "data": "2001:DB8:0::1"}, {"data": "2001:db8::1"}),
        ({"type": "CAA", "data": "mailto:ops@example.com", "tag": "iodef", "flags": 0}, {"data": "mailto:ops@example.com"}),
        ({"type": "CAA", "data": "letsencrypt.org.", "tag": "issue", "flags": 0}, {"data": "letsencrypt.org", "tag": "issue", "flags": 0}),
        (
            {"type": "SRV", "data": "sip.example.com.", "priority": 1, "weight": 2, "port": 5060},
            {"data": "sip.example.com", "priority": 1, "weight": 2, "port": 5060, "flags": None},
        ),
        ({"type": "TXT", "data": "Say \"hello\" \\ 'é'"}, {"data": "Say \"hello\" \\ 'é'", "ttl": 1800}),
    ],
)
def test_each_type_comes_back_as_it_was_meant(api: httpx.Client, add: Add, sent: dict[str, Any], given: dict[str, Any]) -> None:
    record = add(name="x", kind=sent["type"], **{key: value for key, value in sent.items() if key != "type"})
    assert given.items() <= record.items()
    again = api.put(f"{RECORDS}/{record['id']}", json={"ttl": 90})
    assert again.json()["domain_record"] == record | {"ttl": 90}, "a change of one field leaves the others"


def test_records_of_one_name_and_type_share_their_ttl(api: httpx.Client, add: Add) -> None:
    for last, ttl in ((1, 300), (2, 60)):
        add("A", "shop", f"203.0.113.{last}", ttl=ttl)
    found = api.get(RECORDS, params={"type": "A", "name": f"shop.{ZONE}"}).json()["domain_records"]
    assert [(record["data"], record["ttl"]) for record in found] == [("203.0.113.1", 60), ("203.0.113.2", 60)]


def test_records_are_found_by_their_type_and_by_their_whole_name(api: httpx.Client, add: Add) -> None:
    for kind, name, data in (
        ("A", "shop", "203.0.113.1"),
        ("TXT", "shop", "text"),
        ("TXT", "_acme-challenge.shop", "key"),
        ("TXT", "@", "x"),
    ):
        add(kind, name, data)

    def found(**query: str) -> list[tuple[str, str]]:
        return [(record["type"], record["name"]) for record in api.get(RECORDS, params=query).json()["domain_records"]]

    assert found(name=f"shop.{ZONE}") == [("A", "shop"), ("TXT", "shop")]
    assert found(type="TXT") == [("TXT", "shop"), ("TXT", "_acme-challenge.shop"), ("TXT", "@")]
    assert found(type="TXT", name=ZONE) == [("TXT", "@")]
    assert found(name="shop") == [], "the filter is a whole name"


def test_more_than_a_page_is_read_page_by_page(api: httpx.Client, add: Add) -> None:
    ids = [add("TXT", "t", f"text {number}")["id"] for number in range(45)]
    url: str | None = f"{RECORDS}?type=TXT"
    pages = []
    while url:
        answer = api.get(url).json()
        assert answer["meta"] == {"total": 45}
        pages.append((len(answer["domain_records"]), sorted(answer["links"]["pages"])))
        assert [record["id"] for record in answer["domain_records"]] == ids[(len(pages) - 1) * 20 : len(pages) * 20]
        url = answer["links"]["pages"].get("next")
        assert url is None or url.startswith(str(api.base_url).rstrip("/") + RECORDS)
    assert pages == [(20, ["last", "next"]), (20, ["first", "last", "next", "prev"]), (5, ["first", "prev"])]


@pytest.mark.parametrize(("query", "count"), [("per_page=7&page=7", 6), ("per_page=200", 48), ("per_page=900", 48), ("page=4", 0)])
def test_a_page_has_the_size_that_is_asked_for_up_to_200(api: httpx.Client, add: Add, query: str, count: int) -> None:
    for number in range(44):
        add("TXT", "t", f"text {number}")
    assert len(api.get(f"{RECORDS}?{query}").json()["domain_records"]) == count


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "A", "name": "x", "data": "300.1.2.3"}, "IP address '300.1.2.3' did not match IPv4 format (e.g. 127.0.0.1)"),
        ({"type": "A", "name": "x", "data": "::1"}, "IP address '::1' did not match IPv4 format (e.g. 127.0.0.1)"),
        ({"type": "AAAA", "name": "x", "data": "127.0.0.1"}, "IP address '127.0.0.1' did not match IPv6 format (e.g. ::1)"),
        ({"type": "CNAME", "name": "x", "data": "shop.example.com"}, "Data needs to end with a dot (.)"),
        ({"type": "CNAME", "name": "@", "data": "shop.example.com."}, "CNAME records cannot share a name with other records"),
        ({"type": "CNAME", "name": "taken", "data": "shop.example.com."}, "CNAME records cannot share a name with other records"),
        ({"type": "A", "name": "alias", "data": "203.0.113.1"}, "A records cannot share a name with a CNAME record"),
        ({"type": "A", "data": "203.0.113.1"}, "Name can't be blank"),
        ({"type": "A", "name": "", "data": "203.0.113.1"}, "Name can't be blank"),
        ({"type": "A", "name": "x"}, "Data can't be blank"),
        ({"type": "TXT", "name": "x", "data": ""}, "Data can't be blank"),
        ({"type": "TXT", "name": "x", "data": "x" * 4097}, "Data is longer than 4096 characters"),
        ({"name": "x", "data": "y"}, "Type can't be blank"),
        ({"type": "PTR", "name": "x", "data": "y"}, "Type 'PTR' is not one of A, AAAA, CAA, CNAME, MX, NS, SOA, SRV, TXT"),
        ({"type": "SOA", "name": "@", "data": "1800"}, "SOA records are made with their domain and cannot be added"),
        ({"type": "A", "name": "x", "data": "203.0.113.1", "ttl": 29}, "TTL must be at least 30 seconds"),
        ({"type": "A", "name": "x", "data": "203.0.113.1", "ttl": "60"}, "TTL must be a whole number from 0 to 2147483647"),
        ({"type": "A", "name": "x", "data": "203.0.113.1", "ttl": False}, "TTL must be a whole number from 0 to 2147483647"),
        ({"type": "A", "name": "x.example.com.", "data": "203.0.113.1"}, f"Name 'x.example.com.' is not in the domain {ZONE}"),
        ({"type": "A", "name": "a b", "data": "203.0.113.1"}, "Name 'a b' is not a valid host name (e.g. www)"),
        ({"type": "MX", "name": "@", "data": "mail.example.com."}, "Priority can't be blank"),
        ({"type": "AAAA", "name": "x", "data": "fe80::1%eth0"}, "IP address 'fe80::1%eth0' did not match IPv6 format (e.g. ::1)"),
        ({"type": "CAA", "name": "@", "data": "x.org", "flags": 0, "tag": "issue"}, "Data needs to end with a dot (.)"),
        ({"type": "CAA", "name": "@", "data": "x.org.", "flags": 0}, "Tag must be one of issue, issuewild, iodef"),
    ],
)
def test_what_cannot_be_a_record_is_refused_with_the_reason(api: httpx.Client, add: Add, body: dict[str, Any], message: str) -> None:
    add("A", "taken", "203.0.113.1")
    add("CNAME", "alias", "shop.example.com.")
    refused = api.post(RECORDS, json=body)
    assert (refused.status_code, refused.json()["id"], refused.json()["message"]) == (422, "unprocessable_entity", message)
    assert api.get(RECORDS).json()["meta"]["total"] == 6


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": ZONE.upper()}, f"Name {ZONE} already exists"),
        ({}, "Name can't be blank"),
        ({"name": "localhost"}, "Name 'localhost' is not a valid domain name (e.g. example.com)"),
        ({"name": "example.com", "ip_address": "x"}, "IP address 'x' did not match IPv4 format (e.g. 127.0.0.1)"),
    ],
)
def test_what_cannot_be_a_domain_is_refused_with_the_reason(api: httpx.Client, body: dict[str, Any], message: str) -> None:
    refused = api.post("/v2/domains", json=body)
    assert (refused.status_code, refused.json()["message"]) == (422, message)
    assert api.get("/v2/domains").json()["meta"] == {"total": 1}


def test_a_refused_change_leaves_the_record_as_it_was(api: httpx.Client, add: Add) -> None:
    record = add("A", "shop", "203.0.113.7")
    path = f"{RECORDS}/{record['id']}"
    assert api.put(path, json={"data": "x"}).status_code == 422
    assert api.get(path).json() == {"domain_record": record}


def test_the_soa_record_keeps_all_but_its_ttl_and_cannot_be_removed(api: httpx.Client) -> None:
    soa = api.get(RECORDS, params={"type": "SOA"}).json()["domain_records"][0]
    path = f"{RECORDS}/{soa['id']}"
    assert api.put(path, json={"ttl": 3600, "priority": 0}).json() == {"domain_record": soa | {"ttl": 3600, "data": "3600"}}
    assert api.put(path, json={"data": "7"}).status_code == 422
    assert api.delete(path).status_code == 422


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_let_in_without_the_token(api: httpx.Client, method: str, header: str | None) -> None:
    with httpx.Client(base_url=api.base_url, trust_env=False) as stranger:
        headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
        refused = stranger.request(method, "/v2/domains", headers=headers, json={"name": "example.com"})
    assert (refused.status_code, refused.json()["id"]) == (401, "unauthorized")
    assert api.get("/v2/domains").json()["meta"] == {"total": 1}


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/domains/{ZONE}.",
        f"/v2/domains/{ZONE}./records",
        f"{RECORDS}/{'9' * 5000}",
        "/v2/domains/example.com",
        "/v2/domains/example.com/records",
        f"{RECORDS}/1",
        f"{RECORDS}/x",
        "/v2/droplets",
    ],
)
def test_what_is_not_there_is_not_found(api: httpx.Client, path: str) -> None:
    missing = api.get(path)
    assert (missing.status_code, missing.json()["id"]) == (404, "not_found")


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"', "[" * 100_000])
def test_a_body_that_is_no_object_is_a_bad_request(api: httpx.Client, content: str) -> None:
    assert api.post(RECORDS, content=content).status_code == 400


def test_every_answer_counts_down_the_limit_and_has_an_id_of_its_own(api: httpx.Client) -> None:
    answers = [api.get("/v2/domains"), api.get("/v2/domains/example.com"), api.post(RECORDS, json={})]
    assert [answer.headers["ratelimit-limit"] for answer in answers] == ["5000"] * 3
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["4998", "4997", "4996"]
    assert all(int(answer.headers["ratelimit-reset"]) > 1_700_000_000 for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert [answer.json()["request_id"] for answer in answers[1:]] == [answer.headers["x-request-id"] for answer in answers[1:]]


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    with running(TOKEN, requests_per_hour=2) as server, client_of(server) as client:
        statuses = [client.get("/v2/domains").status_code for _ in range(2)]
        refused = client.get("/v2/domains")
    assert (statuses, refused.status_code, refused.json()["id"]) == ([200, 200], 429, "too_many_requests")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600


def test_a_server_that_starts_again_holds_what_it_held_and_gives_no_id_twice(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with running(TOKEN, state=state) as server, client_of(server) as client:
        client.post("/v2/domains", json={"name": ZONE}).raise_for_status()
        ids = [client.post(RECORDS, json={"type": "TXT", "name": "x", "data": "y"}).json()["domain_record"]["id"] for _ in range(2)]
        client.delete(f"{RECORDS}/{ids[1]}").raise_for_status()
        before = client.get(RECORDS).json()
    with running(TOKEN, state=state) as server, client_of(server) as client:
        assert client.get(RECORDS).json() == before
        assert client.post(RECORDS, json={"type": "TXT", "name": "x", "data": "y"}).json()["domain_record"]["id"] == ids[1] + 1
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
