"""The real Pulumi engine with DigitalOcean's plugin on the emulated API, which runs in this process.

Needs `pulumi` and its Python language host: on PATH, or in the folder $HS_TEST_PULUMI_BIN.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.digitalocean.server import Server, running, tls_context
from local.providers.wire import Properties
from tests.providers import private_servers
from tests.providers.plugin import Plugin, Refused
from tests.providers.stacks import Stack, new_stack

ZONE = "example.com"
RECORDS = f"/v2/domains/{ZONE}/records"
DOMAIN_TYPE = "digitalocean:index/domain:Domain"
RECORD_TYPE = "digitalocean:index/dnsRecord:DnsRecord"
SHOP: Properties = {"type": "A", "name": "shop", "value": "203.0.113.7", "ttl": 300}
PROGRAM = """
import json, os
import pulumi, pulumi_digitalocean as digitalocean
settings = json.loads(os.environ["PROVIDERS_TEST"])
provider = digitalocean.Provider("account", **settings["account"])
def options(**more):
    return pulumi.ResourceOptions(provider=provider, **more)
zone = digitalocean.Domain("zone", name=settings["zone"], opts=options())
for key, record in settings["records"].items():
    made = digitalocean.DnsRecord(key, domain=zone.name, **record, opts=options(import_=settings["imports"].get(key)))
    pulumi.export(key, made.fqdn)
"""


class Account:
    """The emulated account, past the plugin."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._http = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, timeout=10)

    def api(self, method: str, path: str, body: Properties | None = None) -> Any:
        """A request behind Pulumi's back; None where there is nothing."""
        response = self._http.request(method, path, json=body)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return response.json() if response.content else {}

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a name relative to the zone."""
        found = self.api("GET", f"{RECORDS}?per_page=200&name={name}.{ZONE}")
        records: list[dict[str, Any]] = found["domain_records"]
        return records

    def add(self, **record: Any) -> int:
        """Make a record; its number."""
        return int(self.api("POST", RECORDS, {"type": "A", **record})["domain_record"]["id"])

    def fail(self, **fault: Any) -> None:
        """What goes wrong with the next request that fits."""
        self.api("POST", "/_emulator/faults", fault)

    def requests(self, method: str) -> list[dict[str, Any]]:
        """What was asked for of records with a method, oldest first."""
        return [entry for entry in self.api("GET", "/_emulator/requests") if entry["method"] == method and "/records" in entry["path"]]

    def forget_requests(self) -> None:
        """Begin to count anew."""
        self.api("DELETE", "/_emulator/requests")


@pytest.fixture
def account() -> Iterator[Account]:
    """An account without a zone, and a token of its own."""
    with running(f"dop_v1_{secrets.token_hex(16)}") as server:
        yield Account(server)


@pytest.fixture
def plugin(account: Account) -> Iterator[Plugin]:
    """The plugin for the account, with the zone in it."""
    account.api("POST", "/v2/domains", {"name": ZONE})
    made = Plugin("digitalocean", _configuration(account))
    yield made
    made.close()


@pytest.fixture
def stack(tmp_path: Path, account: Account) -> Iterator[Stack]:
    """A new stack with the plugins installed; destroyed afterwards."""
    given = {"token": account.server.token, "api_endpoint": account.server.url, "http_retry_wait_min": 0.1, "http_retry_wait_max": 0.5}
    made = new_stack(tmp_path, PROGRAM, {"account": given, "zone": ZONE, "records": {"shop": SHOP}, "imports": {}})
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")


def test_the_whole_life_of_a_zone_and_its_records(stack: Stack, account: Account) -> None:
    mail = {"type": "MX", "name": "@", "value": "mail.example.net.", "priority": 10}
    alias = {"type": "CNAME", "name": "www.example.com.", "value": "shop.example.com."}
    records: Properties = {"shop": SHOP, "mail": mail, "alias": alias}

    stack.pulumi("preview", records=records)
    assert account.api("GET", f"/v2/domains/{ZONE}") is None, "a preview touches nothing"
    _up(stack, records=records)
    resources = stack.resources()
    assert (resources["zone"]["id"], resources["zone"]["outputs"]["domainUrn"]) == (ZONE, f"do:domain:{ZONE}")
    assert resources["shop"]["id"] == str(account.records("shop")[0]["id"])
    assert (resources["alias"]["outputs"]["fqdn"], resources["alias"]["outputs"]["value"]) == ("www.example.com", "shop.example.com.")
    assert resources["mail"]["outputs"]["fqdn"] == ZONE
    assert account.server.token not in stack.state_files(), "the token is encrypted in the state"
    _up(stack, "--expect-no-changes", records=records)
    _up(stack, "--expect-no-changes", "--refresh", records=records)

    changed: Properties = {**records, "shop": {**SHOP, "ttl": 60, "value": "203.0.113.8"}}
    assert "1 updated" in _up(stack, records=changed)
    assert [(record["ttl"], record["data"]) for record in account.records("shop")] == [(60, "203.0.113.8")]
    assert str(account.records("shop")[0]["id"]) == resources["shop"]["id"], "in place"

    moved: Properties = {**records, "shop": {"type": "CNAME", "name": "shop", "value": "elsewhere.example.net.", "ttl": 60}}
    assert "1 replaced" in _up(stack, records=moved)
    assert [(record["type"], record["data"]) for record in account.records("shop")] == [("CNAME", "elsewhere.example.net")]
    _up(stack, "--expect-no-changes", "--refresh", records=moved)

    stack.pulumi("destroy", "--yes", "--skip-preview", records=moved)
    assert account.api("GET", f"/v2/domains/{ZONE}") is None


def test_a_refresh_finds_what_was_changed_and_what_was_removed(stack: Stack, account: Account) -> None:
    records: Properties = {"shop": SHOP, "blog": {**SHOP, "name": "blog"}}
    _up(stack, records=records)
    account.api("PUT", f"{RECORDS}/{account.records('shop')[0]['id']}", {"data": "198.51.100.1", "ttl": 30})
    account.api("DELETE", f"{RECORDS}/{account.records('blog')[0]['id']}")
    said = stack.pulumi("refresh", "--yes", "--skip-preview", records=records)
    assert "1 updated" in said
    assert "1 deleted" in said
    assert stack.resources()["shop"]["outputs"]["value"] == "198.51.100.1"
    said = _up(stack, records=records)
    assert "1 created" in said
    assert "1 updated" in said
    assert [(record["data"], record["ttl"]) for record in account.records("shop") + account.records("blog")] == [("203.0.113.7", 300)] * 2
    account.api("DELETE", f"/v2/domains/{ZONE}")
    assert "3 deleted" in stack.pulumi("refresh", "--yes", "--skip-preview", records=records)


def test_existing_records_are_imported_by_the_program_and_by_hand(stack: Stack, account: Account) -> None:
    _up(stack)
    theirs, more = account.add(name="theirs", data="203.0.113.9", ttl=600), account.add(name="more", data="203.0.113.10")
    records = {"shop": SHOP, "theirs": {"type": "A", "name": "theirs", "value": "203.0.113.9", "ttl": 600}}
    _up(stack, records=records, imports={"theirs": f"{ZONE},{theirs}"})
    assert stack.resources()["theirs"]["id"] == str(theirs)
    _up(stack, "--expect-no-changes", records=records, imports={"theirs": f"{ZONE},{theirs}"})
    _up(stack, "--expect-no-changes", "--refresh", records=records)
    urn = stack.resources()["account"]["urn"]
    flags = ["--provider", f"account={urn}", "--yes", "--skip-preview", "--protect=false", "--generate-code=false"]
    stack.pulumi("import", RECORD_TYPE, "more", f"{ZONE},{more}", *flags)
    assert stack.resources()["more"]["outputs"]["fqdn"] == "more.example.com"
    account.api("POST", "/v2/domains", {"name": "other.test"})
    stack.pulumi("import", DOMAIN_TYPE, "other", "other.test", *flags)
    assert stack.resources()["other"]["outputs"]["ttl"] == 1800


def test_every_record_is_made_exactly_once_whatever_befalls_their_making(stack: Stack, account: Account) -> None:
    records = {f"r{number}": {**SHOP, "name": f"r{number}"} for number in range(25)}  # more than a page of the API holds
    account.fail(method="POST", path=RECORDS, status=429, retry_after_seconds=1)
    account.fail(method="POST", path=RECORDS, status=500, times=2)
    account.fail(method="POST", path=RECORDS, after_effect=True, times=2)
    _up(stack, records=records)
    assert account.api("GET", "/_emulator/faults") == [], "all of it happened"
    assert [len(account.records(name)) for name in records] == [1] * 25
    assert {resource["id"] for name, resource in stack.resources().items() if name in records} == {
        str(account.records(name)[0]["id"]) for name in records
    }
    _up(stack, "--expect-no-changes", "--refresh", records=records)


@pytest.mark.parametrize(
    ("fault", "posts", "seconds"),
    [
        ({"status": 429, "retry_after_seconds": 1}, 2, 1.0),
        ({"status": 500, "times": 2}, 3, 0.2),
        ({"after_effect": True}, 1, 0.1),
    ],
    ids=["429", "500 twice", "lost reply"],
)
def test_a_record_is_made_once_and_the_pause_asked_for_is_kept(
    plugin: Plugin, account: Account, fault: Properties, posts: int, seconds: float
) -> None:
    account.fail(method="POST", path=RECORDS, **fault)
    began = time.monotonic()
    made = plugin.make(RECORD_TYPE, {"domain": ZONE, **SHOP})
    assert time.monotonic() - began >= seconds
    assert [str(record["id"]) for record in account.records("shop")] == [made.id]
    assert len(account.requests("POST")) == posts


def test_a_wrong_token_is_told_clearly_and_never_shown(stack: Stack, account: Account) -> None:
    wrong = {**stack.settings["account"], "token": "wrong-secret-token"}
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False, account=wrong)
    assert "the token is refused (401): check digitalocean:token" in said
    assert "wrong-secret-token" not in said
    assert "wrong-secret-token" not in stack.state_files()
    assert "Traceback" not in said
    assert account.api("GET", f"/v2/domains/{ZONE}") is None


def test_a_domain_that_exists_is_told_with_the_command_that_then_works(stack: Stack, account: Account) -> None:
    account.api("POST", "/v2/domains", {"name": ZONE})
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False)
    assert f"pulumi import digitalocean:index/domain:Domain NAME {ZONE}" in said
    urn = stack.resources()["account"]["urn"]
    flags = ["--provider", f"account={urn}", "--yes", "--skip-preview", "--protect=false", "--generate-code=false"]
    stack.pulumi("import", DOMAIN_TYPE, "zone", ZONE, *flags)
    assert "1 created" in _up(stack), "the record"


def test_reads_updates_and_deletes_are_asked_again(plugin: Plugin, account: Account) -> None:
    shop = plugin.make(RECORD_TYPE, {"domain": ZONE, **SHOP})
    for method, work in (("GET", shop.refresh), ("PUT", lambda: shop.update({"domain": ZONE, **SHOP, "ttl": 60})), ("DELETE", shop.delete)):
        account.forget_requests()
        account.fail(method=method, path=f"{RECORDS}/*", status=500, times=2)
        work()
        assert len(account.requests(method)) == 3
    assert account.records("shop") == []
    assert not shop.refresh()
    shop.delete()


def test_an_update_whose_reply_was_lost_is_repeated(plugin: Plugin, account: Account) -> None:
    shop = plugin.make(RECORD_TYPE, {"domain": ZONE, **SHOP})
    account.fail(method="PUT", path=f"{RECORDS}/*", after_effect=True)
    shop.update({"domain": ZONE, **SHOP, "ttl": 60})
    assert [record["ttl"] for record in account.records("shop")] == [60]
    assert len(account.requests("PUT")) == 2


def test_a_lost_record_is_found_on_a_later_page(plugin: Plugin, account: Account) -> None:
    for number in range(201):
        account.add(type="TXT", name="many", data=f"value {number}")
    account.forget_requests()
    account.fail(method="POST", path=RECORDS, after_effect=True)
    made = plugin.make(RECORD_TYPE, {"domain": ZONE, "type": "TXT", "name": "many", "value": "wanted"})
    found = account.api("GET", f"{RECORDS}/{made.id}")
    assert found["domain_record"]["data"] == "wanted"
    assert len(account.requests("POST")) == 1


def test_a_zone_that_is_missing_is_told_with_what_mends_it(plugin: Plugin) -> None:
    with pytest.raises(Refused, match=r"The zone nowhere.test is not in this DigitalOcean account[\s\S]*doctl compute domain create"):
        plugin.make(RECORD_TYPE, {"domain": "nowhere.test", **SHOP})


def test_the_api_is_trusted_by_the_roots_in_ssl_cert_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_servers.certificates(tmp_path / "tls")
    tls = tls_context(tmp_path / "tls" / "server.crt", tmp_path / "tls" / "server.key")
    with running("t", tls=tls) as server:
        configuration = {"token": "t", "apiEndpoint": server.https_url}
        for roots, said in ((None, "could not be trusted"), (tmp_path / "nothing", "cannot be read"), (tmp_path / "tls" / "ca.crt", "")):
            monkeypatch.setenv("SSL_CERT_FILE", str(roots)) if roots else monkeypatch.delenv("SSL_CERT_FILE", raising=False)
            made = Plugin("digitalocean", configuration)
            if said:
                with pytest.raises(Refused, match=said):
                    made.import_(DOMAIN_TYPE, ZONE)
            else:
                assert made.import_(DOMAIN_TYPE, ZONE) is None, "it answers: there is no such zone"
            made.close()


@pytest.mark.parametrize(
    "record",
    [
        {"type": "CAA", "name": "@", "value": "letsencrypt.org.", "flags": 0, "tag": "issue"},
        {"type": "CAA", "name": "@", "value": "mailto:ops@example.com", "flags": 128, "tag": "iodef"},
        {"type": "SRV", "name": "_sip._tcp", "value": "sip.example.net.", "priority": 0, "weight": 5, "port": 5060},
        {"type": "NS", "name": "sub", "value": "ns1.example.net."},
        {"type": "TXT", "name": "_dmarc", "value": "v=DMARC1; p=none"},
        {"type": "AAAA", "name": "six", "value": "2001:DB8::1"},
        {"type": "CNAME", "name": "self", "value": "@"},
    ],
    ids=lambda record: f"{record['type']} {record.get('tag', '')}".strip(),
)
def test_every_type_is_read_as_it_was_written(plugin: Plugin, record: Properties) -> None:
    inputs = {"domain": ZONE, **record}
    made = plugin.make(RECORD_TYPE, inputs)
    assert made.refresh()
    assert not made.diff(inputs).changed
    imported = plugin.import_(RECORD_TYPE, f"{ZONE},{made.id}")
    assert imported is not None
    assert imported.values["type"] == record["type"]


def _configuration(account: Account) -> Properties:
    """The provider's inputs, as the Python SDK sends them."""
    server = account.server
    return {"token": server.token, "apiEndpoint": server.url, "httpRetryWaitMin": "0.1", "httpRetryWaitMax": "0.5"}


def _up(stack: Stack, *options: str, **changed: Any) -> str:
    return stack.pulumi("up", "--yes", "--skip-preview", *options, **changed)
