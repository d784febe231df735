"""What a name server's answer means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from ops import names

ADDRESS = IPv4Address("192.0.2.7")
HOST = "shop.example.test"


def response(
    *records: tuple[str, str, str], kind: str = "A", rcode: dns.rcode.Rcode = dns.rcode.NOERROR, own: bool = True
) -> dns.message.Message:
    found = dns.message.make_response(dns.message.make_query(HOST, kind))
    found.set_rcode(rcode)
    found.flags = found.flags | dns.flags.AA if own else found.flags & ~dns.flags.AA
    found.answer = [dns.rrset.from_text(f"{name}.", 30, "IN", rdtype, value) for name, rdtype, value in records]
    return found


def problem(found: dns.message.Message) -> str:
    return names.address_problem(names.read(found, "ns1"), HOST, ADDRESS)


def test_exactly_the_expected_address_is_right() -> None:
    assert problem(response((HOST, "A", "192.0.2.7"))) == ""


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (response(), "has no A record; it should say 192.0.2.7"),
        (response(rcode=dns.rcode.NXDOMAIN), "has no A record"),
        (response((HOST, "A", "192.0.2.8")), "leads to 192.0.2.8; it should say 192.0.2.7 alone"),
        (response((HOST, "A", "192.0.2.7"), (HOST, "A", "192.0.2.9")), "leads to 192.0.2.7 and 192.0.2.9"),
        (response((HOST, "CNAME", "other.test."), ("other.test", "A", "192.0.2.7")), "is an alias (CNAME) of other.test"),
        (response((HOST, "A", "192.0.2.7"), own=False), "does not hold the zone itself"),
        (response(rcode=dns.rcode.REFUSED), "answers REFUSED: it does not know the zone"),
    ],
)
def test_anything_else_is_told(answered: dns.message.Message, words: str) -> None:
    assert words in problem(answered)


def test_a_challenge_s_record_is_compared_with_what_proves_it() -> None:
    found = names.read(response((HOST, "TXT", '"proof"'), kind="TXT"), "ns1")
    assert found.records == ("proof",)
    assert names.challenge_words(found, "_acme-challenge.x", "proof") == "the record _acme-challenge.x is there"
    assert "says something else" in names.challenge_words(found, "_acme-challenge.x", "other")
    assert "there is no record" in names.challenge_words(names.Answer(), "_acme-challenge.x", "proof")


@pytest.fixture
def nameserver() -> Iterator[str]:
    """A name server that knows one name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        query, sender = server.recvfrom(4096)
        answer = response((HOST, "A", "192.0.2.7"))
        answer.id = dns.message.from_wire(query).id
        server.sendto(answer.to_wire(), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    thread.join(timeout=5)
    server.close()


def test_a_server_is_asked_at_its_port(nameserver: str) -> None:
    assert names.ask(nameserver, HOST, "A") == names.Answer(("192.0.2.7",))


def test_a_server_that_is_not_there_is_told_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "TIMEOUT_SECONDS", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert "does not answer" in names.ask(f"127.0.0.1:{silent.getsockname()[1]}", HOST, "A").problem


def test_a_server_is_given_with_and_without_its_port() -> None:
    assert names.server_and_port("ns1.digitalocean.com") == ("ns1.digitalocean.com", 53)
    assert names.server_and_port("172.30.0.12:5353") == ("172.30.0.12", 5353)
