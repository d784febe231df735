"""What differs between what a firewall holds and what it shall hold, as a list of changes in an order that the firewall accepts.

Pure functions: bodies in, changes out. Nothing here talks to a firewall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible.module_utils.sonicos_wanted import ADDRESS, GROUP, NAT, RULE, Body, Thing, is_ours

Found = Mapping[str, Sequence[Body]]
"""The bodies that a firewall holds, by kind."""
EXPOSING = ("https", "ssh", "http", "snmp")
"""The ways of managing a firewall that an interface can allow (schema interface_ipv4, key management). Ping is none."""


@dataclass(frozen=True)
class Kind:
    """How the API treats one kind: its path, the key of its list, the key around each body, and what a path names one by."""

    path: str
    collection: str
    wrapper: str
    identity: str


KINDS = {
    ADDRESS: Kind("address-objects/ipv4", "address_objects", "ipv4", "name"),
    GROUP: Kind("service-groups", "service_groups", "", "name"),
    NAT: Kind("nat-policies/ipv4", "nat_policies", "ipv4", "uuid"),
    RULE: Kind("access-rules/ipv4", "access_rules", "ipv4", "uuid"),
}
"""In the order in which one refers to another: made from first to last, removed from last to first."""


@dataclass(frozen=True)
class Change:
    """One request that stages one change, and what it does in words."""

    method: str
    path: str
    body: Body | None
    words: str


def bodies(kind: str, answer: Body) -> list[Body]:
    """The bodies in the answer to a GET of a kind; the API leaves an empty list out or sends null."""
    how = KINDS[kind]
    items = answer.get(how.collection) or []
    return [item[how.wrapper] for item in items if how.wrapper in item] if how.wrapper else list(items)


def plan(wanted: Sequence[Thing], found: Found, prefix: str) -> list[Change]:
    """The changes that make what is ours be as wanted: made and changed first, then removed, so that no reference ever hangs."""
    made: list[Change] = []
    removed: list[Change] = []
    for kind in KINDS:
        ours = [body for body in found.get(kind, ()) if is_ours(body.get("name"), prefix)]
        left = {thing.name: thing for thing in wanted if thing.kind == kind}
        for body in ours:
            thing = left.pop(body["name"], None)
            if thing is None:  # no longer wanted, or a second one of the same name, which rules and NAT policies can have
                removed.append(_removal(kind, body))
            elif differences(thing, body):
                made.append(_replacement(thing, body))
        made += [_creation(thing) for thing in wanted if thing.kind == kind and thing.name in left]
    return made + removed[::-1]


def differences(thing: Thing, body: Body) -> list[str]:
    """The keys of ``thing`` that ``body`` has otherwise; keys that nobody asked for are the firewall's own."""
    return [key for key, value in thing.body.items() if _canonical(value) != _canonical(body.get(key))]


def exposed(interfaces: Iterable[Body], zone: str, interface: str) -> list[str]:
    """Why the firewall cannot be reached safely from outside: an interface of the zone that allows management, or none of this name."""
    found = []
    labels = []
    for body in interfaces:
        label = f"{body.get('name')}:V{body['vlan']}" if body.get("vlan") else str(body.get("name"))
        labels.append(label)
        ways = [way for way in EXPOSING if (body.get("management") or {}).get(way)]
        if ways and (label == interface or (body.get("ip_assignment") or {}).get("zone") == zone):
            found.append(f"interface {label} allows management by {', '.join(ways)} from the zone {zone}")
    if interface not in labels:
        found.append(f"there is no interface {interface}; the firewall has {', '.join(labels) or 'none'}")
    return found


def text(things: Iterable[Thing]) -> str:
    """Things as lines that a diff can be read of: one key a line."""
    blocks = []
    for thing in sorted(things, key=lambda thing: (list(KINDS).index(thing.kind), thing.name)):
        lines = [f"  {key}: {value}" for key, value in _flat(thing.body) if key != "name"]
        blocks.append("\n".join([f"{thing.kind} {thing.name}", *lines]))
    return "".join(f"{block}\n" for block in blocks)


def ours_in(wanted: Sequence[Thing], found: Found, prefix: str) -> list[Thing]:
    """What is ours on the firewall, with the keys that are wanted; all keys but its number for what is no longer wanted."""
    keys = {(thing.kind, thing.name): set(thing.body) for thing in wanted}
    things = []
    for kind in KINDS:
        for body in found.get(kind, ()):
            if is_ours(body.get("name"), prefix):
                shown = keys.get((kind, body["name"]), set(body) - {"uuid"})
                things.append(Thing(kind, body["name"], {key: value for key, value in body.items() if key in shown}))
    return things


def _creation(thing: Thing) -> Change:
    return Change("POST", KINDS[thing.kind].path, _sent(thing), f"create {thing.kind} {thing.name}")


def _replacement(thing: Thing, body: Body) -> Change:
    keys = ", ".join(differences(thing, body))
    return Change("PUT", _path(thing.kind, body), _sent(thing), f"change {thing.kind} {thing.name}: {keys}")


def _removal(kind: str, body: Body) -> Change:
    return Change("DELETE", _path(kind, body), None, f"remove {kind} {body['name']}")


def _path(kind: str, body: Body) -> str:
    """Where one is changed; names of rules and NAT policies need not be unique, so their number is used."""
    how = KINDS[kind]
    return f"{how.path}/{how.identity}/{quote(str(body[how.identity]), safe='')}"


def _sent(thing: Thing) -> Body:
    """A body as it is sent: without empty lists, and with the place among other rules left to the firewall."""
    how = KINDS[thing.kind]
    body = {key: value for key, value in thing.body.items() if value != []}
    if thing.kind in (NAT, RULE):
        body["priority"] = {"auto": True}  # not compared: the firewall answers with the place that it chose
    return {how.collection: [{how.wrapper: body} if how.wrapper else body]}


def _canonical(value: Any) -> Any:
    """A value without what the API leaves out at will: null, empty and false are missing, and a list of names has no order."""
    if isinstance(value, dict):
        kept = {key: _canonical(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, list):
        return sorted((_canonical(item) for item in value), key=repr) or None
    return value if value not in (None, False, "") else None


def _flat(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [line for name in sorted(value) for line in _flat(value[name], f"{key}.{name}" if key else name)]
    if isinstance(value, list):
        names = [str(item.get("name")) if isinstance(item, dict) else str(item) for item in value]
        return [(key, ", ".join(sorted(names)))] if names else []
    return [] if value in (None, False, "") else [(key, str(value).lower() if isinstance(value, bool) else value)]


__all__ = ["EXPOSING", "KINDS", "Change", "Found", "bodies", "differences", "exposed", "ours_in", "plan", "text"]
