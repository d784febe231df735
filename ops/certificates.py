"""The certificates of an environment's public names: what serves now, until when, and why a new one is not there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from ops import names
from ops.errors import PlatformError
from ops.issuance import Cause, Item, Objects, cause_of, has_failed, is_true, open_challenges, time_of
from ops.kubernetes import get_items
from settings.public import PublicHost

CERT_MANAGER_KINDS = (
    "certificates.cert-manager.io",
    "certificaterequests.cert-manager.io",
    "orders.acme.cert-manager.io",
    "challenges.acme.cert-manager.io",
)
ISSUERS = "clusterissuers.cert-manager.io"
OTHER_KINDS = ("ingresses", "secrets")
NEAR_END = timedelta(days=21)
"""Let's Encrypt's 90 days are renewed after 60; a certificate with less than three weeks missed that."""
NEAR_END_SHARE = 4
"""A certificate that lives shorter than that is near its end in the last quarter of its life; cert-manager renews at the last third."""


@dataclass(frozen=True)
class Served:
    """A certificate as it is served."""

    issuer: str
    expires: datetime
    begins: datetime
    hosts: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Whether it names the host, itself or as one label below a wildcard."""
        return host in self.hosts or f"*.{host.partition('.')[2]}" in self.hosts

    def is_near_end(self, now: datetime) -> bool:
        """Whether it should have been renewed by now."""
        return self.expires - now < min(NEAR_END, (self.expires - self.begins) / NEAR_END_SHARE)


@dataclass(frozen=True)
class CertificateState:
    """A public name's certificate: ``state`` is valid, issuing, renewal fails, near its end, expired or missing."""

    host: str
    state: str
    expires: datetime | None = None
    issuer: str = ""
    reason: str = ""
    """A sentence, empty where all is well."""
    remedy: str = ""

    @property
    def good(self) -> bool:
        """Whether browsers get a certificate that needs nobody's attention."""
        return self.state == "valid"


def read_certificates(namespace: str, hosts: Sequence[PublicHost], nameserver: str) -> list[CertificateState]:
    """Ask the cluster, and for unsolved challenges the zones' name server; raises PlatformError when the cluster does not answer."""
    items, installed = _items(namespace)
    challenged = [f"_acme-challenge.{name}" for name in sorted(open_challenges(items))]
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = dict(zip(challenged, pool.map(lambda name: names.ask(nameserver, name, "TXT"), challenged), strict=True))
    return certificate_states(hosts, items, answers, datetime.now(UTC), installed=installed)


def _items(namespace: str) -> tuple[list[Item], bool]:
    """(the objects, whether cert-manager is installed)."""
    try:
        return list(get_items(namespace, *CERT_MANAGER_KINDS, ISSUERS, *OTHER_KINDS)), True
    except PlatformError as failed:
        if "doesn't have a resource type" in failed.why:
            return list(get_items(namespace, *OTHER_KINDS)), False
        if "orbidden" not in failed.why:
            raise
        # Whoever may read one namespace only learns of an issuer's trouble from the requests' own words.
        return list(get_items(namespace, *CERT_MANAGER_KINDS, *OTHER_KINDS)), True


def certificate_states(
    hosts: Iterable[PublicHost], items: Iterable[Item], answers: Mapping[str, names.Answer], now: datetime, *, installed: bool = True
) -> list[CertificateState]:
    """The state of every host's certificate; ``answers`` are the TXT records of unsolved challenges by their full name."""
    objects = Objects(items)
    return [_state(host, objects, answers, now, installed=installed) for host in hosts]


def _state(host: PublicHost, objects: Objects, answers: Mapping[str, names.Answer], now: datetime, *, installed: bool) -> CertificateState:
    secret = objects.named("Secret", host.secret)
    served = served_by(secret) if secret else None
    if served and not served.covers(host.host):
        served = None
    certificate = next((item for item in objects.of("Certificate") if item["spec"].get("secretName") == host.secret), None)
    if certificate is None:
        cause = _missing(host, objects, installed=installed)
    elif needs_attention(certificate, served, now):
        cause = cause_of(certificate, objects, answers)
    else:
        cause = None
    state = state_word(certificate, served, now)
    reason = f"{cause.sentence}; {served_words(served, now)}." if cause else ""
    return CertificateState(
        host.host,
        state,
        served.expires if served else None,
        served.issuer if served else "",
        reason[:1].upper() + reason[1:],
        cause.remedy if cause else "",
    )


def _missing(host: PublicHost, objects: Objects, *, installed: bool) -> Cause:
    if not installed:
        return Cause("cert-manager is not installed in this cluster", "./hs up the stack of the cluster")
    ingresses = [item for item in objects.of("Ingress") if host.secret in [tls.get("secretName") for tls in item["spec"].get("tls", [])]]
    if not ingresses:
        return Cause(f"no Ingress asks for a certificate of {host.host}", "./hs up the environment")
    return Cause(
        f"cert-manager has not yet seen the Ingress {ingresses[0]['metadata']['name']}", "kubectl --namespace cert-manager get pods"
    )


def needs_attention(certificate: Item, served: Served | None, now: datetime) -> bool:
    """Whether something is to be said of a certificate."""
    return state_word(certificate, served, now) != "valid"


def state_word(certificate: Item | None, served: Served | None, now: datetime) -> str:
    """The state in a word or two, as CertificateState lists them."""
    failed = certificate is not None and has_failed(certificate)
    if served is None:
        return "missing" if certificate is None or failed else "issuing"
    if served.expires <= now:
        return "expired"
    if failed:
        return "renewal fails"
    if served.is_near_end(now):
        return "near its end"
    if certificate is None:
        return "missing"
    return "valid" if is_true(certificate, "Ready") else "issuing"


def served_words(served: Served | None, now: datetime) -> str:
    """What browsers get meanwhile, as the end of a sentence."""
    if served is None:
        return "no certificate is served"
    if served.expires <= now:
        return f"the old certificate expired on {served.expires:%Y-%m-%d %H:%M} UTC and browsers refuse it"
    return f"the certificate of {served.begins:%Y-%m-%d} keeps serving until {served.expires:%Y-%m-%d %H:%M} UTC"


def served_by(secret: Item) -> Served | None:
    """The certificate in a TLS Secret; None where there is none that can be read."""
    try:
        return describe(x509.load_pem_x509_certificate(base64.b64decode(secret.get("data", {}).get("tls.crt", ""))))
    except ValueError:
        return None


def describe(certificate: x509.Certificate) -> Served:
    """The parts of a certificate that matter here."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        found = []
    issuer = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(issuer[0].value) if issuer else certificate.issuer.rfc4514_string()
    return Served(name, certificate.not_valid_after_utc, certificate.not_valid_before_utc, tuple(found))


__all__ = ["CertificateState", "Served", "certificate_states", "describe", "read_certificates", "served_by", "time_of"]
