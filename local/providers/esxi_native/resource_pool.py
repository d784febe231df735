"""Resource pools: shares of a host's processors and memory."""

from __future__ import annotations

from typing_extensions import override

from local.providers.base import Resource
from local.providers.esxi_native.engine import Engine
from local.providers.properties import Property, Refusals
from local.providers.wire import UNKNOWN, Properties

TRUTHS = ("true", "false")


class ResourcePool(Resource[Engine]):
    """A resource pool; its ID is its name. It has no counterpart in the container engine: the state keeps what the program says."""

    token = "esxi-native:index:ResourcePool"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("cpuMax", "integer", minimum=0),
        Property("cpuMin", "integer", default=100, minimum=0),
        Property("cpuMinExpandable", default="true", choices=TRUTHS),
        Property("cpuShares", default="normal"),
        Property("memMax", "integer", minimum=0),
        Property("memMin", "integer", default=200, minimum=0),
        Property("memMinExpandable", default="true", choices=TRUTHS),
        Property("memShares", default="normal"),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a name that begins with a slash: that is the host's own pool."""
        name = inputs.get("name")
        if name is not UNKNOWN and str(name).startswith("/"):
            refusals.add("name", f"{name!r} begins with a slash, which is the host's own pool")

    @override
    def create(self, client: Engine, inputs: Properties) -> tuple[str, Properties]:
        """Keep it."""
        return inputs["name"], inputs

    @override
    def read(self, client: Engine, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The pool as it is known."""
        return resource_id, {**state, "name": resource_id}

    @override
    def update(self, client: Engine, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Keep the new shares."""
        return new

    @override
    def delete(self, client: Engine, resource_id: str, state: Properties) -> None:
        """Forget it."""
