"""Stored definitions are taken by a server into a vhost that is there for this alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from ops.backup import broker as module
from ops.backup.broker import KINDS, MARK, restored_problems
from ops.errors import PlatformError
from settings import Settings

SETTINGS = cast(Settings, SimpleNamespace(stack="kind"))
QUEUES = [{"name": name, "vhost": "kind", "type": "quorum", "arguments": {"x-queue-type": "quorum"}} for name in ("a.inbox", "b.inbox")]
ORDERS = {"name": "kind_orders", "password_hash": "aGFzaA==", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
RIGHTS = {"configure": "^orders", "write": "^orders", "read": ".*"}
EXPORT = {
    "users": [{"name": "platform", "tags": ["administrator"]}, ORDERS, {**ORDERS, "name": "live_orders"}],
    "permissions": [
        {"user": "platform", "vhost": "kind", **module.ALL},
        {"user": "kind_orders", "vhost": "kind", **RIGHTS},
        {"user": "live_orders", "vhost": "live", **RIGHTS},
    ],
    "vhosts": [{"name": "kind"}, {"name": "live"}],
    "queues": [*QUEUES, {"name": "c.inbox", "vhost": "live"}],
    "bindings": [{"source": "orders", "destination": "a.inbox", "vhost": "kind", "routing_key": "#"}],
}
Loses = Callable[[dict[str, Any]], dict[str, Any]]


class FakeBroker:
    """A management API that remembers vhosts and the definitions that were put into each."""

    def __init__(self, loses: Loses = lambda entry: entry, *, refuses: str = "") -> None:
        self.vhosts: dict[str, dict[str, Any]] = {
            "kind": {"queues": QUEUES},
            "kind.restored": {"description": MARK, "queues": [{"name": "left"}]},
        }
        self.users: dict[str, dict[str, Any]] = {}
        self.permissions: dict[str, dict[str, Any]] = {}
        self.loses, self.refuses = loses, refuses

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As RabbitMQ does."""
        what, _, name = request.url.path.removeprefix("/api/").partition("/")
        if what == "whoami":
            return httpx.Response(200, json={"name": "platform"})
        if what == "vhosts":
            if request.method == "DELETE":
                return httpx.Response(204 if self.vhosts.pop(name, None) is not None else 404)
            if request.method == "GET":
                return httpx.Response(200, json=self.vhosts[name]) if name in self.vhosts else httpx.Response(404)
            self.vhosts.setdefault(name, json.loads(request.content))
            return httpx.Response(201)
        if what == "users":
            return self.answer_of(self.users, name, request)
        if what == "permissions":
            assert name in ("kind.restored/platform", "kind.restored/kind_orders.restored")
            return self.answer_of(self.permissions, name, request)
        assert what == "definitions"
        if request.method == "POST":
            if self.refuses:
                return httpx.Response(400, text=self.refuses)
            given = self.loses(json.loads(request.content))
            self.vhosts[name] = {kind: [*self.vhosts[name].get(kind, ()), *given.get(kind, ())] for kind in KINDS}
            return httpx.Response(204)
        return httpx.Response(
            200, json={kind: [_as_the_api_says(entry, name) for entry in self.vhosts[name].get(kind, ())] for kind in KINDS}
        )

    def answer_of(self, things: dict[str, dict[str, Any]], name: str, request: httpx.Request) -> httpx.Response:
        """As RabbitMQ does for what has a name."""
        if request.method == "DELETE":
            things.pop(name, None)
            return httpx.Response(204)
        if request.method == "GET":
            return httpx.Response(200, json=things[name]) if name in things else httpx.Response(404)
        given = json.loads(request.content)
        things[name] = self.loses({**given, "tags": given["tags"].split(",")} if "tags" in given else given)
        return httpx.Response(201)


def _as_the_api_says(entry: dict[str, Any], vhost: str) -> dict[str, Any]:
    return {**{key: value for key, value in entry.items() if key != "type"}, "vhost": vhost}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeBroker], FakeBroker]:
    """Has the client lead to a fake broker."""

    def use(fake: FakeBroker) -> FakeBroker:
        client = httpx.Client(transport=httpx.MockTransport(fake.answer), base_url="https://broker/api")
        monkeypatch.setattr(module, "broker_client", lambda _settings, **_options: client)
        return fake

    return use


def test_what_is_restored_whole_has_no_findings_and_the_present_vhosts_are_not_touched(asked: Callable[[FakeBroker], FakeBroker]) -> None:
    fake = asked(FakeBroker())
    assert restored_problems(SETTINGS, json.dumps(EXPORT).encode()) == []
    assert fake.vhosts == {"kind": {"queues": QUEUES}}
    assert fake.permissions["kind.restored/kind_orders.restored"] == RIGHTS
    assert fake.users == {}


def test_a_vhost_that_somebody_else_made_is_not_deleted(asked: Callable[[FakeBroker], FakeBroker]) -> None:
    fake = asked(FakeBroker())
    theirs = fake.vhosts["kind.restored"] = {"description": "", "queues": [{"name": "orders"}]}
    with pytest.raises(PlatformError, match=r"a vhost kind\.restored that no verification has made"):
        restored_problems(SETTINGS, json.dumps(EXPORT).encode())
    assert fake.vhosts["kind.restored"] is theirs


@pytest.mark.parametrize("lost", ["password_hash", "read"])
def test_a_user_whom_the_server_restores_otherwise_is_a_finding_and_goes_again(
    asked: Callable[[FakeBroker], FakeBroker], lost: str
) -> None:
    def changes(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, lost: "another"} if lost in given else given

    fake = asked(FakeBroker(changes))
    assert restored_problems(SETTINGS, json.dumps(EXPORT).encode()) == [
        "the user kind_orders or its rights are not the same when they are restored"
    ]
    assert fake.users == {}


def test_a_user_whom_somebody_else_made_is_not_touched(asked: Callable[[FakeBroker], FakeBroker]) -> None:
    fake = asked(FakeBroker())
    fake.users["kind_orders.restored"] = {"tags": []}
    with pytest.raises(PlatformError, match=r"a user kind_orders\.restored that no verification has made"):
        restored_problems(SETTINGS, json.dumps(EXPORT).encode())
    assert fake.users == {"kind_orders.restored": {"tags": []}}
    assert "kind.restored" not in fake.vhosts


def test_how_much_belongs_to_the_environment_is_said_in_a_line() -> None:
    assert module.words(json.dumps(EXPORT).encode(), "kind").startswith("1 users, 2 queues, 0 exchanges, 1 bindings")


def test_only_the_environment_s_own_part_is_restored() -> None:
    found = module.part(EXPORT, "kind")
    assert [queue["name"] for queue in found["queues"]] == ["a.inbox", "b.inbox"]
    assert set(found) == set(KINDS)
    assert not any("vhost" in entry for entries in found.values() for entry in entries)


def test_what_the_server_does_not_take_is_a_finding(asked: Callable[[FakeBroker], FakeBroker]) -> None:
    fake = asked(FakeBroker(lambda given: {**given, "queues": given["queues"][:1]} if "queues" in given else given))
    [finding] = restored_problems(SETTINGS, json.dumps(EXPORT).encode())
    assert finding.startswith("of 2 queues, 1 were restored")
    assert "b.inbox" in finding
    assert "kind.restored" not in fake.vhosts


def test_what_the_server_restores_otherwise_is_a_finding(asked: Callable[[FakeBroker], FakeBroker]) -> None:

    def changes(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "queues": [*given["queues"][:1], {**given["queues"][1], "arguments": {}}]} if "queues" in given else given

    asked(FakeBroker(changes))
    missing, besides = restored_problems(SETTINGS, json.dumps(EXPORT).encode())
    assert "of 2 queues, 1 were restored; missing:" in missing
    assert besides.startswith("1 queues are not in the definitions")


def test_an_export_that_the_server_refuses_is_a_finding(asked: Callable[[FakeBroker], FakeBroker]) -> None:
    fake = asked(FakeBroker(refuses="invalid arg 'x-queue-type'"))
    [finding] = restored_problems(SETTINGS, json.dumps(EXPORT).encode())
    assert "invalid arg 'x-queue-type'" in finding
    assert "kind.restored" not in fake.vhosts


def test_a_broker_that_is_away_says_nothing_about_the_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    client = httpx.Client(transport=httpx.MockTransport(away), base_url="https://broker/api")
    monkeypatch.setattr(module, "broker_client", lambda _settings, **_options: client)
    with pytest.raises(PlatformError, match="cannot be restored"):
        restored_problems(SETTINGS, json.dumps(EXPORT).encode())
