"""DigitalOcean's plugin: what it asks, when it asks again, and that nothing is made twice. The API is played in this process."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from local.providers.digitalocean import names
from local.providers.digitalocean.api import Access, Api
from local.providers.digitalocean.dns_record import DnsRecord
from local.providers.digitalocean.domain import Domain
from local.providers.errors import BackendError
from local.providers.wire import Properties

TOKEN = "dop_v1_not_a_real_one"
ZONE = "example.com"
SHOP: Properties = {"domain": ZONE, "type": "A", "name": "shop", "value": "203.0.113.7"}

Fault = Callable[[httpx.Request], httpx.Response | None]


class Cloud:
    """A zone with records, and what goes wrong with the next requests, in order; None is nothing."""

    def __init__(self) -> None:
        self.zones = {ZONE}
        self.records: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.faults: list[Fault | None] = []
        self.page_size = 20
        self.cancelled = threading.Event()
        access = Access("https://api.test", TOKEN, wait_min_seconds=0, wait_max_seconds=0)
        self.api = Api(access, self.cancelled, httpx.MockTransport(self.answer))

    def posts(self) -> int:
        return sum(request.startswith("POST") for request in self.requests)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"id": "unauthorized", "message": "Unable to authenticate you"})
        fault = self.faults.pop(0) if self.faults else None
        failed = fault(request) if fault else None
        return failed if failed is not None else self.serve(request)

    def serve(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.removeprefix("/v2/domains").strip("/").split("/")
        body = json.loads(request.content) if request.content else {}
        if parts == [""]:
            return self.new_zone(body["name"])
        if parts[0] not in self.zones or (len(parts) == 3 and int(parts[2]) not in self.records):
            return httpx.Response(404, json={"id": "not_found", "message": "not found"})
        if len(parts) == 1:
            return httpx.Response(200, json={"domain": {"name": parts[0], "ttl": 1800, "zone_file": ""}})
        if len(parts) == 2:
            return self.new_record(body) if request.method == "POST" else self.page(request)
        number = int(parts[2])
        if request.method == "DELETE":
            del self.records[number]
            return httpx.Response(204)
        if request.method == "PUT":
            self.records[number].update({"ttl": 1800, **body})
        return httpx.Response(200, json={"domain_record": self.records[number]})

    def new_zone(self, name: str) -> httpx.Response:
        if name in self.zones:
            return httpx.Response(422, json={"id": "unprocessable_entity", "message": "Name already exists"})
        self.zones.add(name)
        return httpx.Response(201, json={"domain": {"name": name, "ttl": 1800, "zone_file": None}})

    def new_record(self, body: Properties) -> httpx.Response:
        number = max(self.records, default=100) + 1
        self.records[number] = {"id": number, "ttl": 1800, **body, "data": body["data"].rstrip("."), "name": body["name"].split(".")[0]}
        return httpx.Response(201, json={"domain_record": self.records[number]})

    def page(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        assert query["per_page"] == "200"
        found = [record for record in self.records.values() if record["type"] == query["type"]]
        found = [record for record in found if names.fqdn(record["name"], ZONE) == query["name"]]
        start = (int(query["page"]) - 1) * self.page_size
        more = {"pages": {"next": "https://elsewhere.test/"}} if len(found) > start + self.page_size else {}
        return httpx.Response(200, json={"domain_records": found[start : start + self.page_size], "links": more})


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def status(code: int, **headers: str) -> Fault:
    return lambda _: httpx.Response(code, headers=headers, json={"id": "x", "message": "a trouble", "request_id": "r-1"})


def unsent(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def unanswered(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def done_but_unanswered(cloud: Cloud) -> Fault:
    def fault(request: httpx.Request) -> httpx.Response:
        cloud.serve(request)
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")

    return fault


def make(cloud: Cloud, **changed: Any) -> tuple[str, Properties]:
    return DnsRecord().create(cloud.api, {**SHOP, **changed})


def test_a_record_lives_from_creation_over_changes_to_its_removal(cloud: Cloud) -> None:
    number, state = make(cloud, ttl=300)
    assert (number, state["fqdn"], state["ttl"]) == ("101", "shop.example.com", 300)
    assert DnsRecord().read(cloud.api, number, state) == (number, state)
    changed = DnsRecord().update(cloud.api, number, state, {**SHOP, "value": "203.0.113.8"})
    assert (changed["value"], changed["ttl"]) == ("203.0.113.8", 300), "a TTL that is not said stays"
    DnsRecord().delete(cloud.api, number, changed)
    assert DnsRecord().read(cloud.api, number, changed) is None
    DnsRecord().delete(cloud.api, number, changed)


def test_a_record_that_is_gone_is_not_updated_silently(cloud: Cloud) -> None:
    number, state = make(cloud)
    cloud.records.clear()
    with pytest.raises(BackendError, match=r"shop\.example\.com .* cannot be changed: it is gone[\s\S]*pulumi refresh"):
        DnsRecord().update(cloud.api, number, state, SHOP)


HOSTS = [("CNAME", "shop.example.com."), ("MX", "mail.example.net."), ("NS", "ns1.example.net."), ("CNAME", "@"), ("TXT", "v=spf1")]


@pytest.mark.parametrize(("kind", "value"), HOSTS)
def test_hosts_are_told_with_the_dot_the_api_leaves_out(cloud: Cloud, kind: str, value: str) -> None:
    number, _ = make(cloud, type=kind, value=value, name="x", priority=10)
    found = DnsRecord().read(cloud.api, f"{ZONE},{number}", {})
    assert found is not None
    assert (found[0], found[1]["value"], found[1]["domain"]) == (number, value, ZONE)


def test_the_state_keeps_the_programs_spelling_until_the_record_means_something_else(cloud: Cloud) -> None:
    number, state = make(cloud, name="shop.example.com.", type="AAAA", value="2001:DB8:0::1")
    cloud.records[101]["data"] = "2001:db8::1"
    found = DnsRecord().read(cloud.api, number, state)
    assert found is not None
    assert (found[1]["name"], found[1]["value"], found[1]["fqdn"]) == ("shop.example.com.", "2001:DB8:0::1", "shop.example.com")
    cloud.records[101] |= {"data": "2001:db8::2", "name": "other"}
    found = DnsRecord().read(cloud.api, number, state)
    assert found is not None
    assert (found[1]["name"], found[1]["value"]) == ("other", "2001:db8::2")


def test_an_id_that_is_none_is_refused_with_the_form_it_has(cloud: Cloud) -> None:
    for wrong in ("101", "example.com", "example.com,shop"):
        with pytest.raises(BackendError, match="import it as ZONE,NUMBER"):
            DnsRecord().read(cloud.api, wrong, {})
    assert cloud.requests == []


@pytest.mark.parametrize("fault", [status(500), status(503), unsent, unanswered, status(429)])
def test_what_may_pass_is_asked_again_twice_and_then_fine(cloud: Cloud, fault: Fault) -> None:
    number, state = make(cloud)
    for work in (
        lambda: DnsRecord().read(cloud.api, number, state),
        lambda: DnsRecord().update(cloud.api, number, state, {**SHOP, "ttl": 60}),
        lambda: DnsRecord().delete(cloud.api, number, state),
    ):
        cloud.faults, cloud.requests = [fault, fault], []
        work()
        assert len(cloud.requests) == 3
    assert cloud.records == {}


def test_retries_are_bounded_and_the_last_trouble_is_told(cloud: Cloud) -> None:
    cloud.faults = [status(502)] * 9
    with pytest.raises(BackendError, match=r"failed at GET /v2/domains/example.com/records/1 \(502\): a trouble \(request r-1\)"):
        DnsRecord().read(cloud.api, "1", SHOP)
    assert len(cloud.requests) == 5
    with pytest.raises(BackendError, match="502"):
        DnsRecord().read(cloud.api, "2", SHOP)
    assert len(cloud.requests) == 5, "the next resource does not wait for the same trouble"


@pytest.mark.parametrize("fault", [status(500), unanswered], ids=["500", "no reply"])
def test_a_post_that_made_nothing_is_repeated_after_a_look(cloud: Cloud, fault: Fault) -> None:
    cloud.faults = [None, fault, None, None, fault]  # a look before; POST; two looks; POST; two looks; POST
    assert make(cloud)[0] == "101"
    assert len(cloud.records) == 1
    assert cloud.posts() == 3
    assert [request.split()[0] for request in cloud.requests] == ["GET", "POST", "GET", "GET", "POST", "GET", "GET", "POST", "GET"]


def test_a_post_whose_reply_was_lost_is_not_repeated_and_its_record_is_taken_over(cloud: Cloud) -> None:
    number, _ = make(cloud)  # the same record, there before
    cloud.requests.clear()
    cloud.faults = [None, done_but_unanswered(cloud)]
    taken, state = make(cloud)
    assert (number, taken) == ("101", "102")
    assert state["fqdn"] == "shop.example.com"
    assert cloud.posts() == 1
    assert sorted(cloud.records) == [101, 102], "what was there before is nobody's to take"


def test_a_record_that_appears_after_the_repeated_post_is_removed(cloud: Cloud) -> None:
    late: list[httpx.Request] = []

    def lost(request: httpx.Request) -> httpx.Response:
        late.append(request)
        return httpx.Response(504)

    def done_after_all(_: httpx.Request) -> None:
        cloud.serve(late[0])

    cloud.faults = [None, lost, None, None, done_after_all]
    number, _ = make(cloud)
    assert list(cloud.records) == [int(number)]
    assert cloud.posts() == 2


@pytest.mark.parametrize("fault", [unsent, status(429)], ids=["not sent", "429"])
def test_a_post_that_certainly_made_nothing_is_repeated_without_a_look(cloud: Cloud, fault: Fault) -> None:
    cloud.faults = [None, fault, fault]
    make(cloud)
    assert [request.split()[0] for request in cloud.requests] == ["GET", "POST", "POST", "POST"]
    assert len(cloud.records) == 1


def test_when_nobody_can_tell_what_a_lost_post_made_the_message_says_what_to_look_at(cloud: Cloud) -> None:
    cloud.faults = [None, done_but_unanswered(cloud), *[status(500)] * 5]
    with pytest.raises(BackendError, match=r"may or may not have done POST /v2/domains/example.com/records[\s\S]*before the next run look"):
        make(cloud)
    assert cloud.posts() == 1


def test_two_of_the_same_at_once_never_take_each_others_record(cloud: Cloud) -> None:
    both: list[str] = []
    looked, first_posted, second_posted = threading.Barrier(2), threading.Event(), threading.Event()

    def fault(request: httpx.Request) -> httpx.Response | None:
        """Where two are let in at once, both look, then both ask, then the one without an answer looks for what it made."""
        if request.method == "GET":
            with suppress(threading.BrokenBarrierError):
                second_posted.wait(0.2) if first_posted.is_set() else looked.wait(0.2)
            return None
        if not first_posted.is_set():
            first_posted.set()
            return done_but_unanswered(cloud)(request)
        answer = cloud.serve(request)
        second_posted.set()
        return answer

    cloud.faults = [fault] * 20
    threads = [threading.Thread(target=lambda: both.append(make(cloud)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sorted(both), sorted(cloud.records)) == (["101", "102"], [101, 102])


def test_every_request_waits_for_its_turn(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    monkeypatch.setattr(cloud.api._pace, "wait_for_turn", lambda: turns.append(1))
    cloud.faults = [status(500), None, unsent]
    make(cloud)
    assert len(turns) == len(cloud.requests) == 4


def test_every_page_of_a_list_is_read_and_its_links_are_not_followed(cloud: Cloud) -> None:
    for number in range(1, 46):
        cloud.records[number] = {"id": number, "type": "TXT", "name": "many", "data": f"v{number}", "ttl": 60}
    cloud.records[46] = {"id": 46, "type": "TXT", "name": "many", "data": "wanted", "ttl": 60}
    cloud.faults = [None, None, None, done_but_unanswered(cloud)]
    made, _ = make(cloud, type="TXT", name="many", value="wanted")
    assert (made, cloud.posts()) == ("47", 1)


def test_a_pause_that_is_asked_for_holds_every_request(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(timeout: float) -> None:
        waited.append(timeout)

    monkeypatch.setattr(cloud.cancelled, "wait", wait)
    monkeypatch.setattr(cloud.api._pace, "hold", waited.append)
    number, state = make(cloud)
    cloud.faults = [status(429, **{"Retry-After": "7"}), status(503, **{"Retry-After": "9"})]
    DnsRecord().read(cloud.api, number, state)
    assert waited == [7, 7, 9]


def test_a_pause_that_is_too_long_is_told_instead_of_waited_for(cloud: Cloud) -> None:
    cloud.faults = [status(429, **{"Retry-After": "1800"})]
    with pytest.raises(BackendError, match=r"\(429\)[\s\S]*run the same command again after \d\d:\d\d:\d\d UTC"):
        DnsRecord().read(cloud.api, "1", SHOP)
    assert len(cloud.requests) == 1


def test_a_cancelled_deployment_stops_waiting(cloud: Cloud) -> None:
    cloud.cancelled.set()
    cloud.faults = [status(500)] * 5
    with pytest.raises(BackendError, match="500"):
        DnsRecord().read(cloud.api, "1", SHOP)
    assert len(cloud.requests) == 1
    cloud.api._pace.hold(60)
    with pytest.raises(BackendError, match="cancelled"):
        cloud.api._pace.wait_for_turn()


def test_a_wrong_token_is_one_message_and_nobody_asks_again(cloud: Cloud) -> None:
    cloud.api = Api(Access("https://api.test", "wrong-secret"), cloud.cancelled, httpx.MockTransport(cloud.answer))
    for _ in range(2):
        with pytest.raises(BackendError, match=r"the token is refused \(401\): check digitalocean:token") as refused:
            make(cloud)
        assert "wrong-secret" not in str(refused.value)
        assert "pulumi config set --secret" in str(refused.value)
    assert len(cloud.requests) == 1


def test_the_token_is_in_no_log_no_message_and_no_repr(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.faults = [lambda request: httpx.Response(400, text=f"bad header {request.headers['Authorization']}")]
    with pytest.raises(BackendError, match="bad header Bearer \\(the token\\)") as refused:
        make(cloud)
    make(cloud)
    assert TOKEN not in str(refused.value)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(cloud.api.access)


def test_a_zone_that_is_missing_is_told_with_what_mends_it(cloud: Cloud) -> None:
    with pytest.raises(BackendError, match=r"The zone nowhere.test is not in this [\s\S]*doctl compute domain create nowhere.test"):
        make(cloud, domain="nowhere.test")
    assert cloud.posts() == 0


def test_what_the_api_refuses_is_told_in_its_own_words_and_not_asked_again(cloud: Cloud) -> None:
    cloud.faults = [None, status(422)]
    with pytest.raises(BackendError, match=r"refused POST /v2/domains/example.com/records \(422\): a trouble \(request r-1\)"):
        make(cloud)
    assert cloud.posts() == 1
    cloud.faults = [status(403)]
    with pytest.raises(BackendError, match=r"\(403\)[\s\S]*give the token the scopes domain:create"):
        make(cloud)


def test_an_answer_that_is_not_the_apis_is_told(cloud: Cloud) -> None:
    cloud.faults = [lambda _: httpx.Response(200, text="<html>")]
    with pytest.raises(BackendError, match=r"is not the DigitalOcean API[\s\S]*apiEndpoint"):
        make(cloud)


def test_a_certificate_nobody_vouches_for_is_told_at_once(cloud: Cloud) -> None:
    def untrusted(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    cloud.faults = [untrusted]
    with pytest.raises(BackendError, match=r"could not be trusted[\s\S]*SSL_CERT_FILE"):
        make(cloud)
    assert len(cloud.requests) == 1


def test_a_domain_lives_from_creation_to_its_removal(cloud: Cloud) -> None:
    name, state = Domain().create(cloud.api, {"name": "new.test", "ipAddress": "203.0.113.7"})
    assert (name, state["domainUrn"], state["ttl"]) == ("new.test", "do:domain:new.test", 1800)
    assert Domain().read(cloud.api, name, state) == (name, state)
    cloud.zones.remove("new.test")
    assert Domain().read(cloud.api, name, state) is None
    Domain().delete(cloud.api, name, state)


@pytest.mark.parametrize("race", [False, True])
def test_a_domain_that_exists_is_refused_with_the_command_that_imports_it(cloud: Cloud, race: bool) -> None:
    if race:  # it came between the look and the POST
        cloud.faults = [status(404)]
    with pytest.raises(BackendError, match=r"exists already[\s\S]*pulumi import digitalocean:index/domain:Domain NAME example.com"):
        Domain().create(cloud.api, {"name": ZONE})
    assert cloud.posts() == race


def test_a_domain_whose_reply_was_lost_is_taken_over(cloud: Cloud) -> None:
    cloud.faults = [None, done_but_unanswered(cloud)]
    assert Domain().create(cloud.api, {"name": "new.test"})[0] == "new.test"
    assert cloud.posts() == 1


def test_a_lost_domain_that_is_made_late_is_taken_over_too(cloud: Cloud) -> None:
    cloud.faults = [None, status(504), None, None, lambda _: cloud.zones.add("new.test")]
    assert Domain().create(cloud.api, {"name": "new.test"})[0] == "new.test"
    assert cloud.posts() == 2
