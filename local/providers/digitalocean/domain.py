"""Domains: the zones that DigitalOcean's name servers answer for."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.digitalocean.api import Api
from local.providers.digitalocean.failures import RefusedError
from local.providers.errors import BackendError
from local.providers.properties import Property, Refusals
from local.providers.wire import Properties


class Domain(Resource[Api]):
    """A zone; its ID is its name. Deleting it deletes every record in it. Nothing of it can be changed in place."""

    token = "digitalocean:index/domain:Domain"
    properties = (
        Property("name", required=True, replaces=True),
        Property("ipAddress", replaces=True),
        Property("domainUrn", output=True),
        Property("ttl", "integer", output=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a name that is empty or ends with a dot: the API's names of zones do not."""
        name = inputs.get("name")
        if isinstance(name, str) and (not name or name.endswith(".")):
            refusals.add("name", f"{name!r} is no name of a zone: write it as example.com")

    @override
    def create(self, client: Api, inputs: Properties) -> tuple[str, Properties]:
        """Make the zone; one that exists already is refused, with the command that imports it."""
        name = inputs["name"]
        if client.get("domains", name) is not None:
            raise exists_already(name)
        body = {"name": name, **({"ip_address": inputs["ipAddress"]} if inputs.get("ipAddress") else {})}
        in_doubt = False

        def made_already() -> dict[str, Any] | None:
            nonlocal in_doubt
            in_doubt = True
            return self._found(client, name)

        try:
            made = client.create("domains", body=body, key="domain", made_already=made_already)
        except RefusedError as refused:
            found = self._found(client, name) if refused.status == 422 else None
            if found is None:
                raise
            if not in_doubt:  # somebody else was faster
                raise exists_already(name) from None
            made = found
        return made["name"], _state(made, inputs)

    @override
    def read(self, client: Api, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The zone by its name."""
        found = self._found(client, resource_id)
        return None if found is None else (found["name"], _state(found, state))

    @override
    def update(self, client: Api, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Nothing can be changed in place: every input replaces."""
        return {**old, **new}

    @override
    def delete(self, client: Api, resource_id: str, state: Properties) -> None:
        """Remove the zone and its records."""
        client.delete("domains", resource_id)

    def _found(self, client: Api, name: str) -> dict[str, Any] | None:
        answer = client.get("domains", name)
        return None if answer is None else answer["domain"]


def _state(found: dict[str, Any], known: Properties) -> Properties:
    """The zone as it is; the API does not tell the address it was made with."""
    return {"name": found["name"], "ipAddress": known.get("ipAddress"), "domainUrn": f"do:domain:{found['name']}", "ttl": found.get("ttl")}


def exists_already(name: str) -> BackendError:
    """The zone is there, and not in this stack's state."""
    return BackendError(
        f"The domain {name} exists already in this DigitalOcean account",
        why="another stack, somebody by hand, or an interrupted run made it",
        remedy=f"take it over with `pulumi import digitalocean:index/domain:Domain NAME {name}` (NAME is the resource's name in the "
        "program), or leave it to its owner and only make DnsRecords in it",
    )
