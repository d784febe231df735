"""What a user may configure, write and read in a vhost: patterns of resource names, and of routing keys on topic exchanges."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.properties import Property
from local.providers.rabbitmq.management import Management, split_id
from local.providers.wire import Properties

VHOST = Property("vhost", default="/", replaces=True)
USER = Property("user", required=True, replaces=True)


class Permissions(Resource[Management]):
    """A user's permissions in a vhost; the ID is ``user@vhost``."""

    token = "rabbitmq:index/permissions:Permissions"
    properties = (
        USER,
        VHOST,
        Property("permissions", "object", required=True, fields=(
            Property("configure", required=True), Property("write", required=True), Property("read", required=True),
        )),
    )  # fmt: skip

    @override
    def create(self, client: Management, inputs: Properties) -> tuple[str, Properties]:
        """Set them."""
        return f"{inputs['user']}@{inputs['vhost']}", self._put(client, inputs)

    @override
    def read(self, client: Management, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The permissions of the user in the vhost."""
        user, vhost = split_id(resource_id, "user")
        found = client.get("permissions", vhost, user)
        return None if found is None else (resource_id, {"user": user, "vhost": vhost, "permissions": _patterns(found)})

    @override
    def update(self, client: Management, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite them."""
        return self._put(client, new)

    @override
    def delete(self, client: Management, resource_id: str, state: Properties) -> None:
        """Take them away."""
        user, vhost = split_id(resource_id, "user")
        client.delete("permissions", vhost, user)

    def _put(self, client: Management, inputs: Properties) -> Properties:
        client.put("permissions", inputs["vhost"], inputs["user"], body=_patterns(inputs["permissions"]))
        return inputs


class TopicPermissions(Resource[Management]):
    """A user's permissions by routing key, one entry an exchange; the ID is ``user@vhost``."""

    token = "rabbitmq:index/topicPermissions:TopicPermissions"
    properties = (
        USER,
        VHOST,
        Property("permissions", "set", required=True, fields=(
            Property("exchange", required=True), Property("write", required=True), Property("read", required=True),
        )),
    )  # fmt: skip

    @override
    def create(self, client: Management, inputs: Properties) -> tuple[str, Properties]:
        """Set them."""
        self._put(client, inputs)
        return f"{inputs['user']}@{inputs['vhost']}", inputs

    @override
    def read(self, client: Management, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The topic permissions of the user in the vhost; none at all is the same as not there."""
        user, vhost = split_id(resource_id, "user")
        found = client.get("topic-permissions", vhost, user)
        if not found:
            return None
        entries = [{key: entry[key] for key in ("exchange", "write", "read")} for entry in found]
        return resource_id, {"user": user, "vhost": vhost, "permissions": entries}

    @override
    def update(self, client: Management, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite them; the API can only remove all at once, so it does where an exchange is left out."""
        kept = {entry["exchange"] for entry in new["permissions"]}
        if any(entry["exchange"] not in kept for entry in old.get("permissions") or ()):
            client.delete("topic-permissions", new["vhost"], new["user"])
        self._put(client, new)
        return new

    @override
    def delete(self, client: Management, resource_id: str, state: Properties) -> None:
        """Take them away."""
        user, vhost = split_id(resource_id, "user")
        client.delete("topic-permissions", vhost, user)

    def _put(self, client: Management, inputs: Properties) -> None:
        for entry in inputs["permissions"]:
            client.put("topic-permissions", inputs["vhost"], inputs["user"], body=dict(entry))


def _patterns(found: dict[str, Any]) -> dict[str, str]:
    return {key: found.get(key) or "" for key in ("configure", "write", "read")}
