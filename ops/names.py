"""What the zones' own name server says of a name: asked directly, without the caches between it and a browser."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

PORT = 53
TIMEOUT_SECONDS = 3.0
RecordType = Literal["A", "TXT", "NS"]


@dataclass(frozen=True)
class Answer:
    """What a name server said: the records' values, or why it said nothing useful."""

    records: tuple[str, ...] = ()
    alias: str = ""
    """The name that this one is an alias (CNAME) of; empty for most."""
    problem: str = ""


def ask(nameserver: str, name: str, kind: RecordType) -> Answer:
    """The records of ``name`` as ``nameserver`` (a name or an address, with a port where it is not 53) gives them; never raises."""
    server, port = server_and_port(nameserver)
    query = dns.message.make_query(name, kind)
    query.flags &= ~dns.flags.RD  # an authoritative server answers from its own zones
    try:
        response, _ = dns.query.udp_with_fallback(query, _address(server), timeout=TIMEOUT_SECONDS, port=port)
    except socket.gaierror:
        return Answer(problem=f"the name server {server} has no address")
    except dns.exception.Timeout:
        return Answer(problem=f"the name server {nameserver} does not answer within {TIMEOUT_SECONDS:.0f} s")
    except (OSError, dns.exception.DNSException) as error:
        return Answer(problem=f"the name server {nameserver} cannot be asked: {error}")
    return read(response, nameserver)


def server_and_port(nameserver: str) -> tuple[str, int]:
    """A name server's name or address, and its port."""
    server, colon, port = nameserver.rpartition(":")
    return (server, int(port)) if colon and port.isdigit() else (nameserver, PORT)


def _address(server: str) -> str:
    try:
        return str(ip_address(server))
    except ValueError:
        return str(socket.getaddrinfo(server, PORT, type=socket.SOCK_DGRAM)[0][4][0])


def read(response: dns.message.Message, nameserver: str) -> Answer:
    """A response as an Answer. A name that does not exist has no records; that is an answer and no problem."""
    if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(problem=f"the name server {nameserver} answers {dns.rcode.to_text(response.rcode())}: it does not know the zone")
    if not response.flags & dns.flags.AA:
        return Answer(problem=f"the name server {nameserver} does not hold the zone itself")
    [question] = response.question
    records: list[str] = []
    alias = ""
    for rrset in response.answer:
        if rrset.rdtype == question.rdtype:
            records += [_value(record) for record in rrset]
        elif rrset.rdtype == dns.rdatatype.CNAME and rrset.name == question.name:
            alias = str(rrset[0].target).rstrip(".")
    return Answer(tuple(sorted(records)), alias)


def _value(record: dns.rdata.Rdata) -> str:
    strings = getattr(record, "strings", None)
    return b"".join(strings).decode(errors="replace") if strings is not None else record.to_text().rstrip(".")


def address_problem(answer: Answer, host: str, expected: IPv4Address) -> str:
    """What is wrong with a host's A record; empty when it says exactly the expected address."""
    if answer.problem:
        return answer.problem
    if answer.alias:
        return f"{host} is an alias (CNAME) of {answer.alias} instead of {expected}"
    if not answer.records:
        return f"{host} has no A record; it should say {expected}"
    if answer.records != (str(expected),):
        return f"{host} leads to {' and '.join(answer.records)}; it should say {expected} alone"
    return ""


def challenge_words(answer: Answer, name: str, expected: str) -> str:
    """Whether a challenge's TXT record is there, as the end of a sentence; ``expected`` is the value that proves the ownership."""
    if answer.problem:
        return answer.problem
    if expected and expected in answer.records:
        return f"the record {name} is there"
    return f"the record {name} says something else" if answer.records else f"there is no record {name}"


__all__ = ["Answer", "RecordType", "address_problem", "ask", "challenge_words", "read", "server_and_port"]
