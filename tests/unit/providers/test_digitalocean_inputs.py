"""DigitalOcean's plugin: what it may be told, and what a difference means; nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.providers import wire
from local.providers.digitalocean.api import Access, Api
from local.providers.digitalocean.provider import PROVIDER
from local.providers.wire import Properties
from tests.providers.plugin import Plugin, Refused, Thing

TOKEN = "dop_v1_not_a_real_one"
SHOP: Properties = {"domain": "example.com", "type": "A", "name": "shop", "value": "203.0.113.7"}
DOMAIN_TYPE = "digitalocean:index/domain:Domain"
RECORD_TYPE = "digitalocean:index/dnsRecord:DnsRecord"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    running = Plugin("digitalocean")
    yield running
    running.close()


@pytest.mark.parametrize(
    ("inputs", "property_", "reason"),
    [
        ({"type": "TEXT"}, "type", "is not one of A, AAAA, CAA, CNAME, MX, NS, TXT, SRV, SOA"),
        ({"type": "MX", "value": "m."}, "priority", "required for a record of type MX"),
        ({"type": "SRV", "priority": 1, "weight": 1}, "port", "required for a record of type SRV"),
        ({"type": "CAA", "flags": 0}, "tag", "required for a record of type CAA"),
        ({"type": "CAA", "flags": 256, "tag": "issue"}, "flags", "the most is 255"),
        ({"ttl": 0}, "ttl", "the least is 1"),
        ({"name": "shop.example.com"}, "name", "ends in its own domain"),
        ({"name": "example.com"}, "name", "ends in its own domain"),
        ({"name": ""}, "name", "the domain itself is @"),
        ({"value": ""}, "value", "must not be empty"),
    ],
)
def test_a_record_that_cannot_be_is_refused_before_anything_is_asked(
    plugin: Plugin, inputs: Properties, property_: str, reason: str
) -> None:
    _, refused = plugin.check(RECORD_TYPE, {**SHOP, **inputs})
    assert list(refused) == [property_]
    assert reason in refused[property_]


def test_unknown_and_whole_names_pass_the_check(plugin: Plugin) -> None:
    for fine in ({"value": wire.UNKNOWN, "domain": wire.UNKNOWN}, {"name": "shop.example.com."}, {"name": "@"}, {"type": wire.UNKNOWN}):
        assert plugin.check(RECORD_TYPE, {**SHOP, **fine})[1] == {}
    assert plugin.check(DOMAIN_TYPE, {"name": "example.com."})[1].keys() == {"name"}


def test_the_environment_and_the_defaults_complete_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", "http://127.0.0.1:8080/")
    made: list[Api] = []
    monkeypatch.setattr(PROVIDER, "client", lambda *parts: made.append(type(PROVIDER).client(PROVIDER, *parts)))
    running = Plugin("digitalocean", {"httpRetryWaitMax": "2.5", "httpRetryMax": "0", "spacesSecretKey": "s"})
    running.close()
    assert made[0].access == Access("http://127.0.0.1:8080", TOKEN, retries=0, wait_min_seconds=1, wait_max_seconds=2.5)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({}, "token: it is required"),
        ({"token": "hunter2\nx"}, "characters that no token has"),
        ({"token": " "}, "check digitalocean:token"),
        ({"token": "t", "apiEndpoint": "api.digitalocean.com"}, "must be an http or https URL"),
        ({"token": "t", "httpRetryWaitMin": "soon"}, "httpRetryWaitMin cannot be used: 'soon'"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told(
    plugin: Plugin, configuration: Properties, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Refused) as refused:
        plugin.configure(configuration)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_domain_and_type_replace_and_the_old_record_of_the_same_name_goes_first(plugin: Plugin) -> None:
    thing = Thing(plugin, RECORD_TYPE, "1", plugin.checked(RECORD_TYPE, SHOP), {**SHOP, "ttl": 1800, "priority": 0, "fqdn": "x"})
    assert not thing.diff().changed, "numbers that the official plugin keeps as 0 are no change"
    moved = thing.diff({**SHOP, "type": "CNAME", "value": "x."})
    assert (moved.replaces, moved.deletes_first) == (["type"], True)
    assert thing.diff({**SHOP, "domain": "other.test"}).replaces == ["domain"]
    assert thing.diff({**SHOP, "name": "else", "ttl": 60}).kinds == {"name": "UPDATE", "ttl": "UPDATE"}
