"""Port groups: the networks that machines are put on."""

from __future__ import annotations

from typing_extensions import override

from local.providers.base import Resource
from local.providers.errors import BackendError
from local.providers.esxi_native.engine import Engine
from local.providers.properties import Property, Refusals
from local.providers.wire import UNKNOWN, Properties

VLAN_AT_MOST = 4095


class PortGroup(Resource[Engine]):
    """A port group; its ID is ``switch/name``.

    The network of that name must be there: its addresses, which a port group does not know, belong to whoever makes it. Creating and
    deleting a port group therefore only looks; switch, VLAN and security are kept in the state.
    """

    token = "esxi-native:index:PortGroup"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("vSwitch", required=True, replaces=True),
        Property("vlan", "integer", minimum=0),
        Property("forgedTransmits", "boolean"),
        Property("macChanges", "boolean"),
        Property("promiscuousMode", "boolean"),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a VLAN that is none, and the security settings: the official plugin wants texts where its SDK sends booleans."""
        vlan = inputs.get("vlan")
        if vlan not in (None, UNKNOWN) and vlan > VLAN_AT_MOST:
            refusals.add("vlan", f"{vlan} is too large, the most is {VLAN_AT_MOST}")
        for name in ("forgedTransmits", "macChanges", "promiscuousMode"):
            if inputs.get(name) is not None:
                refusals.add(
                    name, "the official plugin 1.0.0 cannot take it from this SDK: leave it out, the switch's own setting then holds"
                )

    @override
    def create(self, client: Engine, inputs: Properties) -> tuple[str, Properties]:
        """Find the network."""
        if not client.has_network(inputs["name"]):
            raise BackendError(f"There is no network {inputs['name']}", remedy="./hs up makes the estate's; docker network ls shows all")
        return f"{inputs['vSwitch']}/{inputs['name']}", inputs

    @override
    def read(self, client: Engine, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The network of that name, with what is known of it."""
        switch, _, name = resource_id.partition("/")
        return (resource_id, {**state, "vSwitch": switch, "name": name}) if client.has_network(name) else None

    @override
    def update(self, client: Engine, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Keep the new settings."""
        return new

    @override
    def delete(self, client: Engine, resource_id: str, state: Properties) -> None:
        """Leave the network to its owner."""
