"""What a record may be: names as the API stores them, the checks that the API makes, and the shape in which it answers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

APEX = "@"
DEFAULT_TTL_SECONDS = 1800
LEAST_TTL_SECONDS = 30
MOST_TTL_SECONDS = 2_147_483_647  # RFC 2181, section 8
MOST_TXT_CHARACTERS = 4096
TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT")
POINTING = ("CNAME", "MX", "NS", "SRV")
"""The types whose data is a host's name: sent with a dot at its end (or as "@"), given without."""
NUMBERS = {"MX": {"priority": 65535}, "SRV": {"priority": 65535, "port": 65535, "weight": 65535}, "CAA": {"flags": 255}}
"""The numbers that belong to a type, with the greatest value of each; a number that belongs to another type is ignored."""
TAGS = ("issue", "issuewild", "iodef")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
MOST_NAME_CHARACTERS = 253


class InvalidError(Exception):
    """A request that the API refuses with 422; its text is the message of the answer."""


@dataclass(frozen=True)
class Record:
    """One record as the API gives it: ``name`` relative to its zone ("@" for the zone itself), None where a field does not apply."""

    id: int
    type: str
    name: str
    data: str
    priority: int | None = None
    port: int | None = None
    ttl: int = DEFAULT_TTL_SECONDS
    weight: int | None = None
    flags: int | None = None
    tag: str | None = None

    def shape(self) -> dict[str, Any]:
        """The record in an answer's JSON, and in the state file."""
        return asdict(self)

    def fqdn(self, zone: str) -> str:
        """The record's whole name, without the dot at its end."""
        return zone if self.name == APEX else f"{self.name}.{zone}"


def domain_name(value: object) -> str:
    """A zone's name in lower case; raises InvalidError when it cannot be one."""
    if not isinstance(value, str) or not value:
        raise InvalidError("Name can't be blank")
    name = value.lower().removesuffix(".")
    if "." not in name or len(name) > MOST_NAME_CHARACTERS or not _are_labels(name):
        raise InvalidError(f"Name {value!r} is not a valid domain name (e.g. example.com)")
    return name


def relative_name(value: object, zone: str) -> str:
    """A record's name as it is stored, whichever way it was sent: relative, "@", or whole, with or without the dot at its end.

    Raises InvalidError when it is missing, cannot be a name, or ends with a dot and is not in the zone.
    """
    if not isinstance(value, str) or not value:
        raise InvalidError("Name can't be blank")
    name = value.lower()
    if name.endswith(".") and not f".{name}".endswith(f".{zone}."):
        raise InvalidError(f"Name {value!r} is not in the domain {zone}")
    name = name.removesuffix(".")
    if name in (APEX, zone):
        return APEX
    name = name.removesuffix(f".{zone}")
    if not _are_labels(name.removeprefix("*.") if name != "*" else "x") or len(f"{name}.{zone}") > MOST_NAME_CHARACTERS:
        raise InvalidError(f"Name {value!r} is not a valid host name (e.g. www)")
    return name


def made(zone: str, number: int, body: dict[str, Any]) -> Record:
    """The record that a request's body describes; raises InvalidError with what is wrong with it."""
    kind = body.get("type")
    if kind is None or kind == "":
        raise InvalidError("Type can't be blank")
    if kind not in TYPES:
        raise InvalidError(f"Type {kind!r} is not one of {', '.join(TYPES)}")
    if kind == "SOA":
        raise InvalidError("SOA records are made with their domain and cannot be added")
    return Record(
        id=number, type=kind, name=relative_name(body.get("name"), zone), data=_data(kind, body), ttl=_ttl(body), **_extras(kind, body)
    )


def changed(zone: str, record: Record, body: dict[str, Any]) -> Record:
    """A record after a PUT or PATCH: what the body does not name stays as it is; raises InvalidError."""
    if record.type == "SOA":
        if body.get("data") not in (None, "", record.data) or body.get("name") not in (None, "", APEX, zone, f"{zone}."):
            raise InvalidError("Only the TTL of a SOA record can be changed")
        ttl = _ttl(body | {"ttl": body.get("ttl") or record.ttl})
        return replace(record, ttl=ttl, data=str(ttl))
    before = record.shape() | {"name": f"{record.fqdn(zone)}."}
    if (record.type in POINTING and record.data != APEX) or (record.type == "CAA" and record.tag != "iodef"):
        before["data"] += "."
    sent = {key: value for key, value in body.items() if value is not None and not (key in ("type", "tag") and value == "")}
    if sent.get("ttl") == 0:
        del sent["ttl"]
    return made(zone, record.id, before | sent)


def conflict(record: Record, others: list[Record]) -> None:
    """Raise InvalidError when a record cannot stand beside the others of its zone: a CNAME is alone at its name."""
    beside = [other for other in others if other.name == record.name and other.id != record.id]
    if record.type == "CNAME" and (beside or record.name == APEX):
        raise InvalidError("CNAME records cannot share a name with other records")
    if any(other.type == "CNAME" for other in beside):
        raise InvalidError(f"{record.type} records cannot share a name with a CNAME record")


def _are_labels(name: str) -> bool:
    return all(LABEL.fullmatch(label) for label in name.split("."))


def _data(kind: str, body: dict[str, Any]) -> str:
    data = body.get("data")
    if not isinstance(data, str) or not data:
        raise InvalidError("Data can't be blank")
    if not _is_unicode(data):
        raise InvalidError("Data is not valid Unicode")
    if len(data) > MOST_TXT_CHARACTERS:
        raise InvalidError(f"Data is longer than {MOST_TXT_CHARACTERS} characters")
    if kind in ("A", "AAAA"):
        version = 4 if kind == "A" else 6
        try:
            if "%" in data:
                raise ValueError("a scope id means something on one machine only")
            return str((ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(data))
        except ValueError:
            example = "127.0.0.1" if version == 4 else "::1"
            raise InvalidError(f"IP address {data!r} did not match IPv{version} format (e.g. {example})") from None
    if kind in POINTING:
        return _target(data)
    if kind != "CAA" or body.get("tag") == "iodef":
        return data
    if not data.endswith("."):
        raise InvalidError("Data needs to end with a dot (.)")
    return data.removesuffix(".")


def _is_unicode(data: str) -> bool:
    """Whether a text can be stored and sent: JSON can hold half of a surrogate pair."""
    try:
        data.encode()
    except UnicodeEncodeError:
        return False
    return True


def _target(data: str) -> str:
    if data == APEX:
        return data
    if not data.endswith("."):
        raise InvalidError("Data needs to end with a dot (.)")
    name = data.lower().removesuffix(".")
    if len(name) > MOST_NAME_CHARACTERS or not _are_labels(name):
        raise InvalidError(f"Data {data!r} is not a valid host name (e.g. www.example.com.)")
    return name


def _ttl(body: dict[str, Any]) -> int:
    value = body.get("ttl")
    if value is None or (value == 0 and not isinstance(value, bool)):
        return DEFAULT_TTL_SECONDS
    ttl = _number("ttl", value, MOST_TTL_SECONDS)
    if ttl < LEAST_TTL_SECONDS:
        raise InvalidError(f"TTL must be at least {LEAST_TTL_SECONDS} seconds")
    return ttl


def _extras(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The further fields of a type; zeros and values that belong to other types are passed over, as godo always sends some."""
    extras: dict[str, Any] = {}
    for field, greatest in NUMBERS.get(kind, {}).items():
        if body.get(field) is None:
            raise InvalidError(f"{field.capitalize()} can't be blank")
        extras[field] = _number(field, body[field], greatest)
    if kind == "CAA":
        if body.get("tag") not in TAGS:
            raise InvalidError(f"Tag must be one of {', '.join(TAGS)}")
        extras["tag"] = body["tag"]
    return extras


def _number(field: str, value: object, greatest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= greatest:
        raise InvalidError(f"{field.upper() if field == 'ttl' else field.capitalize()} must be a whole number from 0 to {greatest}")
    return value


__all__ = ["APEX", "DEFAULT_TTL_SECONDS", "InvalidError", "Record", "changed", "conflict", "domain_name", "made", "relative_name"]
