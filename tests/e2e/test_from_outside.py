"""What anybody outside sees: names, certificates, pages, webhooks. The tests run in this order, on one estate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import ssl
import subprocess
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from cryptography import x509

from tests.e2e.conftest import Person
from tests.e2e.outside import Answer, Outside

HOSTS = [f"{name}.highstreet.localhost" for name in ("shop", "dashboard", "operator", "hooks")]
ISSUE_SECONDS = 60
SENT_FROM = "127.0.0.1"


def wait_for_certificate(outside: Outside, host: str, *, other_than: int = 0) -> x509.Certificate:
    """The trusted certificate that a name is served with, as soon as it is; with another serial number than ``other_than``."""
    deadline = time.monotonic() + ISSUE_SECONDS
    problem: object = None
    while time.monotonic() < deadline:
        try:
            found = outside.certificate(host)
            if found.serial_number != other_than:
                return found
        except OSError as refused:
            problem = refused
        time.sleep(0.5)
    pytest.fail(f"{host} has no (new) certificate within {ISSUE_SECONDS} s: {problem}")


def change_environment(person: Person, **changes: Any) -> None:
    """Lay changes over the environment of Pulumi.kind.yaml."""
    stack = person.read_yaml("Pulumi.kind.yaml")
    stack["config"]["highstreetly:environment"] |= changes
    person.write("Pulumi.kind.yaml", yaml.safe_dump(stack))


def make_public(person: Person, **ingress: Any) -> None:
    """Give identity's API an ingress, by the catalogue alone."""
    catalogue = person.read_yaml("catalogue.yaml")
    catalogue["contexts"]["identity"]["api"]["ingress"] = ingress
    person.write("catalogue.yaml", yaml.safe_dump(catalogue))


def host_status(person: Person, host: str) -> dict[str, Any]:
    """What `./hs status` says of a public name."""
    (found,) = [entry for entry in person.status()["public"] if entry["host"] == host]
    return dict(found)


@pytest.mark.parametrize("host", HOSTS)
def test_every_public_name_leads_to_the_public_address(outside: Outside, host: str) -> None:
    assert outside.addresses(host) == [str(outside.estate.file.loopback)]


@pytest.mark.parametrize("host", HOSTS)
def test_every_public_name_has_a_trusted_certificate_of_its_own(outside: Outside, host: str) -> None:
    certificate = wait_for_certificate(outside, host)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert names == [host]
    assert "Pebble" in certificate.issuer.rfc4514_string()


def test_challenges_leave_nothing_behind_in_the_zone(outside: Outside) -> None:
    deadline = time.monotonic() + ISSUE_SECONDS
    while outside.records(kind="TXT") and time.monotonic() < deadline:
        time.sleep(1)
    assert outside.records(kind="TXT") == []


def test_verify_finds_everything_well(person: Person) -> None:
    assert "✗" not in person.types("./hs", "verify", "kind")


def test_plain_http_leads_to_https(outside: Outside) -> None:
    answer = outside.ask_plainly(HOSTS[0], "/menu?day=1")
    assert answer.status in (301, 308)
    assert answer.headers["location"] == f"https://{HOSTS[0]}/menu?day=1"


def test_answers_bear_the_security_headers_and_say_nothing_of_the_server(outside: Outside) -> None:
    headers = outside.ask(HOSTS[0]).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "strict-transport-security" not in headers, "it would outlive a laptop's estate"
    assert headers.get("server", "") == ""


def test_old_tls_is_refused(outside: Outside) -> None:
    outside.certificate(HOSTS[0], ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError):
        outside.certificate(HOSTS[0], ssl.TLSVersion.TLSv1_1)


def test_a_name_that_nobody_has_is_refused_before_http(outside: Outside) -> None:
    with pytest.raises(ssl.SSLError):
        outside.certificate("nobody.highstreet.localhost")


def test_a_request_that_is_too_large_is_refused(outside: Outside) -> None:
    answer = outside.ask(HOSTS[0], "/api/orders/commands", "POST", body=b"x" * (1024 * 1024 + 1))
    assert answer.status == 413


def test_the_dashboard_of_the_ingress_controller_is_not_public(outside: Outside) -> None:
    assert b"traefik" not in outside.ask(HOSTS[0], "/dashboard/").body.lower()
    assert outside.ask(HOSTS[0], "/api/rawdata").status == 404


def stripe_event(secret: str, *, at: float | None = None, event: str = "", **more: Any) -> tuple[bytes, dict[str, str]]:
    """A Stripe event and its headers, signed as https://docs.stripe.com/webhooks says."""
    body = json.dumps({"id": event or f"evt_{uuid.uuid4().hex}", "type": "charge.succeeded", "livemode": False, **more}).encode()
    stamp = str(int(at or time.time()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={stamp},v1={signature}", "Content-Type": "application/json"}


def send(outside: Outside, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    return outside.ask("hooks.highstreet.localhost", path, "POST", body=body, headers=headers)


def test_a_signed_stripe_event_is_taken_and_counts_once(outside: Outside) -> None:
    event = stripe_event(outside.estate.secrets.stripe_webhook_secret)
    first, second = (send(outside, "/webhooks/stripe", *event) for _ in range(2))
    assert (first.status, first.json()) == (200, {"received": True})
    assert (second.status, second.json()) == (200, {"received": True, "duplicate": True})


def test_an_event_of_a_connected_account_has_a_secret_of_its_own(outside: Outside) -> None:
    secrets = outside.estate.secrets
    right = stripe_event(secrets.stripe_connect_webhook_secret, account="acct_1")
    assert send(outside, "/webhooks/stripe-connect", *right).status == 200
    assert send(outside, "/webhooks/stripe-connect", *stripe_event(secrets.stripe_webhook_secret, account="acct_1")).status == 400


def test_a_forged_or_replayed_stripe_event_is_refused(outside: Outside) -> None:
    secret = outside.estate.secrets.stripe_webhook_secret
    assert send(outside, "/webhooks/stripe", *stripe_event("whsec_forged")).status == 400
    assert send(outside, "/webhooks/stripe", *stripe_event(secret, at=time.time() - 3600)).status == 400
    body, headers = stripe_event(secret)
    assert send(outside, "/webhooks/stripe", body.replace(b"charge", b"refund"), headers).status == 400


def test_a_chargebee_event_needs_its_password(outside: Outside) -> None:
    secrets = outside.estate.secrets
    body = json.dumps({"id": f"ev_{uuid.uuid4().hex}", "event_type": "subscription_created", "content": {}}).encode()

    def signed_in(user: str, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(), "Content-Type": "application/json"}

    right = signed_in(secrets.chargebee_webhook_user, secrets.chargebee_webhook_password)
    assert send(outside, "/webhooks/chargebee", body, right).status == 200
    assert send(outside, "/webhooks/chargebee", body, signed_in(secrets.chargebee_webhook_user, "guess")).status == 401


def test_a_webhook_is_its_path_and_nothing_else(outside: Outside) -> None:
    assert outside.ask("hooks.highstreet.localhost", "/events").status == 404
    assert outside.ask("hooks.highstreet.localhost", "/webhooks/stripe/more").status == 404
    large = stripe_event(outside.estate.secrets.stripe_webhook_secret, padding="x" * 300_000)
    assert send(outside, "/webhooks/stripe", *large).status == 413


def test_too_many_events_at_once_are_put_off(outside: Outside) -> None:
    with ThreadPoolExecutor(max_workers=16) as senders:
        answers = Counter(senders.map(lambda _: send(outside, "/webhooks/chargebee", b"{}", {}).status, range(400)))
    assert set(answers) == {401, 429}, answers


@pytest.mark.usefixtures("unchanged")
def test_a_new_name_is_one_line_of_the_catalogue_and_the_deploy_waits_for_no_certificate(person: Person, outside: Outside) -> None:
    make_public(person)
    with outside.issuer_away():
        person.types("./hs", "up")
        assert outside.addresses("identity-api.highstreet.localhost") == [str(outside.estate.file.loopback)]
        status = host_status(person, "identity-api.highstreet.localhost")
        assert status["certificate"] in ("issuing", "missing")
        assert status["reason"]
        assert person.status()["healthy"] is True
        outside.certificate(HOSTS[0])
    person.kubectl("--namespace", "kind", "delete", "certificaterequests,orders", "--all")
    wait_for_certificate(outside, "identity-api.highstreet.localhost")
    assert outside.ask("identity-api.highstreet.localhost", "/health/live").status == 200


@pytest.mark.usefixtures("unchanged")
def test_a_renamed_host_leaves_no_record_and_no_certificate_behind(person: Person, outside: Outside) -> None:
    make_public(person, hosts=["people", "accounts"], paths=["/health"])
    person.types("./hs", "up")
    assert outside.addresses("identity-api.highstreet.localhost") == []
    assert "identity-api" not in person.kubectl("--namespace", "kind", "get", "certificates,ingresses", "--output", "name")
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        outside.certificate("identity-api.highstreet.localhost")
    for host in ("people.highstreet.localhost", "accounts.highstreet.localhost"):
        wait_for_certificate(outside, host)
        assert outside.ask(host, "/health/live").status == 200
        assert outside.ask(host, "/events").status == 404, "only /health is its own"


def test_what_was_taken_back_is_gone(person: Person, outside: Outside) -> None:
    person.types("./hs", "up")
    assert {record["name"] for record in outside.records()} == {"shop", "dashboard", "operator", "hooks"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after_seconds": 1, "times": 2},
        {"status": 500, "times": 1},
        {"status": 500, "times": 1, "after_effect": True},
    ],
    ids=["429 twice", "500", "the reply is lost"],
)
def test_a_record_is_made_once_whatever_the_api_answers(person: Person, outside: Outside, fault: dict[str, Any]) -> None:
    name = f"flaky-{fault['status']}-{fault['times']}-{'lost' if fault.get('after_effect') else 'said'}"
    make_public(person, hosts=[name])
    with outside.fault(method="POST", path="/v2/domains/*/records", **fault):
        person.types("./hs", "up")
    assert len(outside.records(name)) == 1


@pytest.mark.usefixtures("unchanged")
def test_a_deploy_that_is_killed_while_it_makes_a_record_leaves_one_that_the_next_takes_over(person: Person, outside: Outside) -> None:
    make_public(person, hosts=["cut-short"])
    with outside.fault(method="POST", path="/v2/domains/*/records", after_effect=True, times=1):
        deploy = subprocess.Popen(["./hs", "up"], cwd=person.checkout, start_new_session=True, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 2 * ISSUE_SECONDS
        while not outside.records("cut-short") and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(deploy.pid, signal.SIGKILL)
        deploy.wait()
        # The official plugin outlives an engine that was killed; nobody else's has lost its parent.
        subprocess.run(["sh", "-c", "pkill -KILL --parent 1 --full pulumi-resource-kubernetes || true"], check=False)
    (made,) = outside.records("cut-short")
    person.types("./hs", "up")
    assert [record["id"] for record in outside.records("cut-short")] == [made["id"]]
    assert "unchanged" in person.types("./hs", "up")


def test_a_token_that_is_refused_is_one_clear_message_and_changes_nothing(person: Person, outside: Outside) -> None:
    before = outside.records()
    with outside.fault(method="*", path="/v2/*", status=401, times=1000):
        output = person.types("./hs", "up", expect=2)
    assert "token" in output
    assert "pulumi config set --secret highstreetly:digitalocean_token" in output
    assert "Traceback" not in output
    assert outside.records() == before


@pytest.mark.usefixtures("unchanged")
def test_a_record_that_somebody_made_is_refused_with_the_command_that_imports_it(person: Person, outside: Outside) -> None:
    by_hand = outside.add_record("till", "192.0.2.1")
    make_public(person, hosts=["till"])
    output = person.types("./hs", "up", expect=2)
    assert outside.records("till") == [by_hand]
    command = f"""HIGHSTREETLY_ADOPTED_RECORDS='{{"till.highstreet.localhost": "{by_hand["id"]}"}}' pulumi up --stack kind"""
    assert command in output
    person.types("sh", "-c", f'eval "$(./hs env)"; {command} --yes --skip-preview --non-interactive')
    assert outside.records("till") == [by_hand], "taken over as it is"
    person.types("./hs", "up")
    (now,) = outside.records("till")
    assert (now["id"], now["data"]) == (by_hand["id"], str(outside.estate.file.loopback))


@pytest.mark.usefixtures("unchanged")
def test_a_record_that_says_the_same_is_adopted_where_that_is_asked_for(person: Person, outside: Outside) -> None:
    by_hand = outside.add_record("till", str(outside.estate.file.loopback))
    make_public(person, hosts=["till"])
    stack = person.read_yaml("Pulumi.kind.yaml")
    stack["config"]["highstreetly:environment"]["public"]["existing_records"] = "adopt"
    person.write("Pulumi.kind.yaml", yaml.safe_dump(stack))
    person.types("./hs", "up")
    assert [record["id"] for record in outside.records("till")] == [by_hand["id"]]
    assert "unchanged" in person.types("./hs", "up")
    assert [record["id"] for record in outside.records("till")] == [by_hand["id"]]


def test_records_that_belong_to_nobody_here_are_never_touched(person: Person, outside: Outside) -> None:
    by_hand = outside.add_record("mail", "192.0.2.25")
    person.types("./hs", "up")
    assert outside.records("mail") == [by_hand]
    assert outside.records("till") == []
    outside.delete_record(by_hand["id"])


def test_a_certificate_is_renewed_before_it_ends(person: Person) -> None:
    certificate = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "renewal", "namespace": "kind"},
        "spec": {
            "secretName": "renewal-tls",
            "dnsNames": ["renewal.highstreet.localhost"],
            "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"},
            "duration": "2160h",
            "renewBefore": "2159h59m40s",  # of Pebble's 2160 h: it is due 20 s after it was issued
        },
    }
    path = person.write(".artefacts/renewal.json", json.dumps(certificate))
    person.kubectl("create", "--filename", str(path))
    try:
        wait = ["--namespace", "kind", "wait", "certificate/renewal", f"--timeout={2 * ISSUE_SECONDS}s"]
        person.kubectl(*wait, "--for=jsonpath={.status.revision}=2")
    finally:
        person.kubectl("--namespace", "kind", "delete", "certificate/renewal", "secret/renewal-tls", "--ignore-not-found")


def test_a_second_environment_has_names_and_certificates_of_its_own_and_keeps_them_when_it_is_made_again(
    person: Person, outside: Outside
) -> None:
    stack = person.read_yaml("Pulumi.kind.yaml")
    del stack["config"]["highstreetly:cluster"]
    environment = stack["config"]["highstreetly:environment"]
    environment["domain"] = "side.highstreet.localhost"
    environment["public"] |= {"wildcard": True, "webhook_sources": {"stripe": ["198.51.100.0/24"]}}
    path = person.write("Pulumi.side.yaml", yaml.safe_dump(stack))
    try:
        person.types("./hs", "up", "side")
        first = wait_for_certificate(outside, "shop.side.highstreet.localhost")
        assert outside.certificate("dashboard.side.highstreet.localhost").serial_number == first.serial_number, "one wildcard"
        assert outside.certificate(HOSTS[0]).serial_number != first.serial_number
        assert "✗" not in person.types("./hs", "verify", "side")
        event = stripe_event(outside.estate.secrets.stripe_webhook_secret)
        stranger = outside.ask("hooks.side.highstreet.localhost", "/webhooks/stripe", "POST", body=event[0], headers=event[1])
        assert stranger.status == 403, "only the vendor's addresses may send"
        person.types("./hs", "destroy", "side", "--yes")
        assert outside.addresses("shop.side.highstreet.localhost") == []
        person.types("./hs", "up", "side")
        assert wait_for_certificate(outside, "shop.side.highstreet.localhost").serial_number == first.serial_number, "issued again"
    finally:
        person.types("./hs", "destroy", "side", "--yes")
        person.kubectl("delete", "namespace", "side", "--ignore-not-found")
        path.unlink()
