"""The firewall itself: what it runs with, what is staged, and who may change it. It knows nothing of HTTP but the status of a refusal."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any

from local.sonicos.schema import SCHEMAS, Body, InvalidError, check, references

Configuration = dict[str, dict[str, Body]]
"""Bodies by kind and number (UUID)."""
OBJECTS = {"address": "address-objects/ipv4", "service": "service-objects", "service group": "service-groups"}
"""Which kind a reference names; zones and interfaces are fixed, and there are no address groups."""
BUILT_IN = {"HTTP": 80, "HTTPS": 443, "HTTPS Management": 443, "SSH Management": 22, "SSH": 22}
ZONES = ("LAN", "WAN", "DMZ")
UNIQUE = ("address-objects/ipv4", "service-objects", "service-groups")


class RefusedError(Exception):
    """A request that the firewall refuses, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """``message`` is what the answer says."""
        super().__init__(message)
        self.status = status


@dataclass
class Firewall:
    """One firewall with its factory settings: the interfaces X0 (LAN) and X1 (WAN), and the services that it knows by itself.

    ``administrator`` is somebody else who is changing it right now. ``running`` and ``interfaces`` are also its side door: a change made by
    hand is one made there.
    """

    username: str = "admin"
    password: str = "password"
    firmware: str = "SonicOS 7.0.1-5161"
    administrator: str | None = None
    preempted: list[str] = field(default_factory=list)
    running: Configuration = field(default_factory=lambda: {kind: {} for kind in SCHEMAS})
    staged: Configuration | None = None
    sessions: dict[str, bool] = field(default_factory=dict)  # by the client's address: whether it may change anything
    attempts: int = 0
    commits: int = 0
    interfaces: list[Body] = field(default_factory=lambda: [_interface("X0", "LAN", https=True), _interface("X1", "WAN", https=False)])

    def __post_init__(self) -> None:
        """Know the services that are built in."""
        for name, port in BUILT_IN.items():
            self.by_hand("service-objects", {"name": name, "tcp": {"begin": port, "end": port}})

    # Sessions

    def sign_in(self, client: str, username: str | None, password: str | None) -> bool:
        """Begin a session; returns whether it may change anything. Raises RefusedError."""
        self.attempts += 1
        if (username, password) != (self.username, self.password):
            raise RefusedError(401, "Unauthorized.")
        others = [name for name, may_change in self.sessions.items() if may_change and name != client]
        self.sessions[client] = self.administrator is None and not others
        return self.sessions[client]

    def preempt(self, client: str) -> None:
        """Take over from whoever is changing the firewall; what is staged by them is lost."""
        self.require_session(client)
        if self.administrator is not None:
            self.preempted.append(self.administrator)
        self.administrator, self.staged = None, None
        self.sessions = {name: name == client for name in self.sessions}

    def sign_out(self, client: str) -> None:
        """End a session; what it has staged is lost."""
        self.require_session(client)
        if self.sessions.pop(client):
            self.staged = None

    def require_session(self, client: str, *, to_change: bool = False) -> None:
        """Raise RefusedError for a client that has not signed in, or may only read."""
        if client not in self.sessions:
            raise RefusedError(401, "Unauthorized: there is no session of this client.")
        if to_change and not self.sessions[client]:
            raise RefusedError(403, f"Not in config mode: {self.administrator or 'another session'} is.")

    # Configuration

    def read(self, kind: str) -> list[Body]:
        """What runs, as the API answers: with the numbers and the places that the firewall chose, and without empty lists."""
        return [_answered(kind, number, body, place) for place, (number, body) in enumerate(self.running[kind].items(), 1)]

    def create(self, kind: str, body: Body) -> None:
        """Stage a new one; raises RefusedError."""
        staged = self._candidate()
        self._put(staged, kind, str(uuid.uuid4()), body)
        self.staged = staged

    def replace(self, kind: str, number: str, body: Body) -> None:
        """Stage another body for one; raises RefusedError."""
        staged = self._candidate()
        self._number(staged, kind, number)
        self._put(staged, kind, number, body)
        self.staged = staged

    def remove(self, kind: str, number: str) -> None:
        """Stage a removal; raises RefusedError for one that another refers to."""
        staged = self._candidate()
        name = self._number(staged, kind, number).get("name", number)
        del staged[kind][number]
        for other in staged:
            for body in staged[other].values():
                for what, named in references(other, body):
                    if OBJECTS.get(what) == kind and named == name:
                        raise RefusedError(400, f"{name} is used by {body.get('name', other)}.")
        self.staged = staged

    def number_of(self, kind: str, name: str) -> str:
        """The number of the one with this name, staged ones too; raises RefusedError."""
        for number, body in self._candidate()[kind].items():
            if body.get("name") == name:
                return number
        raise RefusedError(404, f"{name} does not exist.")

    def commit(self) -> None:
        """Run with what is staged, all of it at once."""
        if self.staged is not None:
            self.running, self.staged = self.staged, None
            self.commits += 1

    def by_hand(self, kind: str, body: Body) -> str:
        """Somebody makes one on the firewall itself: it runs at once; returns its number."""
        number = str(uuid.uuid4())
        self._put(self.running, kind, number, body)
        return number

    def named(self, kind: str, name: str) -> Body:
        """The running body with this name, which may be changed in place; raises KeyError."""
        return next(body for body in self.running[kind].values() if body.get("name") == name)

    def _candidate(self) -> Configuration:
        return copy.deepcopy(self.running if self.staged is None else self.staged)

    def _number(self, staged: Configuration, kind: str, number: str) -> Body:
        if number not in staged[kind]:
            raise RefusedError(404, f"{number} does not exist.")
        return staged[kind][number]

    def _put(self, staged: Configuration, kind: str, number: str, body: Body) -> None:
        try:
            kept = {key: value for key, value in check(kind, body).items() if key != "uuid"}
        except InvalidError as error:
            raise RefusedError(400, f"Invalid body: {error}.") from error
        if kind in UNIQUE and any(other["name"] == kept["name"] for key, other in staged[kind].items() if key != number):
            raise RefusedError(400, f"{kept['name']} already exists.")
        for what, name in sorted(references(kind, kept)):
            if not self._exists(staged, what, name):
                raise RefusedError(400, f"The {what} {name} does not exist.")
        staged[kind][number] = copy.deepcopy(kept)

    def _exists(self, staged: Configuration, what: str, name: str) -> bool:
        if what == "zone":
            return name in ZONES
        if what == "interface":
            return name in {body["name"] for body in self.interfaces}
        return what in OBJECTS and name in {body["name"] for body in staged[OBJECTS[what]].values()}


def _interface(name: str, zone: str, *, https: bool) -> Body:
    management = {"http": False, "https": https, "ping": True, "snmp": False, "ssh": False}
    return {"name": name, "ip_assignment": {"zone": zone, "mode": {}}, "management": management}


def _answered(kind: str, number: str, body: Body, place: int) -> Body:
    answer: dict[str, Any] = {key: value for key, value in copy.deepcopy(body).items() if value != []} | {"uuid": number}
    if kind == "access-rules/ipv4":
        answer |= {"priority": {"manual": {"value": place}}, "max_connections": 100, "auto_rule": False}
    if kind == "nat-policies/ipv4":
        answer |= {"priority": {"manual": place}, "nat_method": "sticky-ip"}
    return answer


__all__ = ["Firewall", "RefusedError"]
