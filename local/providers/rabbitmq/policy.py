"""Policies: settings for every queue or exchange whose name fits a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from local.providers.base import Resource
from local.providers.properties import Property
from local.providers.rabbitmq.management import Management, split_id
from local.providers.wire import Properties

WHOLE_NUMBER = re.compile(r"[+-]?\d+")


class Policy(Resource[Management]):
    """A policy; the ID is ``name@vhost``. Of several that fit, the one of the highest priority applies."""

    token = "rabbitmq:index/policy:Policy"
    collection: ClassVar[str] = "policies"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("vhost", required=True, replaces=True),
        Property("policy", "object", required=True, fields=(
            Property("pattern", required=True),
            Property("priority", "integer", required=True),
            Property("applyTo", required=True),
            Property("definition", "map", required=True),
        )),
    )  # fmt: skip

    @override
    def create(self, client: Management, inputs: Properties) -> tuple[str, Properties]:
        """Declare it."""
        return f"{inputs['name']}@{inputs['vhost']}", self._put(client, inputs)

    @override
    def read(self, client: Management, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The policy by its name in its vhost."""
        name, vhost = split_id(resource_id, "name")
        found = client.get(self.collection, vhost, name)
        return None if found is None else (resource_id, {"name": name, "vhost": vhost, "policy": from_api(found)})

    @override
    def update(self, client: Management, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite it."""
        return self._put(client, new)

    @override
    def delete(self, client: Management, resource_id: str, state: Properties) -> None:
        """Remove it."""
        name, vhost = split_id(resource_id, "name")
        client.delete(self.collection, vhost, name)

    def _put(self, client: Management, inputs: Properties) -> Properties:
        client.put(self.collection, inputs["vhost"], inputs["name"], body=to_api(inputs["policy"]))
        return inputs


class OperatorPolicy(Policy):
    """A policy of the operator, which users of the vhost cannot change and which wins over theirs."""

    token = "rabbitmq:index/operatorPolicy:OperatorPolicy"
    collection = "operator-policies"


def to_api(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the API. A definition arrives as texts: those that look like whole numbers become numbers, as upstream."""
    given: Mapping[str, str] = policy["definition"]
    definition: dict[str, Any] = {key: int(value) if WHOLE_NUMBER.fullmatch(value) else value for key, value in given.items()}
    if definition.get("ha-mode") == "nodes" and isinstance(definition.get("ha-params"), str):
        definition["ha-params"] = definition["ha-params"].split(",")
    return {"pattern": policy["pattern"], "priority": policy["priority"], "apply-to": policy["applyTo"], "definition": definition}


def from_api(found: Mapping[str, Any]) -> dict[str, Any]:
    """The policy as the SDK has it: every value of the definition a text."""
    definition = {key: _text(value) for key, value in found["definition"].items()}
    return {"pattern": found["pattern"], "priority": found["priority"], "applyTo": found["apply-to"], "definition": definition}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
