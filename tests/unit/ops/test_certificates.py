"""What is wrong with a certificate is one sentence, from the end of cert-manager's chain of objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ops import certificates
from ops.certificates import CertificateState, certificate_states
from ops.errors import PlatformError
from ops.names import Answer
from tests.unit.ops.conftest import NOW, public_host

HOST = public_host()
NAME = HOST.secret
RECORD = f"_acme-challenge.{HOST.host}"
TOKEN_REFUSED = 'GET https://api.digitalocean.com/v2/domains/example.test/records?type=TXT: 401 (request "5e8f") Unable to authenticate you'
RATE_LIMITED = (
    "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued for this exact set "
    "of identifiers in the last 168h0m0s, retry after 2026-07-02 03:04:05 UTC"
)
Secrets = Callable[..., dict[str, Any]]
Item = dict[str, Any]


def condition(kind: str, status: bool, message: str = "", reason: str = "") -> Item:
    return {"type": kind, "status": str(status), "message": message, "reason": reason}


def certificate(*conditions: Item, **status: Any) -> Item:
    return {
        "kind": "Certificate",
        "metadata": {"name": NAME},
        "spec": {"secretName": NAME, "dnsNames": [HOST.host], "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}},
        "status": {"conditions": list(conditions)} | status,
    }


def failed_certificate(attempts: int = 1) -> Item:
    failed = condition(
        "Issuing", False, "The certificate request has failed to complete and will be retried: Failed to wait for order", "Failed"
    )
    return certificate(condition("Ready", True), failed, lastFailureTime="2026-07-01T11:00:00Z", failedIssuanceAttempts=attempts)


def request(*conditions: Item, number: int = 1) -> Item:
    annotations = {"cert-manager.io/certificate-name": NAME, "cert-manager.io/certificate-revision": str(number)}
    metadata = {"name": f"{NAME}-{number}", "annotations": annotations, "ownerReferences": [{"kind": "Certificate", "name": NAME}]}
    return {"kind": "CertificateRequest", "metadata": metadata, "status": {"conditions": list(conditions)}}


def order(state: str, reason: str = "", number: int = 1) -> Item:
    owner = {"kind": "CertificateRequest", "name": f"{NAME}-{number}"}
    return {
        "kind": "Order",
        "metadata": {"name": f"{NAME}-{number}-9", "ownerReferences": [owner]},
        "status": {"state": state, "reason": reason},
    }


def challenge(state: str, reason: str = "", number: int = 1) -> Item:
    owner = {"kind": "Order", "name": f"{NAME}-{number}-9"}
    return {
        "kind": "Challenge",
        "metadata": {"name": f"{NAME}-{number}-9-7", "ownerReferences": [owner]},
        "spec": {"dnsName": HOST.host, "type": "DNS-01", "key": "proof"},
        "status": {"state": state, "reason": reason, "presented": not reason, "processing": True},
    }


def issuer(ready: bool = True, message: str = "The ACME account was registered") -> Item:
    return {"kind": "ClusterIssuer", "metadata": {"name": "letsencrypt"}, "status": {"conditions": [condition("Ready", ready, message)]}}


NOT_READY = certificate(condition("Ready", False, "Issuing certificate as Secret does not exist"), condition("Issuing", True))
INGRESS = {"kind": "Ingress", "metadata": {"name": HOST.object_name}, "spec": {"tls": [{"hosts": [HOST.host], "secretName": NAME}]}}


def state(*items: Item, answers: dict[str, Answer] | None = None, installed: bool = True) -> CertificateState:
    [found] = certificate_states([HOST], [INGRESS, *items], answers or {}, NOW, installed=installed)
    return found


def test_a_ready_certificate_is_valid_and_says_nothing(tls_secret: Secrets) -> None:
    found = state(certificate(condition("Ready", True)), tls_secret(HOST), issuer())
    assert (found.state, found.issuer, found.expires, found.reason, found.good) == (
        "valid",
        "Test Root",
        NOW + timedelta(days=80),
        "",
        True,
    )


def test_a_wildcard_certificate_is_a_name_s_too(tls_secret: Secrets) -> None:
    ready = certificate(condition("Ready", True))
    assert state(ready, tls_secret(HOST, names=("*.example.test", "example.test"))).good
    assert state(ready, tls_secret(HOST, names=("*.test", "other.example.test"))).state == "issuing"


def test_a_token_that_digitalocean_refuses_is_named_with_its_remedy() -> None:
    found = state(
        NOT_READY, request(condition("Ready", False, "waiting", "Pending")), order("pending"), challenge("pending", TOKEN_REFUSED), issuer()
    )
    assert found.state == "issuing"
    assert found.reason.startswith(f"DigitalOcean refuses the token that writes the challenge of {HOST.host} (GET https://")
    assert found.reason.endswith("; no certificate is served.")
    assert "pulumi config set --secret highstreetly:digitalocean_token" in found.remedy


def test_an_acme_server_s_unauthorized_is_no_refused_token() -> None:
    reason = "Error accepting authorization: acme: authorization error: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record"
    found = state(NOT_READY, request(), order("invalid"), challenge("invalid", reason), issuer())
    assert found.reason.startswith(f"The challenge of {HOST.host} failed: Error accepting authorization")
    assert "token" not in found.remedy


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(("proof",)), f"the record {RECORD} is there"),
        (Answer(), f"there is no record {RECORD}"),
        (Answer(("old",)), f"the record {RECORD} says something else"),
        (Answer(problem="the name server ns1 does not answer within 3 s"), "the name server ns1 does not answer"),
    ],
)
def test_a_challenge_that_waits_says_what_dns_answers(answer: Answer, words: str) -> None:
    found = state(NOT_READY, request(), order("pending"), challenge("pending"), issuer(), answers={RECORD: answer})
    assert found.reason.startswith(f"The challenge of {HOST.host} is not solved yet")
    assert words in found.reason


def test_a_refused_order_is_told_in_the_server_s_words() -> None:
    found = state(
        NOT_READY, request(), order("invalid", "Failed to finalize Order: 403 urn:ietf:params:acme:error:caa: CAA forbids"), issuer()
    )
    assert "refused the order: Failed to finalize Order: 403 urn:ietf:params:acme:error:caa: CAA forbids; no" in found.reason


def test_a_rate_limit_is_told_with_both_times_of_the_next_attempt(tls_secret: Secrets) -> None:
    found = state(failed_certificate(attempts=3), tls_secret(HOST, began=-60), request(), order("errored", RATE_LIMITED), issuer())
    assert found.state == "renewal fails"
    assert "retry after 2026-07-02 03:04:05 UTC" in found.reason
    assert "cert-manager tries again at 2026-07-01 15:00 UTC" in found.reason
    assert "the certificate of 2026-05-02 keeps serving until 2026-07-31 12:00 UTC." in found.reason
    assert not found.good


def test_the_pause_between_attempts_has_its_longest() -> None:
    assert "tries again at 2026-07-02 19:00" in state(failed_certificate(attempts=40), request(), order("invalid")).reason


def test_an_issuer_that_is_not_ready_is_the_cause_of_all_else() -> None:
    unreachable = 'Failed to register ACME account: Get "https://acme.test/dir": dial tcp 192.0.2.1:443: connect: connection refused'
    found = state(
        NOT_READY,
        request(condition("Ready", False, "Referenced issuer does not have a Ready status condition", "Pending")),
        issuer(False, unreachable),
    )
    assert found.reason.startswith(f"The issuer letsencrypt is not ready: {unreachable}")


def test_an_issuer_that_is_not_there_is_named_beside_those_that_are() -> None:
    other = issuer() | {"metadata": {"name": "letsencrypt-staging"}}
    assert "there is no issuer letsencrypt; there are letsencrypt-staging" in state(NOT_READY, other).reason.lower()


def test_without_sight_of_issuers_the_request_s_words_are_told() -> None:
    waits = condition("Ready", False, "Referenced issuer does not have a Ready status condition", "Pending")
    assert state(NOT_READY, request(waits)).reason.startswith("The request waits: Referenced issuer does not have")


def test_the_newest_attempt_counts() -> None:
    old, new = (request(number=number) for number in (9, 10))
    found = state(NOT_READY, old, new, order("invalid", "an old story", 9), order("invalid", "the news", 10), issuer())
    assert "the news" in found.reason


def test_a_missing_certificate_says_who_should_have_asked_for_it() -> None:
    assert "cert-manager has not yet seen the Ingress shop-example-test" in state().reason.replace("Cert", "cert")
    assert state().state == "missing"
    [alone] = certificate_states([HOST], [], {}, NOW)
    assert alone.reason == "No Ingress asks for a certificate of shop.example.test; no certificate is served."
    assert state(installed=False).reason.startswith("Cert-manager is not installed in this cluster")


def test_an_expired_certificate_is_told_as_such(tls_secret: Secrets) -> None:
    found = state(failed_certificate(), tls_secret(HOST, began=-91), request(), order("invalid", "why"), issuer())
    assert found.state == "expired"
    assert "the old certificate expired on 2026-06-30 12:00 UTC and browsers refuse it" in found.reason


def test_a_certificate_near_its_end_that_nobody_renews_is_told(tls_secret: Secrets) -> None:
    ready = certificate(condition("Ready", True))
    assert state(ready, tls_secret(HOST, began=-70), issuer()).state == "near its end"
    assert state(ready, tls_secret(HOST, began=-68), issuer()).state == "valid"


def test_a_certificate_of_a_shorter_life_is_near_its_end_in_its_last_quarter(tls_secret: Secrets) -> None:
    ready = certificate(condition("Ready", True))
    assert state(ready, tls_secret(HOST, began=-30, days=45)).state == "valid"
    assert state(ready, tls_secret(HOST, began=-34, days=45)).state == "near its end"


def test_a_cluster_without_cert_manager_is_asked_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_items(_: str, *kinds: str) -> list[Item]:
        if any("cert-manager" in kind for kind in kinds):
            raise PlatformError("no", why='exit code 1\nerror: the server doesn\'t have a resource type "certificates"')
        return [INGRESS]

    monkeypatch.setattr(certificates, "get_items", get_items)
    [found] = certificates.read_certificates("kind", [HOST], "127.0.0.1:9")
    assert found.reason.startswith("Cert-manager is not installed")


def test_who_may_not_see_issuers_sees_the_rest(monkeypatch: pytest.MonkeyPatch, tls_secret: Secrets) -> None:
    def get_items(_: str, *kinds: str) -> list[Item]:
        if certificates.ISSUERS in kinds:
            raise PlatformError("no", why="Error from server (Forbidden): clusterissuers is forbidden")
        return [NOT_READY, tls_secret(HOST)]

    monkeypatch.setattr(certificates, "get_items", get_items)
    assert [found.state for found in certificates.read_certificates("kind", [HOST], "127.0.0.1:9")] != ["missing"]


def test_any_other_failure_of_the_cluster_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_items(_: str, *__: str) -> list[Item]:
        raise PlatformError("The cluster did not answer.", why="connection refused")

    monkeypatch.setattr(certificates, "get_items", get_items)
    with pytest.raises(PlatformError, match="did not answer"):
        certificates.read_certificates("kind", [HOST], "127.0.0.1:9")
