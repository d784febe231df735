"""RabbitMQ's stored definitions, restored: into an empty vhost beside the present ones, with copies of its users; all of it goes again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from ops.errors import PlatformError
from ops.servers import broker_client
from settings import Settings

KINDS = ("queues", "exchanges", "bindings", "policies", "parameters")
"""What belongs to a vhost and is imported into one (https://www.rabbitmq.com/docs/definitions); users and permissions are the server's."""
RIGHTS = ("configure", "write", "read")
OF_A_USER = ("password_hash", "hashing_algorithm", "tags")
USER_MARK = "of-backup-verify"
"""The tag by which a user is known that may be deleted."""
ADMINISTRATOR = "administrator"
"""The tag of those who belong to the server, and to no environment."""
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
RESTORE_SECONDS = 60
SUFFIX = ".restored"
"""No environment's name has a dot in it, so none has such a vhost."""
MARK = "of ./hs backup verify: definitions to be compared, and no messages"
"""The description by which a vhost is known that may be deleted."""


def restored_problems(settings: Settings, content: bytes) -> list[str]:
    """Have the server take the environment's part of an export, and say what it holds otherwise afterwards; none where it is the same.

    Its users get other names meanwhile, and no rights but in the vhost that goes. Raises PlatformError when the server does not answer:
    that says nothing about the backup.
    """
    vhost, export = settings.stack, json.loads(content)
    expected = part(export, vhost)
    try:
        with broker_client(settings, timeout_seconds=RESTORE_SECONDS) as client, _empty_vhost(client, f"{vhost}{SUFFIX}") as aside:
            answer = client.post(f"/definitions/{aside}", json=expected)
            if answer.status_code == httpx.codes.BAD_REQUEST:
                return [f"RabbitMQ does not take the definitions: {answer.text.strip()[:500]}"]
            answer.raise_for_status()
            found = client.get(f"/definitions/{aside}").raise_for_status().json()
            problems = [problem for kind in KINDS for problem in _differences(kind, expected[kind], found.get(kind) or ())]
            return problems + [problem for user, rights in users(export, vhost) for problem in _user_problems(client, aside, user, rights)]
    except httpx.HTTPError as failed:
        raise PlatformError(
            "RabbitMQ's definitions cannot be restored.", why=str(failed), remedy="./hs status shows the broker"
        ) from failed


def _user_problems(client: httpx.Client, vhost: str, user: Mapping[str, Any], rights: Mapping[str, str]) -> list[str]:
    """What is wrong with a user who is restored under another name, with the rights that it has in its vhost."""
    with _copied(client, user) as (name, made):
        answer = made if made.is_error else client.put(f"/permissions/{vhost}/{name}", json=rights)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return [f"RabbitMQ does not take the user {user['name']}: {answer.text.strip()[:500]}"]
        answer.raise_for_status()
        found = client.get(f"/users/{name}").raise_for_status().json()
        allowed = client.get(f"/permissions/{vhost}/{name}").raise_for_status().json()
    found["tags"] = [tag for tag in found["tags"] if tag != USER_MARK]
    same = all(found.get(key) == user[key] for key in OF_A_USER if key in user) and all(allowed.get(key) == rights[key] for key in RIGHTS)
    return [] if same else [f"the user {user['name']} or its rights are not the same when they are restored"]


@contextmanager
def _copied(client: httpx.Client, user: Mapping[str, Any]) -> Iterator[tuple[str, httpx.Response]]:
    """A user of another name while the body runs, and what the server said to it. Raises PlatformError for anybody else's."""
    name = f"{user['name']}{SUFFIX}"
    left = client.get(f"/users/{name}")
    if left.is_success and USER_MARK not in left.json()["tags"]:
        raise PlatformError(
            f"RabbitMQ has a user {name} that no verification has made.", remedy="see what it is for, and rename or delete it"
        )
    given = {key: user[key] for key in OF_A_USER if key in user}
    try:
        yield name, client.put(f"/users/{name}", json={**given, "tags": ",".join([*(user.get("tags") or ()), USER_MARK])})
    finally:
        client.delete(f"/users/{name}")


def users(export: Mapping[str, Any], vhost: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """The users of an export with rights in a vhost, each with those; administrators are not the vhost's."""
    rights = {
        entry["user"]: {key: str(entry[key]) for key in RIGHTS} for entry in export.get("permissions") or () if entry["vhost"] == vhost
    }
    return [
        (dict(user), rights[user["name"]])
        for user in export.get("users") or ()
        if user["name"] in rights and ADMINISTRATOR not in (user.get("tags") or ())
    ]


def words(content: bytes, vhost: str) -> str:
    """How much of an export belongs to a vhost, in a line."""
    export = json.loads(content)
    return f"{len(users(export, vhost))} users, " + ", ".join(f"{len(entries)} {kind}" for kind, entries in part(export, vhost).items())


def part(export: Mapping[str, Any], vhost: str) -> dict[str, list[dict[str, Any]]]:
    """What of an export belongs to a vhost, without its name."""
    return {kind: [_nameless(entry) for entry in export.get(kind) or () if entry["vhost"] == vhost] for kind in KINDS}


def _nameless(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "vhost"}


@contextmanager
def _empty_vhost(client: httpx.Client, name: str) -> Iterator[str]:
    """A vhost that exists while the body runs; one that a killed run left goes first. Raises PlatformError for anybody else's."""
    left = client.get(f"/vhosts/{name}")
    if left.is_success and left.json().get("description") != MARK:
        raise PlatformError(f"There is a vhost {name} that no verification has made.", remedy="see what it holds, and rename or delete it")
    client.delete(f"/vhosts/{name}")
    client.put(f"/vhosts/{name}", json={"description": MARK}).raise_for_status()
    try:
        user = client.get("/whoami").raise_for_status().json()["name"]
        client.put(f"/permissions/{name}/{user}", json=ALL).raise_for_status()
        yield name
    finally:
        client.delete(f"/vhosts/{name}")


def _differences(kind: str, expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[str]:
    missing = [entry for entry in expected if not _is_among(entry, found)]
    besides = [entry for entry in found if not _is_among(entry, expected)]
    problems = (
        [f"of {len(expected)} {kind}, {len(expected) - len(missing)} were restored; missing: {json.dumps(missing[0])}"] if missing else []
    )
    return problems + ([f"{len(besides)} {kind} are not in the definitions: {json.dumps(besides[0])}"] if besides else [])


def _is_among(entry: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of the others says the same: rabbitmqctl, which exports, and the API, which is asked, each leave some keys out."""
    return any(all(entry[key] == other[key] for key in entry.keys() & other.keys() - {"vhost"}) for other in others)


__all__ = ["part", "restored_problems", "users", "words"]
