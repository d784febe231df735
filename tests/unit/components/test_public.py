"""Every name that is public gets its record, its certificate and its routes, and nothing else is reached from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from settings.webhooks import STRIPE_SOURCES
from tests.unit.components.recorder import Recorded, Recorder

KIND_HOSTS = {f"{name}.highstreet.localhost" for name in ("shop", "dashboard", "operator", "hooks")}
MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"
ISSUER = "cert-manager.io/cluster-issuer"


def hosts_of(ingress: Recorded) -> set[str]:
    return {rule["host"] for rule in ingress.spec["rules"]}


def paths_of(ingress: Recorded) -> list[tuple[str, str, str]]:
    """(path, how it is matched, service) of an Ingress."""
    return [
        (path["path"], path["pathType"], path["backend"]["service"]["name"])
        for rule in ingress.spec["rules"]
        for path in rule["http"]["paths"]
    ]


@pytest.fixture(scope="module")
def kind(run_stack: Callable[..., Recorder]) -> Recorder:
    return run_stack("kind")


def of_env(recorder: Recorder, kind: str) -> dict[str, Recorded]:
    return {found.metadata["name"]: found for found in recorder.of(kind)}


def test_each_public_name_has_one_record_that_leads_to_the_public_address(environment: Recorder) -> None:
    records = environment.of("DnsRecord")
    assert len({(r.inputs["domain"], r.inputs["name"]) for r in records}) == len(records) >= 4
    assert {r.inputs["type"] for r in records} == {"A"}
    assert len({r.inputs["value"] for r in records}) == 1


def test_names_follow_from_the_domain(kind: Recorder, run_stack: Callable[..., Recorder]) -> None:
    assert {host for ingress in kind.of("Ingress") for host in hosts_of(ingress)} == KIND_HOSTS
    test = run_stack("test")
    assert {r.inputs["name"] for r in test.of("DnsRecord")} == {"shop.test", "dashboard.test", "operator.test", "hooks.test"}


def test_a_service_may_have_several_names_and_the_domain_itself(live: Recorder) -> None:
    names = {r.inputs["name"] for r in live.of("DnsRecord")}
    assert names == {"@", "www", "shop", "dashboard", "operator", "hooks"}
    shops = {host for i in live.of("Ingress") for host in hosts_of(i) if paths_of(i) == [("/", "Prefix", "shop")]}
    assert shops == {"highstreet.ly", "www.highstreet.ly", "shop.highstreet.ly"}


def test_each_name_asks_once_for_its_certificate_and_every_ingress_of_it_uses_that(environment: Recorder) -> None:
    asked: dict[str, str] = {}
    for ingress in environment.of("Ingress"):
        (tls,) = ingress.spec["tls"]
        assert set(tls["hosts"]) == hosts_of(ingress)
        if ISSUER in ingress.metadata["annotations"]:
            assert tls["secretName"] not in asked, "two Ingresses ask for one certificate"
            asked[tls["secretName"]] = ingress.metadata["annotations"][ISSUER]
    assert {ingress.spec["tls"][0]["secretName"] for ingress in environment.of("Ingress")} == set(asked)


def test_a_deploy_waits_for_no_ingress(environment: Recorder) -> None:
    assert {i.metadata["annotations"]["pulumi.com/skipAwait"] for i in environment.of("Ingress")} == {"true"}


def test_a_wildcard_certificate_stands_for_the_names_below_the_domain(run_stack: Callable[..., Recorder]) -> None:
    public = {"address": "203.0.113.10", "zones": ["highstreet.ly"], "wildcard": True}
    live = run_stack("live", public=public, services={"shop": {"hosts": ["@", "shop", "shop.eu.highstreet.ly"]}})
    (certificate,) = live.of("Certificate")
    assert certificate.spec["dnsNames"] == ["highstreet.ly", "*.highstreet.ly"]
    own = {host for i in live.of("Ingress") if ISSUER in i.metadata["annotations"] for host in hosts_of(i)}
    assert own == {"shop.eu.highstreet.ly"}, "two labels below the domain, which a wildcard does not cover"


def test_without_public_nothing_is_reached_from_outside(run_stack: Callable[..., Recorder]) -> None:
    closed = run_stack("live", public=None)
    for kind in ("DnsRecord", "Ingress", "Middleware", "Certificate"):
        assert closed.of(kind) == []
    assert "traefik" not in str([policy.spec for policy in closed.of("NetworkPolicy")])
    assert "WEBHOOKS" not in str([deployment.spec for deployment in closed.of("Deployment")])


def test_only_what_is_public_lets_the_ingress_controller_in(live: Recorder) -> None:
    reached = {
        policy.metadata["name"] for policy in live.of("NetworkPolicy") if "'kubernetes.io/metadata.name': 'traefik'" in str(policy.spec)
    }
    assert reached == {"shop", "dashboard", "operator", "payments-api", "subscriptions-api"}


def test_every_middleware_that_an_ingress_names_exists(environment: Recorder) -> None:
    known = {f"{m.metadata['namespace']}-{m.metadata['name']}@kubernetescrd" for m in environment.of("Middleware")}
    for ingress in environment.of("Ingress"):
        named = ingress.metadata["annotations"][MIDDLEWARES].split(",")
        assert set(named) <= known, ingress.name
        assert named[0].endswith("-security-headers@kubernetescrd")


@pytest.mark.parametrize(("stack", "hsts"), [("live", True), ("test", True), ("dev", True), ("kind", False)])
def test_browsers_are_bound_to_https_everywhere_but_on_a_laptop(stack: str, hsts: bool, run_stack: Callable[..., Recorder]) -> None:
    headers = of_env(run_stack(stack), "Middleware")["security-headers"].spec["headers"]
    assert headers.get("stsSeconds", 0) == (31_536_000 if hsts else 0)


def test_each_webhook_has_its_path_its_rate_its_size_and_its_senders(live: Recorder) -> None:
    hooks = {i.metadata["name"]: i for i in live.of("Ingress") if hosts_of(i) == {"hooks.highstreet.ly"}}
    assert {path for ingress in hooks.values() for path in paths_of(ingress)} == {
        ("/webhooks/stripe", "Exact", "payments-api"),
        ("/webhooks/stripe-connect", "Exact", "payments-api"),
        ("/webhooks/chargebee", "Exact", "subscriptions-api"),
    }
    by_path = {paths_of(i)[0][0]: i.metadata["annotations"][MIDDLEWARES] for i in hooks.values()}
    assert "live-stripe-senders@" in by_path["/webhooks/stripe"]
    assert "live-stripe-rate@" in by_path["/webhooks/stripe"]
    assert "live-request-size-256-kib@" in by_path["/webhooks/chargebee"]
    assert "senders" not in by_path["/webhooks/chargebee"], "ChargeBee publishes no list"
    middlewares = of_env(live, "Middleware")
    assert middlewares["stripe-senders"].spec == {"ipAllowList": {"sourceRange": [f"{address}/32" for address in STRIPE_SOURCES]}}
    assert middlewares["request-size-256-kib"].spec == {"buffering": {"maxRequestBodyBytes": 262_144}}


def test_who_may_send_a_webhook_can_be_said_otherwise(run_stack: Callable[..., Recorder]) -> None:
    sources = {"stripe": ["198.51.100.0/24"], "stripe-connect": []}
    public = {"address": "203.0.113.10", "zones": ["highstreet.ly"], "webhook_sources": sources}
    middlewares = of_env(run_stack("test", public=public), "Middleware")
    assert middlewares["stripe-senders"].spec["ipAllowList"]["sourceRange"] == ["198.51.100.0/24"]
    assert "stripe-connect-senders" not in middlewares


def test_a_service_is_told_of_its_webhooks_and_given_their_secrets_alone(live: Recorder) -> None:
    secrets = {s.name: s.inputs["stringData"]["value"] for s in live.of("Secret") if s.name.endswith("-webhooks")}
    assert {name: set(data) for name, data in secrets.items()} == {
        "payments-webhooks": {"STRIPE_WEBHOOK_SECRET", "STRIPE_CONNECT_WEBHOOK_SECRET"},
        "subscriptions-webhooks": {"CHARGEBEE_WEBHOOK_USER", "CHARGEBEE_WEBHOOK_PASSWORD"},
    }


def test_a_record_that_is_taken_over_is_imported_by_its_id(run_stack: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    import pulumi_digitalocean

    imported: dict[str, Any] = {}
    original: Any = pulumi_digitalocean.DnsRecord.__init__

    def record(self: Any, resource: str, *words: Any, opts: Any, **more: Any) -> None:
        imported[resource] = opts.import_
        opts.import_ = None  # the recording mocks import nothing
        original(self, resource, *words, opts=opts, **more)

    monkeypatch.setattr(pulumi_digitalocean.DnsRecord, "__init__", record)
    monkeypatch.setenv("HIGHSTREETLY_ADOPTED_RECORDS", '{"shop.test.highstreet.ly": "4711"}')
    run_stack("test")
    assert {name: value for name, value in imported.items() if value} == {"shop-test-highstreet-ly-record": "highstreet.ly,4711"}


def test_the_namespace_and_the_certificates_in_it_stay_when_an_environment_goes(
    run_stack: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulumi_kubernetes.core.v1 import Namespace

    kept: list[bool] = []
    original: Any = Namespace.__init__

    def record(self: Any, *words: Any, opts: Any, **more: Any) -> None:
        kept.append(bool(opts.retain_on_delete))
        original(self, *words, opts=opts, **more)

    monkeypatch.setattr(Namespace, "__init__", record)
    run_stack("live")
    assert True in kept
