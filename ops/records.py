"""Before a deploy: DNS records at its names that somebody else made, so that none is doubled or overwritten."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import httpx

from ops.errors import InputError, PlatformError
from settings.load import ADOPTED_RECORDS_VARIABLE, Settings
from settings.public import PublicHost, public_hosts

RECORD_TYPE = "digitalocean:index/dnsRecord:DnsRecord"
KINDS = ("A", "AAAA", "CNAME")
"""What decides where a browser goes."""
PER_PAGE = 200
"""DigitalOcean's most: https://docs.digitalocean.com/reference/api/digitalocean/."""
PAGES_MAX = 100
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Record:
    """A record as DigitalOcean holds it; ``host`` is its full name, ``id`` the API's number."""

    id: str
    zone: str
    host: str
    kind: str
    value: str


@dataclass(frozen=True)
class Clash:
    """A record at one of an environment's names that its stack does not own."""

    record: Record
    host: PublicHost
    address: IPv4Address
    stack: str
    interrupted: bool = False
    """Whether a deploy that broke off was about to make this very record: then it did, and only could not write it down."""

    @property
    def adoptable(self) -> bool:
        """Whether it is an A record with exactly the wanted address."""
        return self.record.kind == "A" and self.record.value == str(self.address)

    @property
    def import_command(self) -> str:
        """What takes the record into the stack as it is; the run after it makes it say what the environment wants.

        `pulumi import` would give it no parent, and so another identity than the program's.
        """
        adopted = json.dumps({self.record.host: self.record.id})
        return f"{ADOPTED_RECORDS_VARIABLE}='{adopted}' pulumi up --stack {self.stack}"

    @property
    def remedy(self) -> str:
        """What mends it."""
        if self.adoptable:
            return f"import it ({self.import_command}), or set highstreetly:environment.public.existing_records: adopt"
        choice = f"delete record {self.record.id} of zone {self.record.zone} at DigitalOcean, or give {self.stack} another host"
        return f"{choice}, or import it, which lets the next run change it: {self.import_command}" if self.record.kind == "A" else choice

    def __str__(self) -> str:
        return f"{self.record.host} has a {self.record.kind} record ({self.record.value}) that {self.stack} did not make: {self.remedy}"


def existing_records(settings: Settings, token: str) -> list[Record]:
    """The A, AAAA and CNAME records at the environment's public names, as DigitalOcean's API lists them.

    A zone that this very stack makes may be missing. Raises InputError for a refused token or a missing zone, PlatformError where the API
    does not answer.
    """
    environment = settings.environment
    if environment is None or environment.public is None:
        return []
    own_zones = settings.cluster.dns.zones if settings.cluster and settings.cluster.dns else ()
    headers = {"Authorization": f"Bearer {token}"}
    found: list[Record] = []
    with httpx.Client(base_url=environment.public.digitalocean_api, headers=headers, timeout=TIMEOUT_SECONDS) as client:
        for host in public_hosts(settings.catalogue, environment):
            found += _records_at(client, host, may_be_missing=host.zone in own_zones)
    return found


def _records_at(client: httpx.Client, host: PublicHost, *, may_be_missing: bool) -> list[Record]:
    found: list[Record] = []
    for page in range(1, PAGES_MAX + 1):
        try:
            answer = client.get(f"/v2/domains/{host.zone}/records", params={"name": host.host, "per_page": PER_PAGE, "page": page})
        except httpx.HTTPError as failed:
            raise PlatformError(
                "DigitalOcean's API does not answer; nothing was changed.",
                why=f"{client.base_url}: {failed}",
                remedy="run the command again",
            ) from failed
        if answer.status_code == httpx.codes.NOT_FOUND and may_be_missing:
            return []
        _require_success(answer, host.zone)
        body = answer.json()
        found += [record_of(each, host.zone) for each in body["domain_records"]]
        if not (body.get("links") or {}).get("pages", {}).get("next"):
            break
    return [record for record in found if record.kind in KINDS and record.host == host.host]


def _require_success(answer: httpx.Response, zone: str) -> None:
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise InputError(
            "The DigitalOcean token is refused.",
            why=f"GET {answer.request.url.path}: {answer.status_code}",
            remedy="pulumi config set --secret highstreetly:digitalocean_token",
        )
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise InputError(
            f"There is no zone {zone} at DigitalOcean.",
            why="the stack of the cluster makes it: highstreetly:cluster.dns.zones",
            remedy="./hs up that stack first; a zone that somebody made by hand is imported: docs/runbooks",
        )
    if not answer.is_success:
        raise PlatformError(
            "DigitalOcean's API refused to list the records; nothing was changed.",
            why=f"GET {answer.request.url.path}: {answer.status_code} {answer.text[:200]}",
            remedy="run the command again" + (" in a minute" if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else ""),
        )


def record_of(found: Mapping[str, Any], zone: str) -> Record:
    """A record of the API, with its full name."""
    name = str(found["name"]).rstrip(".")
    host = zone if name == "@" else name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}"
    return Record(str(found["id"]), zone, host, str(found["type"]), str(found["data"]).rstrip("."))


def clashes(
    found: Sequence[Record],
    hosts: Sequence[PublicHost],
    owned_ids: Collection[str],
    *,
    address: IPv4Address,
    stack: str,
    pending_hosts: Collection[str] = (),
) -> list[Clash]:
    """Records at the environment's names that the stack does not own, in the hosts' order."""
    return [
        Clash(record, host, address, stack, interrupted=is_interrupted(record, host, address, pending_hosts))
        for host in hosts
        for record in found
        if record.host == host.host and record.id not in owned_ids
    ]


def is_interrupted(record: Record, host: PublicHost, address: IPv4Address, pending_hosts: Collection[str]) -> bool:
    """Whether a record is one that a deploy which broke off was about to make."""
    return host.host in pending_hosts and record.kind == "A" and record.value == str(address)


def owned_record_ids(state: Mapping[str, Any]) -> set[str]:
    """The IDs of the DNS records in a stack's state, as `pulumi stack export` prints it."""
    resources = (state.get("deployment") or {}).get("resources") or []
    return {str(resource["id"]) for resource in resources if resource.get("type") == RECORD_TYPE and resource.get("id")}


def pending_record_hosts(state: Mapping[str, Any]) -> set[str]:
    """The full names of the DNS records that a deploy was making when it broke off."""
    operations = (state.get("deployment") or {}).get("pending_operations") or []
    making = [operation["resource"] for operation in operations if operation.get("type") == "creating"]
    inputs = [resource.get("inputs") or {} for resource in making if resource.get("type") == RECORD_TYPE]
    return {one["domain"] if one["name"] == "@" else f"{one['name']}.{one['domain']}" for one in inputs if {"domain", "name"} <= one.keys()}


__all__ = ["Clash", "Record", "clashes", "existing_records", "owned_record_ids", "pending_record_hosts"]
