"""The causes that DNS and the certificates of public names show. Pure functions over what `./hs status` reads as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ops.hosts import HostStatus
from ops.issuance import ISSUER_REMEDY, LIMIT_REMEDY, TOKEN_REMEDY
from ops.why.cause import Cause, Kind
from ops.why.facts import Facts

SHARED = (TOKEN_REMEDY, ISSUER_REMEDY, LIMIT_REMEDY)
"""What mends every name at once is one cause."""
UNKNOWN = "unknown"


def public_causes(facts: Facts) -> Iterator[Cause]:
    """A cause for each public name that leads elsewhere, and for each certificate that needs attention."""
    for host in facts.hosts:
        record, certificate = sentences(host)
        if not host.leads_here:
            yield _record(facts, host, record)
        if host.certificate not in ("valid", UNKNOWN):
            yield _certificate(facts, host, certificate, facts.now)


def sentences(host: HostStatus) -> tuple[str, str]:
    """What is said of a name's record, and of its certificate."""
    if host.leads_here:
        return "", host.reason
    record, _, certificate = host.reason.partition(". ")
    return record.rstrip("."), certificate


def _record(facts: Facts, host: HostStatus, sentence: str) -> Cause:
    words = sentence or f"{host.host} leads to {host.address or 'nothing'}; it should say {host.expected}"
    silent = "name server" in words
    return Cause(
        kind=Kind.DNS,
        subject=host.host,
        sentence=words,
        seen=(f"A record of {host.host}: {host.address or 'none'}, expected {host.expected}",),
        dependency="the zones' name server" if silent else "DNS",
        next=f"./hs verify {facts.environment}" if silent else facts.refresh,
        root=f"dns:{words.replace(host.host, '')}",
    )


def _certificate(facts: Facts, host: HostStatus, sentence: str, now: datetime) -> Cause:
    until = f", until {host.expires:%Y-%m-%d %H:%M} UTC" if host.expires else ""
    state = "has expired" if host.certificate == "expired" else host.certificate
    words = sentence[:1].lower() + sentence[1:].rstrip(".")
    expired = host.expires if host.expires and host.expires <= now else None
    return Cause(
        kind=Kind.CERTIFICATE,
        subject=host.host,
        sentence=f"the certificate of {host.host} {_verb(state)}" + (f": {words}" if words else ""),
        since=expired,
        seen=(f"certificate of {host.host}: {host.certificate}{until}",),
        dependency=host.issuer,
        next=host.remedy or f"kubectl --namespace {facts.environment} get certificates,certificaterequests,orders,challenges",
        root=f"certificate:{host.remedy}" if host.remedy in SHARED else f"certificate:{host.host}",
    )


def _verb(state: str) -> str:
    return {
        "issuing": "is being issued",
        "renewal fails": "cannot be renewed",
        "near its end": "is near its end and not renewed",
        "missing": "is missing",
    }.get(state, state)


__all__ = ["public_causes", "sentences"]
