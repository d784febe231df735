"""Records that somebody else made are found before a deploy, and the stack's own are not mistaken for them."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ops import records
from ops.errors import InputError, PlatformError
from ops.records import Record, clashes, existing_records, owned_record_ids, pending_record_hosts
from settings import Settings, load_stack
from settings.load import ROOT
from tests.unit.conftest import SECRETS
from tests.unit.ops.conftest import public_host

ADDRESS = IPv4Address("192.0.2.7")
HOST = public_host()
TOKEN = "a-token"


def record(kind: str = "A", value: str = "192.0.2.7", number: str = "11", host: str = HOST.host) -> Record:
    return Record(number, HOST.zone, host, kind, value)


def found_clashes(*found: Record, owned: set[str] | None = None, pending: set[str] | None = None) -> list[records.Clash]:
    return clashes(found, [HOST], owned or set(), address=ADDRESS, stack="live", pending_hosts=pending or set())


def test_the_stack_s_own_records_and_other_names_are_no_clash() -> None:
    assert found_clashes(record(), owned={"11"}) == []
    assert found_clashes(record(host="other.example.test")) == []


def test_a_record_that_says_the_same_can_be_adopted() -> None:
    [clash] = found_clashes(record())
    assert clash.adoptable
    assert clash.import_command == ("""HIGHSTREETLY_ADOPTED_RECORDS='{"shop.example.test": "11"}' pulumi up --stack live""")
    assert "existing_records: adopt" in clash.remedy
    assert clash.import_command in clash.remedy


@pytest.mark.parametrize(("kind", "value"), [("A", "192.0.2.8"), ("AAAA", "2001:db8::1"), ("CNAME", "other.example.test")])
def test_a_record_that_says_something_else_cannot(kind: str, value: str) -> None:
    [clash] = found_clashes(record(kind, value))
    assert not clash.adoptable
    assert "delete record 11 of zone example.test" in clash.remedy
    assert f"a {kind} record ({value}) that live did not make" in str(clash)


def test_what_a_broken_off_deploy_made_is_its_own() -> None:
    assert [clash.interrupted for clash in found_clashes(record(), pending={HOST.host})] == [True]
    assert [clash.interrupted for clash in found_clashes(record(value="192.0.2.8"), pending={HOST.host})] == [False]
    assert [clash.interrupted for clash in found_clashes(record())] == [False]


STATE = {
    "version": 3,
    "deployment": {
        "resources": [
            {"type": "pulumi:pulumi:Stack"},
            {"type": records.RECORD_TYPE, "id": "11", "inputs": {}},
            {"type": "digitalocean:index/domain:Domain", "id": "example.test"},
            {"type": records.RECORD_TYPE, "id": ""},
        ],
        "pending_operations": [
            {"type": "creating", "resource": {"type": records.RECORD_TYPE, "inputs": {"domain": "example.test", "name": "shop"}}},
            {"type": "creating", "resource": {"type": records.RECORD_TYPE, "inputs": {"domain": "example.test", "name": "@"}}},
            {"type": "deleting", "resource": {"type": records.RECORD_TYPE, "inputs": {"domain": "example.test", "name": "old"}}},
        ],
    },
}


def test_the_stack_s_own_records_are_read_from_its_state() -> None:
    assert owned_record_ids(STATE) == {"11"}
    assert pending_record_hosts(STATE) == {"shop.example.test", "example.test"}
    assert owned_record_ids({}) == set()
    assert pending_record_hosts({"deployment": None}) == set()


@pytest.mark.parametrize("name", ["shop", "shop.example.test.", "shop.example.test"])
def test_a_record_s_name_is_told_in_full(name: str) -> None:
    assert records.record_of({"id": 1, "name": name, "type": "A", "data": "192.0.2.7"}, "example.test").host == "shop.example.test"
    assert records.record_of({"id": 1, "name": "@", "type": "A", "data": "192.0.2.7"}, "example.test").host == "example.test"


class Api(BaseHTTPRequestHandler):
    """DigitalOcean's list of records, in pages of one."""

    status = 200
    held: tuple[tuple[str, str, str], ...] = ()
    asked: tuple[dict[str, list[str]], ...] = ()

    def do_GET(self) -> None:
        """List."""
        query = parse_qs(urlsplit(self.path).query)
        type(self).asked = (*self.asked, query)
        status = self.status if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401
        page = int(query["page"][0])
        matching = [row for row in self.held if f"{row[0]}.highstreet.localhost" == query["name"][0]]
        rows = [{"id": number, "name": row[0], "type": row[1], "data": row[2]} for number, row in enumerate(matching, 1)]
        links = {"pages": {"next": "more"}} if page < len(rows) else {}
        body = json.dumps({"domain_records": rows[page - 1 : page], "links": links, "meta": {"total": len(rows)}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture
def api() -> Iterator[tuple[type[Api], str]]:
    """DigitalOcean's API on loopback, and its address."""
    handler = type("Api", (Api,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def settings_with(local_settings: Path, url: str, *, own_zone: bool = True) -> Settings:
    settings = load_stack("kind", ROOT, SECRETS | {"HIGHSTREETLY_LOCAL_SETTINGS": str(local_settings)})
    assert settings.environment is not None
    assert settings.environment.public is not None
    public = settings.environment.public.model_copy(update={"digitalocean_api": url})
    environment = settings.environment.model_copy(update={"public": public})
    return dataclasses.replace(settings, environment=environment, cluster=settings.cluster if own_zone else None)


def test_every_page_is_read_and_other_kinds_are_left_out(api: tuple[type[Api], str], local_settings: Path) -> None:
    handler, url = api
    handler.held = (("shop", "A", "192.0.2.7"), ("shop", "TXT", "hello"), ("shop", "AAAA", "2001:db8::1"), ("unrelated", "A", "192.0.2.9"))
    found = existing_records(settings_with(local_settings, url), TOKEN)
    assert [(each.host, each.kind, each.value) for each in found] == [
        ("shop.highstreet.localhost", "A", "192.0.2.7"),
        ("shop.highstreet.localhost", "AAAA", "2001:db8::1"),
    ]
    assert {query["per_page"][0] for query in handler.asked} == {"200"}


def test_a_refused_token_is_told_without_it(api: tuple[type[Api], str], local_settings: Path) -> None:
    with pytest.raises(InputError, match="token is refused") as refused:
        existing_records(settings_with(local_settings, api[1]), "another-token")
    assert "pulumi config set --secret highstreetly:digitalocean_token" in refused.value.remedy
    assert "another-token" not in str(refused.value)


def test_a_missing_zone_is_told_unless_this_very_stack_makes_it(api: tuple[type[Api], str], local_settings: Path) -> None:
    handler, url = api
    handler.status = 404
    assert existing_records(settings_with(local_settings, url), TOKEN) == []
    with pytest.raises(InputError, match=r"There is no zone highstreet\.localhost"):
        existing_records(settings_with(local_settings, url, own_zone=False), TOKEN)


@pytest.mark.parametrize(("status", "remedy"), [(429, "run the command again in a minute"), (500, "run the command again")])
def test_an_api_that_fails_stops_the_deploy(api: tuple[type[Api], str], local_settings: Path, status: int, remedy: str) -> None:
    handler, url = api
    handler.status = status
    with pytest.raises(PlatformError, match="refused to list the records") as refused:
        existing_records(settings_with(local_settings, url), TOKEN)
    assert refused.value.remedy == remedy


def test_an_api_that_is_not_there_stops_the_deploy(local_settings: Path) -> None:
    with pytest.raises(PlatformError, match="does not answer"):
        existing_records(settings_with(local_settings, "http://127.0.0.1:1"), TOKEN)
