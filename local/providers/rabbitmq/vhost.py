"""Virtual hosts: an environment's own world of exchanges, queues and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.properties import Property, Refusals
from local.providers.rabbitmq.management import Management
from local.providers.wire import UNKNOWN, Properties

LIMITS = {"maxConnections": "max-connections", "maxQueues": "max-queues"}
UNDEFINED = "undefined"  # what servers answer for a default queue type nobody set


class VHost(Resource[Management]):
    """A vhost; its ID is its name.

    A server older than 3.11 takes a default queue type without a word and never tells one: the state then keeps what the
    program said, as with the official provider, which does not read it at all.
    """

    token = "rabbitmq:index/vHost:VHost"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("description"),
        Property("defaultQueueType"),
        Property("tracing", "boolean"),
        Property("maxConnections"),
        Property("maxQueues"),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse limits that are no whole numbers; the SDK has them as texts."""
        for name in LIMITS:
            value = inputs.get(name)
            if value not in (None, "", UNKNOWN) and not str(value).lstrip("-").isdigit():
                refusals.add(name, f"{value!r} is not a whole number")

    @override
    def create(self, client: Management, inputs: Properties) -> tuple[str, Properties]:
        """Make the vhost and set its limits."""
        name = inputs["name"]
        client.put("vhosts", name, body=settings(inputs))
        self._limit(client, name, {}, inputs)
        return name, self._state(client, name, inputs)

    @override
    def read(self, client: Management, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The vhost by its name."""
        if client.get("vhosts", resource_id) is None:
            return None
        return resource_id, self._state(client, resource_id, state)

    @override
    def update(self, client: Management, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite its settings, change its limits."""
        client.put("vhosts", resource_id, body=settings(new))
        self._limit(client, resource_id, old, new)
        return self._state(client, resource_id, new)

    @override
    def delete(self, client: Management, resource_id: str, state: Properties) -> None:
        """Remove it with everything in it."""
        client.delete("vhosts", resource_id)

    def _limit(self, client: Management, name: str, old: Properties, new: Properties) -> None:
        for key, limit in LIMITS.items():
            if new.get(key):
                client.put("vhost-limits", name, limit, body={"value": int(new[key])})
            elif old.get(key):
                client.delete("vhost-limits", name, limit)

    def _state(self, client: Management, name: str, known: Properties) -> Properties:
        vhost = client.get("vhosts", name) or {}
        found = client.get("vhost-limits", name) or []
        limits: Mapping[str, Any] = found[0]["value"] if found else {}
        wanted, told = known.get("defaultQueueType"), vhost.get("default_queue_type")
        return {
            "name": name,
            "description": vhost.get("description") or None,
            "tracing": bool(vhost.get("tracing")),
            "defaultQueueType": told if wanted and told not in (None, "", UNDEFINED) else wanted,  # unsaid, it is the node's
            **{key: str(limits[limit]) if limit in limits else None for key, limit in LIMITS.items()},
        }


def settings(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The body that makes or overwrites a vhost."""
    body: dict[str, Any] = {"tracing": bool(inputs.get("tracing")), "description": inputs.get("description") or ""}
    if inputs.get("defaultQueueType"):
        body["default_queue_type"] = inputs["defaultQueueType"]
    return body
