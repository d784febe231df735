"""Names and values of DNS records: the API, the program and a zone file spell the same thing in different ways. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

APEX = "@"
HOST_TYPES = ("CNAME", "MX", "NS", "SRV")  # their value is a host: with a dot at its end, else it is relative to the zone


def fqdn(name: str, domain: str) -> str:
    """The full name, without a dot at its end, of a record whose name is ``@``, relative to the zone, or full with a dot."""
    if name == APEX:
        return domain
    if name.lower() == f"{domain}.".lower() or name.lower().endswith(f".{domain}.".lower()):
        return name[:-1]
    return f"{name}.{domain}"


def is_doubtful(name: str, domain: str) -> bool:
    """Whether a name ends in its own zone without the dot that would make it a full one: nobody can tell what is meant."""
    return f".{name}".lower().endswith(f".{domain}".lower())


def is_same_name(one: str, other: str, domain: str) -> bool:
    """Whether two spellings are the same name in a zone."""
    return fqdn(one, domain).lower() == fqdn(other, domain).lower()


def value_told(record: dict[str, Any]) -> str:
    """A record's value as the official provider tells it: the API leaves out the dot at the end of a host."""
    value = str(record["data"])
    holds_host = record["type"] in HOST_TYPES or (record["type"] == "CAA" and record.get("tag") != "iodef")
    return f"{value}." if holds_host and value != APEX and not value.endswith(".") else value


def is_same_value(kind: str, one: str, other: str, domain: str) -> bool:
    """Whether two spellings are the same value of a record of this type in a zone."""
    return _canonical(kind, one, domain) == _canonical(kind, other, domain)


def _canonical(kind: str, value: str, domain: str) -> str:
    if kind in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            return value
    if kind in HOST_TYPES:
        host = domain if value == APEX else value[:-1] if value.endswith(".") else f"{value}.{domain}"
        return host.lower()
    if kind == "CAA":
        return value.removesuffix(".")
    if kind == "TXT" and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
