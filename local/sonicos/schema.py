"""What a body must look like: the vendor's OpenAPI document of SonicOS 7.0.1, for the kinds that the emulator has.

Keys that the document has not are refused, so that a misspelt one is found. Error codes other than E_OK are the emulator's own: the
document names none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]

ANY = {"any": bool, "name": str, "group": str}
ORIGINAL = {"original": bool, "name": str, "group": str}


class InvalidError(Exception):
    """A body that the firewall refuses; the text says which key and why."""


@dataclass(frozen=True)
class OneOf:
    """Exactly one of these keys; each has a type, or the keys of the object that it is."""

    keys: Mapping[str, Any]


@dataclass(frozen=True)
class Schema:
    """The keys of one kind: those that must be there, those that may, and those of which exactly one must be there beside them."""

    required: Mapping[str, Any]
    optional: Mapping[str, Any]
    one_of: OneOf | None = None


COMMON = {"uuid": str, "name": str, "enable": bool, "comment": str, "reflexive": bool}
SCHEMAS = {
    "address-objects/ipv4": Schema(
        {"name": str},
        {"uuid": str, "zone": str},
        OneOf(
            {
                "host": {"ip": "address"},
                "range": {"begin": "address", "end": "address"},
                "network": {"subnet": "address", "mask": "address"},
            }
        ),
    ),
    "service-objects": Schema({"name": str}, {"uuid": str}, OneOf({kind: {"begin": int, "end": int} for kind in ("tcp", "udp")})),
    "service-groups": Schema({"name": str}, {"uuid": str, "service_object": [{"name": str}], "service_group": [{"name": str}]}),
    "nat-policies/ipv4": Schema(
        {
            "inbound": str,
            "outbound": str,
            "source": OneOf(ANY),
            "translated_source": OneOf(ORIGINAL),
            "destination": OneOf(ANY),
            "translated_destination": OneOf(ORIGINAL),
            "service": OneOf(ANY),
            "translated_service": OneOf(ORIGINAL),
        },
        COMMON | {"priority": OneOf({"auto": bool, "manual": int}), "nat_method": str, "source_port_remap": bool, "dns_doctoring": bool},
    ),
    "access-rules/ipv4": Schema(
        {
            "from": str,
            "to": str,
            "action": ("allow", "deny", "discard"),
            "source": {"address": OneOf(ANY), "port": OneOf(ANY)},
            "service": OneOf(ANY),
            "destination": {"address": OneOf(ANY)},
            "schedule": OneOf({"always_on": bool, "name": str}),
        },
        COMMON
        | {
            "users": {"included": OneOf({"all": bool, "group": str}), "excluded": OneOf({"none": bool, "group": str})},
            "priority": OneOf({"auto": bool, "end": bool, "manual": {"value": int}}),
            "logging": bool,
            "management": bool,
            "auto_rule": bool,
            "max_connections": int,
        },
    ),
}


def check(kind: str, body: Any) -> Body:
    """A body of this kind as it was sent; raises InvalidError."""
    schema = SCHEMAS[kind]
    if not isinstance(body, dict):
        raise InvalidError("not an object")
    known = {**schema.required, **schema.optional}
    alternatives = dict(schema.one_of.keys) if schema.one_of else {}
    for key in schema.required:
        if key not in body:
            raise InvalidError(f"{key} is missing")
    for key, value in body.items():
        if key not in known and key not in alternatives:
            raise InvalidError(f"{key} is no key of {kind}")
        _check(key, value, known.get(key, alternatives.get(key)))
    if alternatives and len(alternatives.keys() & body.keys()) != 1:
        raise InvalidError(f"exactly one of {', '.join(alternatives)} must be given")
    return body


def _check(path: str, value: Any, wanted: Any) -> None:
    if isinstance(wanted, type):
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)) or value == "":
            raise InvalidError(f"{path} is not of type {wanted.__name__}")
    elif isinstance(wanted, tuple):
        if value not in wanted:
            raise InvalidError(f"{path} is none of {', '.join(wanted)}")
    elif wanted == "address":
        try:
            ipaddress.IPv4Address(value)
        except ValueError as error:
            raise InvalidError(f"{path} is no IPv4 address") from error
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            raise InvalidError(f"{path} is no list")
        for item in value:
            _check(path, item, wanted[0])
    else:
        _check_object(path, value, wanted)


def _check_object(path: str, value: Any, wanted: OneOf | Mapping[str, Any]) -> None:
    keys = wanted.keys if isinstance(wanted, OneOf) else wanted
    assert isinstance(keys, Mapping)
    if not isinstance(value, dict) or not value.keys() <= keys.keys():
        raise InvalidError(f"{path} may have {', '.join(keys)} and nothing else")
    if isinstance(wanted, OneOf) and len(value) != 1:
        raise InvalidError(f"{path} must have exactly one of {', '.join(keys)}")
    if not isinstance(wanted, OneOf) and value.keys() != keys.keys():
        raise InvalidError(f"{path} must have {', '.join(keys)}")
    for key, item in value.items():
        if item is False and keys[key] is bool and isinstance(wanted, OneOf):
            raise InvalidError(f"{path}.{key} can only be true")
        _check(f"{path}.{key}", item, keys[key])


def references(kind: str, body: Body) -> set[tuple[str, str]]:
    """What a body refers to, as pairs of what it must be and its name: address, service, service group, zone, interface."""
    found: set[tuple[str, str]] = set()
    if kind == "address-objects/ipv4" and "zone" in body:
        found.add(("zone", body["zone"]))
    if kind == "service-groups":
        found |= {("service", item["name"]) for item in body.get("service_object") or []}
        found |= {("service group", item["name"]) for item in body.get("service_group") or []}
    if kind == "nat-policies/ipv4":
        found |= {("interface", body[key]) for key in ("inbound", "outbound") if body[key] != "any"}
        for key in ("source", "translated_source", "destination", "translated_destination"):
            found |= _selected("address", body[key])
        found |= _selected("service", body["service"]) | _selected("service", body["translated_service"])
    if kind == "access-rules/ipv4":
        found |= {("zone", body["from"]), ("zone", body["to"])}
        found |= _selected("address", body["source"]["address"]) | _selected("address", body["destination"]["address"])
        found |= _selected("service", body["source"]["port"]) | _selected("service", body["service"])
    return found


def _selected(what: str, selector: Body) -> set[tuple[str, str]]:
    named = {(what, selector["name"])} if "name" in selector else set()
    return named | ({(f"{what} group", selector["group"])} if "group" in selector else set())


__all__ = ["SCHEMAS", "Body", "InvalidError", "check", "references"]
