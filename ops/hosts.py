"""The public names of an environment at a glance: where each leads, and what its certificate is."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address

from ops import names
from ops.certificates import CertificateState, read_certificates
from ops.errors import PlatformError
from settings.load import Settings
from settings.public import PublicHost, public_hosts

UNKNOWN = "unknown"
"""Of a certificate, where the cluster does not answer."""


@dataclass(frozen=True)
class HostStatus:
    """One public name: what DNS says of it beside what it should say, and its certificate."""

    host: str
    url: str
    address: str
    """What the zones' own name server answers; empty where that is nothing."""
    expected: str
    certificate: str
    """valid, issuing, renewal fails, near its end, expired, missing, or unknown (the cluster did not answer)."""
    expires: datetime | None = None
    issuer: str = ""
    reason: str = ""
    """What is wrong, in whole sentences; empty where nothing is."""
    remedy: str = ""

    @property
    def good(self) -> bool:
        """Whether the name leads to the environment and its certificate needs nobody's attention."""
        return self.leads_here and self.certificate == "valid"

    @property
    def leads_here(self) -> bool:
        """Whether the A record says exactly what it should."""
        return self.address == self.expected

    def as_json(self) -> dict[str, object]:
        """The public fields; ``expires`` is ISO 8601 in UTC, or null."""
        return {
            "host": self.host,
            "url": self.url,
            "address": self.address,
            "expected": self.expected,
            "certificate": self.certificate,
            "expires": self.expires.isoformat() if self.expires else None,
            "issuer": self.issuer,
            "reason": self.reason,
            "remedy": self.remedy,
        }


def read_hosts(settings: Settings) -> list[HostStatus]:
    """Ask the name server and the cluster about every public name, at once; what does not answer is in the reason. Never raises."""
    environment = settings.environment
    hosts = public_hosts(settings.catalogue, environment) if environment else []
    if environment is None or environment.public is None or not hosts:
        return []
    public = environment.public
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked = [pool.submit(names.ask, public.nameserver, host.host, "A") for host in hosts]
        certified = pool.submit(_certificates, settings.stack, hosts, public.nameserver)
        answers = [answer.result() for answer in asked]
    return [
        host_status(host, answer, public.address, certificate)
        for host, answer, certificate in zip(hosts, answers, certified.result(), strict=True)
    ]


def _certificates(namespace: str, hosts: Sequence[PublicHost], nameserver: str) -> list[CertificateState]:
    try:
        return read_certificates(namespace, hosts, nameserver)
    except PlatformError as failed:
        reason = f"The certificates' state is unknown: {failed.what}"
        return [CertificateState(host.host, UNKNOWN, reason=reason, remedy=failed.remedy) for host in hosts]


def host_status(host: PublicHost, answer: names.Answer, expected: IPv4Address, certificate: CertificateState) -> HostStatus:
    """What DNS and the cluster said, as one."""
    problem = names.address_problem(answer, host.host, expected)
    sentences = [f"{problem}." if problem else "", certificate.reason]
    return HostStatus(
        host=host.host,
        url=host.url,
        address=", ".join(answer.records),
        expected=str(expected),
        certificate=certificate.state,
        expires=certificate.expires,
        issuer=certificate.issuer,
        reason=" ".join(sentence for sentence in sentences if sentence),
        remedy=certificate.remedy,
    )


__all__ = ["HostStatus", "host_status", "read_hosts"]
