"""DNS records of a domain."""

from __future__ import annotations

import contextlib
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.digitalocean.api import Api
from local.providers.digitalocean.failures import RefusedError, zone_missing
from local.providers.digitalocean.names import fqdn, is_doubtful, is_same_name, is_same_value, value_told
from local.providers.errors import BackendError
from local.providers.properties import Property, Refusals
from local.providers.wire import Properties

TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "TXT", "SRV", "SOA")
CAA_TAGS = ("issue", "issuewild", "iodef")
LARGEST = {"port": 65535, "priority": 65535, "weight": 65535, "flags": 255}
NEEDED = {"MX": ("priority",), "SRV": ("priority", "weight", "port"), "CAA": ("flags", "tag")}
PARTS = ("priority", "port", "weight", "flags", "tag")  # what tells two records of the same name, type and value apart


class DnsRecord(Resource[Api]):
    """A record; its ID is the API's number for it, and it is imported as ``zone,ID``.

    The state keeps the program's spelling of name and value as long as the record means the same.
    """

    token = "digitalocean:index/dnsRecord:DnsRecord"
    properties = (
        Property("domain", required=True, replaces=True),
        Property("type", required=True, replaces=True, choices=TYPES),
        Property("name", autonamed=True),
        Property("value", required=True),
        Property("ttl", "integer", computed=True, minimum=1),
        Property("priority", "integer", minimum=0),
        Property("port", "integer", minimum=0),
        Property("weight", "integer", minimum=0),
        Property("flags", "integer", minimum=0),
        Property("tag", choices=CAA_TAGS),
        Property("fqdn", output=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse empty texts, numbers that are too large, and a type without what it consists of."""
        for text in ("domain", "name", "value"):
            if inputs.get(text) == "":
                refusals.add(text, "it must not be empty" + ("; the domain itself is @" if text == "name" else ""))
        name, domain = inputs.get("name"), inputs.get("domain")
        if isinstance(name, str) and isinstance(domain, str) and name and domain and is_doubtful(name, domain):
            refusals.add(
                "name", f"{name!r} ends in its own domain: leave {domain} out, write @ for the domain itself, or end it with a dot"
            )
        for number, most in LARGEST.items():
            if isinstance(inputs.get(number), int) and inputs[number] > most:
                refusals.add(number, f"{inputs[number]} is too large, the most is {most}")
        kind = inputs.get("type")
        for needed in NEEDED.get(kind, ()) if isinstance(kind, str) else ():
            if inputs.get(needed) is None:
                refusals.add(needed, f"it is required for a record of type {kind}")

    @override
    def create(self, client: Api, inputs: Properties) -> tuple[str, Properties]:
        """Make the record: exactly one, even when the reply to its making is lost."""
        domain = inputs["domain"]
        body = {"type": inputs["type"], **_body(inputs)}
        with client.alone(domain, fqdn(inputs["name"], domain).lower(), inputs["type"]):
            search = Search(client, domain, body)
            try:
                made = client.create("domains", domain, "records", body=body, key="domain_record", made_already=search.made_already)
            except RefusedError:  # a CNAME that a request held for lost has made after all stands in the way of the repeated one
                found = search.made_late()
                if found is None:
                    raise
                made = found
            search.leave_only(made)
        return str(made["id"]), _state(made, domain, inputs)

    @override
    def read(self, client: Api, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The record by its number in the domain of the state, or by ``zone,ID``."""
        domain, number = _place(resource_id, state)
        answer = client.get("domains", domain, "records", number)
        return None if answer is None else (number, _state(answer["domain_record"], domain, state))

    @override
    def update(self, client: Api, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Overwrite it; a TTL the program does not say stays as it is."""
        domain, number = _place(resource_id, old)
        answer = client.put("domains", domain, "records", number, body=_body({"ttl": old.get("ttl"), **new}))
        if answer is None:
            raise BackendError(
                f"The record {fqdn(old['name'], domain)} ({old['type']}, number {number}) cannot be changed",
                why="it is gone: somebody removed it after Pulumi last looked",
                remedy="run `pulumi refresh`, then the same command again: it makes the record anew",
            )
        return _state(answer["domain_record"], domain, new)

    @override
    def delete(self, client: Api, resource_id: str, state: Properties) -> None:
        """Remove the record."""
        domain, number = _place(resource_id, state)
        client.delete("domains", domain, "records", number)


class Search:
    """Finds the record that a request of unknown outcome has made: identical, and not there when the search began."""

    def __init__(self, client: Api, domain: str, body: Properties) -> None:
        self._client = client
        self._domain = domain
        self._body = body
        self._in_doubt = False
        self._before = {record["id"] for record in self._identical()}

    def made_already(self) -> dict[str, Any] | None:
        """The record, or None when there is none (yet)."""
        self._in_doubt = True
        return next(iter(self._new()), None)

    def made_late(self) -> dict[str, Any] | None:
        """The record of a request that was held for lost, None where none was."""
        return next(iter(self._new()), None) if self._in_doubt else None

    def leave_only(self, made: dict[str, Any]) -> None:
        """Remove what a request that was held for lost has made after all, beside the record that counts.

        A failure here is not told: the record is made, and a failed creation would lose its number and make it again.
        """
        if not self._in_doubt:
            return
        with contextlib.suppress(BackendError):
            for record in self._new():
                if record["id"] != made["id"]:
                    self._client.delete("domains", self._domain, "records", str(record["id"]))

    def _new(self) -> list[dict[str, Any]]:
        return [record for record in self._identical() if record["id"] not in self._before]

    def _identical(self) -> list[dict[str, Any]]:
        kind, name = self._body["type"], self._body["name"]
        query = {"type": kind, "name": fqdn(name, self._domain)}
        records = self._client.every("domains", self._domain, "records", key="domain_records", query=query)
        if records is None:
            raise zone_missing(self._domain)
        return [record for record in records if self._is_identical(record)]

    def _is_identical(self, record: dict[str, Any]) -> bool:
        wanted = self._body
        return (
            record["type"] == wanted["type"]
            and is_same_name(record["name"], wanted["name"], self._domain)
            and is_same_value(wanted["type"], value_told(record), wanted["data"], self._domain)
            and all((record.get(part) or 0) == (wanted.get(part) or 0) for part in PARTS)
        )


def _body(inputs: Properties) -> Properties:
    """What the official provider sends: three of the numbers always, the rest where it is said."""
    always = {name: inputs.get(name) or 0 for name in ("priority", "weight", "flags")}
    said = {name: inputs[name] for name in ("ttl", "port", "tag") if inputs.get(name)}
    return {"name": inputs["name"], "data": inputs["value"], **always, **said}


def _state(found: dict[str, Any], domain: str, known: Properties) -> Properties:
    name, value = found["name"], value_told(found)
    if known.get("name") and is_same_name(known["name"], name, domain):
        name = known["name"]
    if known.get("value") and is_same_value(found["type"], known["value"], value, domain):
        value = known["value"]
    told = {part: found.get(part) for part in ("ttl", *PARTS)}
    return {"domain": domain, "type": found["type"], "name": name, "value": value, **told, "fqdn": fqdn(found["name"], domain)}


def _place(resource_id: str, state: Properties) -> tuple[str, str]:
    """Domain and number of a record; raises BackendError for an ID of any other form."""
    domain, _, number = resource_id.rpartition(",")
    domain = domain or str(state.get("domain") or "")
    if not domain or not number.isdigit():
        raise BackendError(
            f"{resource_id!r} is no ID of a DNS record",
            remedy="import it as ZONE,NUMBER; `doctl compute domain records list ZONE` lists the numbers",
        )
    return domain, number
