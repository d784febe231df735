"""The DNS says what the API holds, at once, over UDP and TCP, and nothing about other zones."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import httpx
import pytest

from local.digitalocean.server import Server
from tests.unit.digitalocean.conftest import RECORDS, ZONE, Ask

Add = Callable[..., dict[str, Any]]


def answers(message: dns.message.Message) -> list[str]:
    """The answer section, a record a line, without its class."""
    return sorted(line.replace(" IN ", " ") for rrset in message.answer for line in rrset.to_text().splitlines())


def has(message: dns.message.Message, flag: int) -> bool:
    """Whether a message has a flag."""
    return bool(message.flags & flag)


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("kind", "data", "fields", "expected"),
    [
        ("A", "203.0.113.7", {}, "203.0.113.7"),
        ("AAAA", "2001:db8::1", {}, "2001:db8::1"),
        ("TXT", 'a "b" \\ é', {}, r'"a \"b\" \\ \195\169"'),
        ("CAA", "letsencrypt.org.", {"tag": "issue", "flags": 0}, '0 issue "letsencrypt.org"'),
        ("MX", "mail.example.com.", {"priority": 10}, "10 mail.example.com."),
        ("SRV", "@", {"priority": 1, "weight": 2, "port": 3}, f"1 2 3 {ZONE}."),
        ("CNAME", "www.example.com.", {}, "www.example.com."),
        ("NS", "ns.example.com.", {}, "ns.example.com."),
    ],
)
def test_each_type_is_answered(ask: Ask, add: Add, kind: str, data: str, fields: dict[str, Any], expected: str, tcp: bool) -> None:
    add(kind, "x", data, ttl=300, **fields)
    reply = ask(f"X.{ZONE}", kind, tcp=tcp)
    assert answers(reply) == [f"X.{ZONE}. 300 {kind} {expected}"], "as it was asked for"
    assert has(reply, dns.flags.AA)
    assert not has(reply, dns.flags.RA)


def test_the_zone_names_its_servers_and_is_believed_for_a_second_only(ask: Ask, add: Add) -> None:
    (soa,) = ask(ZONE, "SOA").answer
    assert (soa.ttl, soa[0].minimum, soa[0].mname.to_text()) == (1, 1, "ns1.digitalocean.com.")
    assert answers(ask(ZONE, "NS")) == [f"{ZONE}. 1800 NS ns{number}.digitalocean.com." for number in (1, 2, 3)]
    add("A", "x", "203.0.113.7")
    assert ask(ZONE, "SOA").answer[0][0].serial > soa[0].serial


def test_what_the_api_changes_the_dns_says_at_once(ask: Ask, add: Add, api: httpx.Client) -> None:
    name = f"_acme-challenge.shop.{ZONE}"
    assert ask(name, "TXT").rcode() == dns.rcode.NXDOMAIN
    number = add("TXT", f"{name}.", "key", priority=0, port=0, ttl=60)["id"]
    assert answers(ask(name, "TXT")) == [f'{name}. 60 TXT "key"']
    api.put(f"{RECORDS}/{number}", json={"data": "other"}).raise_for_status()
    assert answers(ask(name, "TXT")) == [f'{name}. 60 TXT "other"']
    api.delete(f"{RECORDS}/{number}").raise_for_status()
    assert ask(name, "TXT").rcode() == dns.rcode.NXDOMAIN
    api.delete(f"/v2/domains/{ZONE}").raise_for_status()
    assert ask(name, "TXT").rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        (f"nothing.{ZONE}", "A", dns.rcode.NXDOMAIN),
        (f"a.shop.{ZONE}", "A", dns.rcode.NXDOMAIN),
        (f"shop.{ZONE}", "AAAA", dns.rcode.NOERROR),
        (f"deep.{ZONE}", "A", dns.rcode.NOERROR),
        (f"to-nothing.{ZONE}", "A", dns.rcode.NXDOMAIN),
        (f"to-shop.{ZONE}", "TXT", dns.rcode.NOERROR),
    ],
)
def test_what_is_not_there_is_said_with_the_soa_record(ask: Ask, add: Add, name: str, kind: str, code: int) -> None:
    add("A", "shop", "203.0.113.7")
    add("A", "very.deep", "203.0.113.7")
    add("CNAME", "to-nothing", f"nothing.{ZONE}.")
    add("CNAME", "to-shop", f"shop.{ZONE}.")
    reply = ask(name, kind)
    assert reply.rcode() == code
    assert [rrset.to_text().split()[:4] for rrset in reply.authority] == [[f"{ZONE}.", "1", "IN", "SOA"]]
    assert has(reply, dns.flags.AA)


def test_aliases_are_followed_inside_the_zone_and_named_outside_it(ask: Ask, add: Add) -> None:
    add("A", "@", "203.0.113.7")
    add("CNAME", "www", "@")
    add("CNAME", "old", f"www.{ZONE}.")
    add("CNAME", "out", "www.example.com.")
    add("CNAME", "round", f"about.{ZONE}.")
    add("CNAME", "about", f"round.{ZONE}.")
    assert answers(ask(f"old.{ZONE}")) == [
        f"{ZONE}. 1800 A 203.0.113.7", f"old.{ZONE}. 1800 CNAME www.{ZONE}.", f"www.{ZONE}. 1800 CNAME {ZONE}.",
    ]  # fmt: skip
    assert answers(ask(f"out.{ZONE}")) == [f"out.{ZONE}. 1800 CNAME www.example.com."]
    assert len(answers(ask(f"round.{ZONE}"))) == 2
    assert answers(ask(f"old.{ZONE}", "CNAME")) == [f"old.{ZONE}. 1800 CNAME www.{ZONE}."]


def test_a_wildcard_stands_for_names_that_are_not_there(ask: Ask, add: Add) -> None:
    add("A", "*", "203.0.113.1")
    add("A", "shop", "203.0.113.2")
    assert answers(ask(f"any.{ZONE}")) == [f"any.{ZONE}. 1800 A 203.0.113.1"]
    assert answers(ask(f"very.any.{ZONE}")) == [f"very.any.{ZONE}. 1800 A 203.0.113.1"]
    assert answers(ask(f"shop.{ZONE}")) == [f"shop.{ZONE}. 1800 A 203.0.113.2"]
    assert ask(f"a.shop.{ZONE}").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", ["example.com", "localhost", f"x{ZONE}", "."])
def test_other_zones_are_refused(ask: Ask, name: str) -> None:
    reply = ask(name)
    assert (reply.rcode(), has(reply, dns.flags.AA), reply.authority) == (dns.rcode.REFUSED, False, [])


def test_the_longest_zone_answers_for_its_names(ask: Ask, add: Add, api: httpx.Client) -> None:
    add("A", "shop.inner", "203.0.113.1")
    api.post("/v2/domains", json={"name": f"inner.{ZONE}"}).raise_for_status()
    reply = ask(f"shop.inner.{ZONE}")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.authority[0].name.to_text() == f"inner.{ZONE}."


@pytest.mark.parametrize(("payload", "truncated"), [(None, True), (600, True), (1232, False)])
def test_what_is_too_long_for_udp_is_cut_and_comes_whole_over_tcp(ask: Ask, add: Add, payload: int | None, truncated: bool) -> None:
    for letter in "abc":
        add("TXT", "long", letter * 300)
    reply = ask(f"long.{ZONE}", "TXT", payload=payload)
    assert (has(reply, dns.flags.TC), len(answers(reply))) == (truncated, 0 if truncated else 3)
    whole = ask(f"long.{ZONE}", "TXT", tcp=True)
    assert {b"".join(rdata.strings) for rdata in whole.answer[0]} == {letter.encode() * 300 for letter in "abc"}
    assert not has(whole, dns.flags.TC)


def test_several_records_of_one_name_are_one_answer_and_twins_are_said_once(ask: Ask, add: Add) -> None:
    for data in ("203.0.113.1", "203.0.113.2", "203.0.113.2"):
        add("A", "shop", data)
    assert answers(ask(f"shop.{ZONE}")) == [f"shop.{ZONE}. 1800 A 203.0.113.{last}" for last in (1, 2)]


@pytest.mark.parametrize("query", [b"", b"x", b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\xff"])
def test_nonsense_does_not_stop_it(server: Server, ask: Ask, query: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(query, (server.dns_address, server.dns_port))
        if len(query) > 12:
            out.settimeout(5)
            assert out.recv(512) == b"\x12\x34\x80\x01" + bytes(8), "FORMERR"
    with socket.create_connection((server.dns_address, server.dns_port), timeout=5) as stream:
        stream.sendall(struct.pack(">H", len(query)) + query)
    assert ask(ZONE, "SOA").rcode() == dns.rcode.NOERROR


def test_updates_and_transfers_are_not_served(ask: Ask, server: Server) -> None:
    assert ask(ZONE, "AXFR", tcp=True).rcode() == dns.rcode.REFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(5)
        out.sendto(b"\x00\x01\x28\x00" + bytes(8), (server.dns_address, server.dns_port))
        assert out.recv(512)[3] & 0xF == dns.rcode.NOTIMP
