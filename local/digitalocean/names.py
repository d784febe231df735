"""The authoritative DNS server of the zones that the emulator holds, over UDP and TCP."""

from __future__ import annotations

import asyncio
import logging
import struct
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from local.digitalocean.records import APEX, Record
from local.digitalocean.store import NAMESERVERS, Store, Zone

SOA_SECONDS = 1
"""TTL and minimum of the SOA record: a resolver may believe for no longer that a name is not there."""
REFRESH, RETRY, EXPIRE = 10_800, 3_600, 604_800  # DigitalOcean's own, in seconds
UDP_BYTES = 512  # RFC 1035, section 2.3.4: without EDNS
MOST_UDP_BYTES = 1232  # https://www.dnsflagday.net/2020/: what passes without fragments
MOST_TCP_BYTES = 65_535
TXT_BYTES = 255  # of one string; RFC 1035, section 3.3
TCP_IDLE_SECONDS = 5
MOST_ALIASES = 16
LOG = logging.getLogger(__name__)


def answer(store: Store, query: bytes, *, tcp: bool) -> bytes | None:
    """The answer to a message as bytes; None where none can be given, SERVFAIL for what goes wrong here."""
    try:
        asked = dns.message.from_wire(query)
        if asked.flags & dns.flags.QR:
            return None
    except dns.exception.DNSException:
        return _malformed(query)
    try:
        return _answer(store, asked, tcp)
    except Exception:  # whatever it is: nobody shall wait for an answer that never comes
        LOG.exception("A DNS query could not be answered.")
        failed = dns.message.make_response(asked)
        failed.set_rcode(dns.rcode.SERVFAIL)
        return failed.to_wire()


def _answer(store: Store, asked: dns.message.Message, tcp: bool) -> bytes:
    """An answer that is too long for UDP comes empty, with the TC bit."""
    response = dns.message.make_response(asked)
    _fill(store, asked, response)
    most = MOST_TCP_BYTES if tcp else max(UDP_BYTES, min(asked.payload, MOST_UDP_BYTES) if asked.edns >= 0 else UDP_BYTES)
    try:
        return response.to_wire(max_size=most)
    except dns.exception.TooBig:
        short = dns.message.make_response(asked)
        short.flags |= dns.flags.TC | dns.flags.AA
        return short.to_wire()


def _malformed(query: bytes) -> bytes | None:
    if len(query) < 12 or query[2] & 0x80:
        return None
    return query[:2] + struct.pack(">H", dns.flags.QR | dns.rcode.FORMERR) + bytes(8)


def _fill(store: Store, asked: dns.message.Message, response: dns.message.Message) -> None:
    if asked.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
        return
    if len(asked.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return
    question = asked.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    zone = zone_of(store, name)
    if zone is None or question.rdclass != dns.rdataclass.IN or question.rdtype in (dns.rdatatype.AXFR, dns.rdatatype.IXFR):
        response.set_rcode(dns.rcode.REFUSED)
        return
    response.flags |= dns.flags.AA
    _resolve(zone, name, question.rdtype, response)


def zone_of(store: Store, name: str) -> Zone | None:
    """The zone in which a name (without the dot at its end) lies: the longest that the store holds."""
    labels = name.split(".")
    candidates = (".".join(labels[start:]) for start in range(len(labels)))
    return next((store.zones[candidate] for candidate in candidates if candidate in store.zones), None)


def _resolve(zone: Zone, name: str, kind: int, response: dns.message.Message) -> None:
    """Fill in the records of a name, after the aliases that lead to them within the zone."""
    seen: list[str] = []
    while True:
        seen.append(name)
        found = _at(zone, name)
        if found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            break
        aliases = [record for record in found if record.type == "CNAME"]
        if not aliases or kind in (dns.rdatatype.CNAME, dns.rdatatype.ANY):
            if _add(
                zone, name, [record for record in found if kind in (dns.rdatatype.ANY, dns.rdatatype.from_text(record.type))], response
            ):
                return
            break
        _add(zone, name, aliases, response)
        name = _target(zone, aliases[0].data)
        if name in seen or len(seen) > MOST_ALIASES or not f".{name}".endswith(f".{zone.name}"):
            return
    response.authority.append(_rrset(zone, zone.name, next(zone.holding("SOA"))))


def _at(zone: Zone, name: str) -> list[Record] | None:
    """The records of a name, or of the wildcard that stands for it (RFC 4592); None where the name does not exist."""
    held = {record.fqdn(zone.name) for record in zone.records.values()}

    def exists(candidate: str) -> bool:
        return candidate in held or any(other.endswith(f".{candidate}") for other in held)

    owner = name
    if not exists(name):
        closest = name
        while not exists(closest):
            closest = closest.partition(".")[2]
        owner = f"*.{closest}"
        if owner not in held:
            return None
    return [record for record in zone.records.values() if record.fqdn(zone.name) == owner]


def _add(zone: Zone, name: str, found: list[Record], response: dns.message.Message) -> bool:
    """Add records to the answer, those of one type together; whether there were any."""
    sets: dict[str, list[Record]] = {}
    for record in found:
        sets.setdefault(record.type, []).append(record)
    response.answer.extend(_rrset(zone, name, *together) for together in sets.values())
    return bool(sets)


def _rrset(zone: Zone, name: str, *together: Record) -> dns.rrset.RRset:
    kind = dns.rdatatype.from_text(together[0].type)
    ttl = SOA_SECONDS if kind == dns.rdatatype.SOA else together[0].ttl
    data = [dns.rdata.from_text(dns.rdataclass.IN, kind, rdata_text(zone, record)) for record in together]
    return dns.rrset.from_rdata_list(dns.name.from_text(f"{name}."), ttl, data)


def rdata_text(zone: Zone, record: Record) -> str:
    """A record's data as a zone file has it."""
    data = record.data
    if record.type == "SOA":
        return f"{NAMESERVERS[0]}. hostmaster.{zone.name}. {zone.serial} {REFRESH} {RETRY} {EXPIRE} {SOA_SECONDS}"
    if record.type == "TXT":
        raw = data.encode()
        return " ".join(_quoted(raw[start : start + TXT_BYTES]) for start in range(0, len(raw), TXT_BYTES))
    if record.type == "CAA":
        return f"{record.flags} {record.tag} {_quoted(data.encode())}"
    host = f"{_target(zone, data)}."
    if record.type == "MX":
        return f"{record.priority} {host}"
    if record.type == "SRV":
        return f"{record.priority} {record.weight} {record.port} {host}"
    return host if record.type in ("CNAME", "NS") else data


def _quoted(raw: bytes) -> str:
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in raw) + '"'


def _target(zone: Zone, data: str) -> str:
    return zone.name if data == APEX else data


def zone_file(zone: Zone) -> str:
    """The zone as text, as the API gives it with a domain."""
    lines = [f"$ORIGIN {zone.name}.", f"$TTL {next(zone.holding('SOA')).ttl}"]
    lines += [
        f"{record.fqdn(zone.name)}. {'' if record.type == 'SOA' else f'{record.ttl} '}IN {record.type} {rdata_text(zone, record)}"
        for record in zone.records.values()
    ]
    return "\n".join(lines) + "\n"


class Udp(asyncio.DatagramProtocol):
    """Answers each datagram with one."""

    def __init__(self, store: Store) -> None:
        """Answer for what ``store`` holds."""
        self._store = store
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Answer a query."""
        reply = answer(self._store, data, tcp=False)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


async def serve_connection(store: Store, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the queries of one TCP connection until it ends, or says nothing for 5 s."""
    try:
        while True:
            (length,) = struct.unpack(">H", await asyncio.wait_for(reader.readexactly(2), TCP_IDLE_SECONDS))
            reply = answer(store, await asyncio.wait_for(reader.readexactly(length), TCP_IDLE_SECONDS), tcp=True)
            if reply is None:
                return
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


__all__ = ["Udp", "answer", "rdata_text", "serve_connection", "zone_file", "zone_of"]
