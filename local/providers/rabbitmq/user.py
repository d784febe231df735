"""Users of the broker."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.properties import Property
from local.providers.rabbitmq.management import Management
from local.providers.wire import Properties


class User(Resource[Management]):
    """A user; its ID is its name. The server never tells a password: the state keeps the one it was given."""

    token = "rabbitmq:index/user:User"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("password", required=True, secret=True),
        Property("tags", "list"),
    )

    @override
    def create(self, client: Management, inputs: Properties) -> tuple[str, Properties]:
        """Make the user."""
        return inputs["name"], self._put(client, inputs["name"], inputs)

    @override
    def read(self, client: Management, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The user by its name."""
        found = client.get("users", resource_id)
        return None if found is None else (resource_id, _state(found, state))

    @override
    def update(self, client: Management, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite password and tags."""
        return self._put(client, resource_id, new)

    @override
    def delete(self, client: Management, resource_id: str, state: Properties) -> None:
        """Remove the user; its permissions go with it."""
        client.delete("users", resource_id)

    def _put(self, client: Management, name: str, inputs: Properties) -> Properties:
        client.put("users", name, body={"password": inputs["password"], "tags": ",".join(inputs.get("tags") or ())})
        return _state(client.get("users", name) or {"name": name}, inputs)


def _state(found: dict[str, Any], known: Properties) -> Properties:
    """The tags as the program ordered them, where they are the same ones. Servers before 3.9 tell them as one text."""
    told = found.get("tags") or []
    tags = [tag.strip() for tag in told.split(",") if tag.strip()] if isinstance(told, str) else [tag for tag in told if tag]
    wanted = known.get("tags") or []
    password = {"password": known["password"]} if known.get("password") else {}
    return {"name": found["name"], "tags": wanted if sorted(wanted) == sorted(tags) else tags or None, **password}
