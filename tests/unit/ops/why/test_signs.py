"""The readers of signs: log lines, policies, queues, kubectl's own output; and no secret passes them."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.deployed import newest_values
from ops.servers import queue_of, read_broker
from ops.why.answers import endpoint_of, read
from ops.why.facts import Line
from ops.why.gather import masked, parse_lines
from ops.why.images import sort_of
from ops.why.masks import mask
from ops.why.pods import ailment_of
from ops.why.policies import Peer, verdict, workload_peer
from ops.why.trouble import Fault, latest, trouble_of
from tests.unit.ops.why.world import NOW, World, event, log_line, pods_of, policy


@pytest.mark.parametrize(
    ("line", "fault", "host", "port"),
    [
        (log_line("not ready", check="database", error="context deadline exceeded"), Fault.TIMEOUT, "", 0),
        (log_line("not ready", check="broker", error="no answer: context deadline exceeded"), Fault.TIMEOUT, "", 0),
        (log_line("x", error="dial tcp 10.0.0.1:5671: connect: connection refused"), Fault.REFUSED, "10.0.0.1", 5671),
        (log_line("x", error="dial tcp 10.0.0.1:5671: i/o timeout"), Fault.TIMEOUT, "10.0.0.1", 5671),
        (log_line("x", error='Exception (403) Reason: "username or password not allowed"'), Fault.AUTHENTICATION, "", 0),
        (log_line("x", error="lookup db.example on 10.96.0.10:53: no such host"), Fault.NAME, "db.example", 0),
        (log_line("x", error="dial tcp: lookup db.example: i/o timeout"), Fault.NAME, "db.example", 0),
        (log_line("the broker is not to be had; trying again", error="the broker refused an event"), Fault.REJECTED, "", 0),
        ('connection to server at "10.0.0.1", port 5432 failed: Connection refused', Fault.REFUSED, "10.0.0.1", 5432),
        ('connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  sorry, too many clients already', Fault.CONNECTIONS, "db", 5432),
        ("Connection to 10.0.0.1:5432 refused. Check that the hostname and port are correct", Fault.REFUSED, "10.0.0.1", 5432),
        ("Unable to obtain connection from database (jdbc:postgresql://10.0.0.1:5432/x) for user 'y': Connect timed out", Fault.TIMEOUT, "10.0.0.1", 5432),
        ('2026/07/01 [error] 29#29: *1 upstream timed out (110: Connection timed out) while connecting to upstream, upstream: "http://10.96.0.20:80/x"', Fault.TIMEOUT, "10.96.0.20", 80),
        ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", Fault.CONNECTIONS, "", 0),
        ("x509: certificate signed by unknown authority", Fault.CERTIFICATE, "", 0),
        ("connect ETIMEDOUT 10.0.0.1:5432", Fault.TIMEOUT, "10.0.0.1", 5432),
    ],
)  # fmt: skip
def test_a_line_of_trouble_names_the_fault_and_the_place(line: str, fault: Fault, host: str, port: int) -> None:
    found = trouble_of(line)
    assert found
    assert (found.fault, found.host, found.port) == (fault, host, port)


@pytest.mark.parametrize(
    "line", ["", "serving", log_line("request", "INFO", path="/x?timeout expired"), log_line("published", "INFO"), "{broken"]
)
def test_a_line_of_something_else_names_none(line: str) -> None:
    assert trouble_of(line) is None


@given(st.text(max_size=200))
def test_no_line_breaks_the_reader(line: str) -> None:
    assert all(found.fault in Fault for found in latest([line]))
    assert sort_of(line) in {"", "registry unreachable", "unauthorised", "not found", "rate limited"}
    assert mask(mask(line)) == mask(line)


def test_the_newest_trouble_comes_first_and_each_once() -> None:
    old, new = log_line("x", error="dial tcp 1.1.1.1:80: i/o timeout"), log_line("x", error="dial tcp 2.2.2.2:80: i/o timeout")
    assert [found.host for found in latest([old, new, old, new])] == ["2.2.2.2", "1.1.1.1"]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("postgres://kind_orders_app:hunter2hunter2@10.0.0.1:5432/kind_orders", "hunter2hunter2"),
        ("amqps://u:p4ss/word@10.0.0.1", "p4ss/word"),
        ('{"password": "hunter2 hunter2"}', "hunter2 hunter2"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("sent with bearer abcdefgh12345678", "abcdefgh12345678"),
        ("STRIPE_WEBHOOK_SECRET=whsec_abcdefghij", "whsec_abcdefghij"),
        ("key sk_live_0123456789", "sk_live_0123456789"),
        ("token eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl"),
        ("license_key: 0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, gone: str) -> None:
    assert gone not in mask(text)
    assert "***" in mask(text)


@pytest.mark.parametrize(
    "text", ['password authentication failed for user "kind_orders_app"', "username or password not allowed", "https://a.example:443/x"]
)
def test_words_about_secrets_stay(text: str) -> None:
    assert mask(text) == text


def test_a_secret_s_own_value_is_masked_wherever_it_stands() -> None:
    assert mask("got canary-123 instead", ["canary-123"]) == "got *** instead"
    assert mask("short", ["short"]) == "short", "a short value would mask ordinary words"


def test_secrets_of_the_namespace_leave_with_nothing_that_was_gathered() -> None:
    world = World()
    world.say("orders-api", "password is canary-secret-1")
    world.say("orders-api", "crashed with canary-secret-1", previous=True)
    world.answers["orders-api-7c9d8f-0"] = "500: canary-secret-1"
    world.events.append(event("orders-api-7c9d8f-0", "Failed", "env X=canary-secret-1"))
    secret = {"kind": "Secret", "metadata": {"name": "s", "labels": {}}, "data": {"X": base64.b64encode(b"canary-secret-1").decode()}}
    facts = world.facts()
    found = masked(facts.__class__(**{**vars(facts), "items": [*facts.items, secret]}), ["canary-secret-1"])
    assert "canary-secret-1" not in repr(found)
    assert base64.b64encode(b"canary-secret-1").decode() not in repr(found)


DB = Peer("postgres", address="10.0.0.1")
ORDERS, SHOP = workload_peer("orders-api", "kind"), workload_peer("shop", "kind")


def egress(*to: dict[str, Any], ports: list[dict[str, Any]] | None = None, **selector: Any) -> dict[str, Any]:
    """A policy that lets the orders API out."""
    rule: dict[str, Any] = ({"to": list(to)} if to else {}) | ({"ports": ports} if ports else {})
    return policy("x", {**(selector or pods_of("orders-api")), "policyTypes": ["Egress"], "egress": [rule]})


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ([], True),
        ([policy("deny", {"podSelector": {}, "policyTypes": ["Egress"]})], False),
        ([policy("deny", {"podSelector": {}})], True),
        ([egress({"ipBlock": {"cidr": "10.0.0.0/24"}})], True),
        ([egress({"ipBlock": {"cidr": "10.0.0.0/24", "except": ["10.0.0.0/31"]}})], False),
        ([egress({"ipBlock": {"cidr": "10.0.0.1/32"}}, ports=[{"port": 5432}])], True),
        ([egress({"ipBlock": {"cidr": "10.0.0.1/32"}}, ports=[{"port": 5000, "endPort": 6000}])], True),
        ([egress({"ipBlock": {"cidr": "10.0.0.1/32"}}, ports=[{"port": 5433}])], False),
        ([egress({"ipBlock": {"cidr": "10.0.0.1/32"}}, ports=[{"port": 5432, "protocol": "UDP"}])], False),
        ([egress({"podSelector": {}})], False),
        ([egress()], True),
        ([egress(podSelector={"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": ["shop"]}]})], True),
        ([egress({"ipBlock": {"cidr": "10.0.0.9/32"}}, podSelector={"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]})], False),
    ],
)  # fmt: skip
def test_a_policy_lets_out_what_its_rules_say(rules: list[dict[str, Any]], allowed: bool) -> None:
    assert verdict(rules, ORDERS, DB, 5432).allowed is allowed


def test_a_connection_between_pods_needs_both_ends() -> None:
    out = egress(pods_of("shop"))
    shut = policy("shut", {**pods_of("shop"), "policyTypes": ["Ingress"]})
    assert verdict([out], ORDERS, SHOP, 8080).allowed
    assert (verdict([out, shut], ORDERS, SHOP, 8080).culprit, verdict([out, shut], ORDERS, SHOP, 8080).direction) == ("shop", "Ingress")


def test_a_namespace_selector_admits_that_namespace_only() -> None:
    dns = Peer("kube-dns", {"k8s-app": "kube-dns"}, "kube-system")
    rule = egress({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}})  # fmt: skip
    assert verdict([rule], ORDERS, dns, 53, "UDP").allowed
    assert not verdict([rule], ORDERS, Peer("kube-dns", {"k8s-app": "kube-dns"}, "elsewhere"), 53, "UDP").allowed


def test_lines_are_told_apart_by_pod_and_container() -> None:
    output = [
        "[pod/orders-api-1/api] 2026-07-01T11:59:59.123456789Z {\"msg\":\"a\"}",
        "[pod/orders-api-1/api] 2026-07-01T12:00:00.000000000Z ",
        "[pod/shop-1/ui] text without a time",
        'error: container "api" in pod "x" is waiting to start: trying and failing to pull image',
    ]  # fmt: skip
    found = parse_lines(output)
    assert [line.text for line in found["orders-api-1", "api"]] == ['{"msg":"a"}', ""]
    assert found["orders-api-1", "api"][1].at == NOW
    assert found["shop-1", "ui"] == [Line("text without a time")]
    assert len(found) == 2


def test_the_newest_secret_of_a_context_counts() -> None:
    def secret(made: str, value: str) -> dict[str, Any]:
        names = {"app.kubernetes.io/name": "orders"}
        data = {"DATABASE_URL": base64.b64encode(value.encode()).decode()}
        return {"kind": "Secret", "metadata": {"labels": names, "creationTimestamp": made}, "data": data}

    items = [secret("2026-07-01T10:00:00Z", "new"), secret("2026-07-01T09:00:00Z", "old"), {"kind": "Secret", "metadata": {"labels": {}}}]
    foreign = secret("2026-07-01T11:00:00Z", "by hand")
    items.append(foreign | {"metadata": {"name": "mine", "creationTimestamp": "2026-07-01T11:00:00Z"}})
    assert newest_values(items, "DATABASE_URL") == {"orders": "new"}


KUBECTL_132 = """\
I0701 12:00:00.000000   10 round_trippers.go:463] GET https://127.0.0.1:6443/api/v1/namespaces/kind/pods/x:8080/proxy/health/ready
I0701 12:00:00.000000   10 round_trippers.go:473]     Authorization: Bearer <masked>
I0701 12:00:00.000000   10 round_trippers.go:574] Response Status: 503 Service Unavailable in 5 milliseconds
I0701 12:00:00.000000   10 request.go:1351] Response Body: {"checks":{"database":"failing"},"status":"not ready"}
Error from server (ServiceUnavailable): the server is currently unable to handle the request
"""
KUBECTL_133 = """\
I0701 12:00:00.000000   10 round_trippers.go:560] "Response" verb="GET" url="https://127.0.0.1:6443/x" status="503 Service Unavailable" milliseconds=5
I0701 12:00:00.000000   10 request.go:1212] "Response Body" body=<
	{"checks":{"database":"failing"},"status":"not ready"}
 >
"""


@pytest.mark.parametrize("output", [KUBECTL_132, KUBECTL_133], ids=["klog text", "klog structured"])
def test_the_answer_of_a_readiness_endpoint_is_read_from_kubectl(output: str) -> None:
    assert read(output) == '503 Service Unavailable: {"checks":{"database":"failing"},"status":"not ready"}'


def test_no_answer_is_no_answer() -> None:
    assert read("Unable to connect to the server: dial tcp: i/o timeout") == ""


def test_the_readiness_endpoint_is_the_probe_s_own() -> None:
    pod = World().pod("orders-api")
    assert endpoint_of(pod) == (8080, "/health/ready")
    pod["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 1}}
    assert endpoint_of(pod) is None


QUEUE = {
    "name": "orders.inbox", "messages_ready": 5, "messages_unacknowledged": 1, "consumers": 0, "message_bytes_ready": 900,
    "arguments": {"x-queue-type": "quorum", "x-max-length": 9}, "effective_policy_definition": {"delivery-limit": 10, "max-length": 5},
}  # fmt: skip


def test_a_queue_s_smaller_limit_holds() -> None:
    assert queue_of(QUEUE).full_words == "5 of 5 messages"
    assert queue_of({**QUEUE, "effective_policy_definition": {}}).full_words == ""
    assert queue_of({"name": "new"}).ready == 0, "statistics come a few seconds after the queue"
    assert (
        queue_of({**QUEUE, "arguments": {"x-max-length-bytes": 900}, "effective_policy_definition": None}).full_words == "900 of 900 bytes"
    )


def broker(nodes: httpx.Response, vhost: int = 200) -> httpx.Client:
    """A client of a broker that answers so."""
    answers = {"/api/vhosts/kind": httpx.Response(vhost), "/api/queues/kind": httpx.Response(200, json=[QUEUE]), "/api/nodes": nodes}
    answers["/api/overview"] = httpx.Response(200, json={"rabbitmq_version": "4.1.0"})
    transport = httpx.MockTransport(lambda request: answers[request.url.path])
    return httpx.Client(base_url="https://broker/api", transport=transport)


def test_the_broker_s_alarms_and_queues_are_read() -> None:
    found = read_broker(broker(httpx.Response(200, json=[{"mem_alarm": False, "disk_free_alarm": True}])), "kind")
    assert found.alarms == ["its disk is nearly full"]
    assert found.version == "4.1.0"
    assert [queue.name for queue in found.queues] == ["orders.inbox"]
    assert list(read_broker(broker(httpx.Response(401)), "kind").alarms) == [], "who may not see the nodes sees the queues"


def test_a_vhost_that_is_gone_and_a_password_that_is_wrong_are_two_things() -> None:
    assert not read_broker(broker(httpx.Response(401), 404), "kind").vhost
    assert not read_broker(broker(httpx.Response(401), 401), "kind").asked


def test_a_pod_that_is_starting_leaving_or_done_is_not_unhealthy() -> None:
    world = World()
    starting = world.unready("shop", started=False)
    assert ailment_of(starting) is None
    world.unready("operator", state={"waiting": {"reason": "ContainerCreating"}}, started=False)
    assert ailment_of(world.pod("operator")) is None
    leaving = world.unready("dashboard")
    leaving["metadata"]["deletionTimestamp"] = "2026-07-01T11:59:00Z"
    assert ailment_of(leaving) is None


def test_a_pod_that_starts_is_told_as_starting_and_not_as_broken() -> None:
    world = World()
    pod = world.unready("shop", started=False)
    pod["metadata"]["creationTimestamp"] = "2026-07-01T11:59:30Z"
    assert world.cause().sentence == "is starting"
