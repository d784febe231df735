"""Why cert-manager has not issued a certificate: the one sentence that its chain of objects ends in. Pure functions.

A Certificate is asked for by a CertificateRequest, which makes an Order at the ACME server, which sets a Challenge for each name:
https://cert-manager.io/docs/troubleshooting/acme/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ops.names import Answer, challenge_words

Item = Mapping[str, Any]

CERTIFICATE_NAME = "cert-manager.io/certificate-name"
REVISION = "cert-manager.io/certificate-revision"
CHALLENGE_DONE = ("valid",)
FAILED_STATES = ("invalid", "expired", "errored")
FIRST_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(hours=32)
"""cert-manager doubles the pause after each failure, from the first to the longest: https://cert-manager.io/docs/faq/."""

TOKEN_REMEDY = "pulumi config set --secret highstreetly:digitalocean_token, for the stack of the cluster; then ./hs up it"
ISSUER_REMEDY = "mend what the issuer says; cert-manager tries again by itself within minutes"
LIMIT_REMEDY = "wait; meanwhile highstreetly:environment.public.issuer letsencrypt-staging has wider limits (browsers do not trust it)"


@dataclass(frozen=True)
class Cause:
    """Why there is no new certificate, in a sentence without its full stop, and what mends it."""

    sentence: str
    remedy: str = ""


class Objects:
    """The cluster's objects by kind, and who made whom."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)

    def of(self, kind: str) -> list[Item]:
        """All objects of a kind."""
        return [item for item in self.items if item.get("kind") == kind]

    def named(self, kind: str, name: str) -> Item | None:
        """The object with this name; None where there is none."""
        return next((item for item in self.of(kind) if item["metadata"]["name"] == name), None)

    def request_of(self, certificate: Item) -> Item | None:
        """The newest request for a certificate."""
        name = certificate["metadata"]["name"]
        found = [item for item in self.of("CertificateRequest") if item["metadata"].get("annotations", {}).get(CERTIFICATE_NAME) == name]
        return max(found, key=_age_order, default=None)

    def made_by(self, owner: Item, kind: str) -> list[Item]:
        """The objects of a kind that belong to another object, oldest first."""
        found = [item for item in self.of(kind) if (owner["kind"], owner["metadata"]["name"]) in _owners(item)]
        return sorted(found, key=_age_order)


def _owners(item: Item) -> list[tuple[str, str]]:
    return [(owner["kind"], owner["name"]) for owner in item["metadata"].get("ownerReferences", [])]


def _age_order(item: Item) -> tuple[int, str]:
    metadata = item["metadata"]
    return int(metadata.get("annotations", {}).get(REVISION, 0)), str(metadata.get("creationTimestamp", ""))


def condition(item: Item, kind: str) -> Mapping[str, Any]:
    """One of an object's conditions; empty where it has none of that kind."""
    found: Mapping[str, Any] = next((each for each in item.get("status", {}).get("conditions", []) if each.get("type") == kind), {})
    return found


def is_true(item: Item, kind: str) -> bool:
    """Whether a condition holds."""
    return condition(item, kind).get("status") == "True"


def open_challenges(items: Iterable[Item]) -> set[str]:
    """The names whose challenges are not solved; what DNS says of `_acme-challenge.<name>` tells more about them."""
    challenges = Objects(items).of("Challenge")
    return {item["spec"]["dnsName"] for item in challenges if item.get("status", {}).get("state") not in CHALLENGE_DONE}


def cause_of(certificate: Item, objects: Objects, answers: Mapping[str, Answer]) -> Cause:
    """Why a certificate is not there, or not renewed; ``answers`` are the TXT records by the challenge's name."""
    request = objects.request_of(certificate)
    orders = objects.made_by(request, "Order") if request else []
    challenges = objects.made_by(orders[-1], "Challenge") if orders else []
    retry = retry_words(certificate)
    return (
        _issuer_cause(certificate, objects)
        or _challenge_cause(challenges, answers, retry)
        or (_order_cause(orders[-1], retry) if orders else None)
        or (_request_cause(request, retry) if request else None)
        or _certificate_cause(certificate, retry)
    )


def _issuer_cause(certificate: Item, objects: Objects) -> Cause | None:
    wanted = certificate["spec"]["issuerRef"]
    kind, name = wanted.get("kind", "Issuer"), wanted["name"]
    issuer = objects.named(kind, name)
    if issuer is None:
        known = ", ".join(item["metadata"]["name"] for item in objects.of(kind))
        return Cause(f"there is no issuer {name}; there are {known}", f"public.issuer: one of {known}") if known else None
    if is_true(issuer, "Ready"):
        return None
    message = condition(issuer, "Ready").get("message") or "cert-manager has not looked at it yet"
    return Cause(f"the issuer {name} is not ready: {plain(message)}", ISSUER_REMEDY)


def _challenge_cause(challenges: Sequence[Item], answers: Mapping[str, Answer], retry: str) -> Cause | None:
    for challenge in challenges:
        status, name = challenge.get("status", {}), challenge["spec"]["dnsName"]
        if status.get("state") in CHALLENGE_DONE:
            continue
        message = plain(status.get("reason", ""))
        if is_refused_token(message):
            return Cause(f"DigitalOcean refuses the token that writes the challenge of {name} ({message}){retry}", TOKEN_REMEDY)
        if status.get("state") in FAILED_STATES:
            return Cause(f"the challenge of {name} failed: {message}{retry}")
        record = f"_acme-challenge.{name}"
        seen = challenge_words(answers[record], record, challenge["spec"].get("key", "")) if record in answers else ""
        said = f": {message}" if message else ""
        return Cause(f"the challenge of {name} is not solved yet{said}" + (f" ({seen})" if seen else ""))
    return None


def _order_cause(order: Item, retry: str) -> Cause | None:
    status = order.get("status", {})
    message = plain(status.get("reason", ""))
    if status.get("state") not in FAILED_STATES:
        return Cause(f"the ACME server has not taken the order yet: {message}") if message else None
    if is_rate_limited(message):
        return Cause(f"the ACME server's rate limit is reached: {message}{retry}", LIMIT_REMEDY)
    return Cause(f"the ACME server refused the order: {message or status['state']}{retry}")


def _request_cause(request: Item, retry: str) -> Cause | None:
    for kind in ("Denied", "InvalidRequest"):
        if is_true(request, kind):
            return Cause(f"the request was refused ({kind}): {plain(condition(request, kind).get('message', ''))}{retry}")
    ready = condition(request, "Ready")
    message = plain(ready.get("message", ""))
    if ready.get("status") == "True" or not message:
        return None
    if is_rate_limited(message):
        return Cause(f"the ACME server's rate limit is reached: {message}{retry}", LIMIT_REMEDY)
    return Cause(f"the request {'failed' if ready.get('reason') == 'Failed' else 'waits'}: {message}{retry}")


def _certificate_cause(certificate: Item, retry: str) -> Cause:
    issuing = condition(certificate, "Issuing")
    if issuing.get("status") == "False" and issuing.get("message"):
        return Cause(f"issuing failed: {plain(issuing['message'])}{retry}")
    ready = condition(certificate, "Ready")
    if ready.get("status") == "False" and ready.get("message"):
        return Cause(f"cert-manager says: {plain(ready['message'])}{retry}")
    return Cause(
        "cert-manager has not begun to issue it", "./hs status says it again in a minute; kubectl --namespace cert-manager get pods"
    )


def has_failed(certificate: Item) -> bool:
    """Whether the newest attempt to issue or renew a certificate failed."""
    return bool(certificate.get("status", {}).get("lastFailureTime"))


def retry_words(certificate: Item) -> str:
    """When cert-manager tries again after a failure, as the end of a sentence; empty where nothing failed."""
    retry = retry_time(certificate)
    return f"; cert-manager tries again at {retry:%Y-%m-%d %H:%M} UTC" if retry else ""


def retry_time(certificate: Item) -> datetime | None:
    """When cert-manager tries again after a failure; None where nothing failed."""
    status = certificate.get("status", {})
    if not status.get("lastFailureTime"):
        return None
    failures = max(1, int(status.get("failedIssuanceAttempts", 1)))
    pause: timedelta = min(FIRST_PAUSE * float(2 ** min(failures - 1, 10)), LONGEST_PAUSE)
    return time_of(status["lastFailureTime"]) + pause


def time_of(text: str) -> datetime:
    """A moment as Kubernetes writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_refused_token(message: str) -> bool:
    """Whether a challenge's reason is DigitalOcean's answer to a token that is wrong, expired or too narrow (401 or 403)."""
    return bool(re.search(r"/v2/domains\S*:? (401|403)\b|[Uu]nable to authenticate you", message))


def is_rate_limited(message: str) -> bool:
    """Whether an ACME server refuses more orders for a while: https://letsencrypt.org/docs/rate-limits/."""
    return "rateLimited" in message or "too many certificates" in message or bool(re.search(r"\b429\b", message))


def plain(message: str) -> str:
    """A message in one line without its full stop."""
    return " ".join(str(message).split()).rstrip(".")
