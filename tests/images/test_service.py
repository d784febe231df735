"""The reference service beside real servers: what it promises, seen from outside."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import websocket

from tests.images.conftest import SERVICE_USER, Context
from tests.images.lab import SERVER, VHOST, Lab, Service, docker, eventually

CONFIGURATION_ERROR = 2
SIGNED_LATELY = 0
SIGNED_LONG_AGO = 3600
EVENT_BYTES_MAX = 256 * 1024
WEBHOOKS = {
    "WEBHOOKS": "stripe,stripe-connect,chargebee",
    "STRIPE_WEBHOOK_SECRET": "whsec_own",
    "STRIPE_CONNECT_WEBHOOK_SECRET": "whsec_connect",
    "CHARGEBEE_WEBHOOK_USER": "chargebee",
    "CHARGEBEE_WEBHOOK_PASSWORD": "rightly",
}
SERVICE_PORT = {"PORT": "80"}
"""Where a Kubernetes Service listens, which is where other contexts call."""


@dataclass
class Estate:
    orders: Context
    payments: Context
    orders_api: Service
    payments_api: Service
    payments_receiver: Service

    def place(self, **more: Any) -> dict[str, Any]:
        answer = self.orders_api.post("/commands", {"type": "PlaceOrder", "data": {"total_cents": 480}, **more})
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def payments_know(self, event: str) -> bool:
        return any(row["id"] == event for row in self.payments_api.get("/read-model").raise_for_status().json())


@pytest.fixture(scope="module")
def estate(lab: Lab, context: Callable[..., Context]) -> Iterator[Estate]:
    orders, payments = context("orders", "payments"), context("payments", "orders")
    image = lab.images["reference-service"]
    # The receiver comes first: it has to wait for the exchange that only the other's API may declare.
    with lab.service(image, "payments-receiver", user=SERVICE_USER, env=payments.environment("receiver")) as payments_receiver:
        eventually(lambda: payments_receiver.get("/health/ready").json().get("waiting_for") == ["orders"], what="waiting for orders")
        with (
            lab.service(image, "orders-api", user=SERVICE_USER, env=orders.environment("api")) as orders_api,
            lab.service(
                image, "payments-api", user=SERVICE_USER, env=payments.environment("api") | SERVICE_PORT | WEBHOOKS
            ) as payments_api,
        ):
            for service in (orders_api, payments_api, payments_receiver):
                eventually(service.ready, what="being ready")
            eventually(lambda: payments_receiver.get("/health/ready").json()["waiting_for"] == [], what="subscribing")
            yield Estate(orders, payments, orders_api, payments_api, payments_receiver)


def _queue(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.broker("GET", f"/api/queues/{VHOST}/{name}").json()
    return found


def _dead(lab: Lab) -> list[dict[str, Any]]:
    body = {"count": 10, "ackmode": "ack_requeue_false", "encoding": "auto"}
    found: list[dict[str, Any]] = lab.broker("POST", f"/api/queues/{VHOST}/payments.dead/get", body).json()
    return found


def _publish(lab: Lab, payload: str) -> None:
    body = {"routing_key": "OrderPlaced", "payload": payload, "payload_encoding": "string", "properties": {"delivery_mode": 2}}
    assert lab.broker("POST", f"/api/exchanges/{VHOST}/orders.events/publish", body).json() == {"routed": True}


def test_a_command_becomes_an_event_that_another_context_knows(estate: Estate) -> None:
    placed = estate.place()
    assert placed["type"] == "OrderPlaced"
    eventually(lambda: estate.payments_know(placed["event_id"]), what="payments hearing of the order")
    row = next(row for row in estate.payments_api.get("/read-model").json() if row["id"] == placed["event_id"])
    assert (row["source"], row["type"], row["data"]) == ("orders", "OrderPlaced", {"total_cents": 480})
    stored = eventually(
        lambda: [row for row in estate.orders_api.get("/events").json() if row["published_at"]], what="the mark in the outbox"
    )
    assert placed["event_id"] in [row["id"] for row in stored]


def test_the_same_command_twice_is_stored_once(estate: Estate) -> None:
    name = str(uuid.uuid4())
    assert [estate.place(id=name)["repeated"] for _ in range(2)] == [False, True]
    assert estate.orders.database.rows(f"SELECT count(*) FROM events WHERE id = '{name}'") == [(1,)]
    other = estate.orders_api.post("/commands", {"type": "CancelOrder", "id": name})
    assert other.status_code == 409


def test_the_same_message_twice_is_received_once(lab: Lab, estate: Estate) -> None:
    event = {"id": str(uuid.uuid4()), "type": "OrderPlaced", "source": "orders", "data": {}, "occurred_at": "2026-01-02T03:04:05Z"}
    for _ in range(2):
        _publish(lab, json.dumps(event))

    def received() -> list[bool]:
        return [line["new"] for line in estate.payments_receiver.logs() if line.get("event") == event["id"]]

    eventually(lambda: len(received()) == 2, what="both deliveries")
    assert received() == [True, False]
    assert estate.payments.database.rows(f"SELECT count(*) FROM read_model WHERE id = '{event['id']}'") == [(1,)]


def test_poison_goes_to_the_dead_letters_and_the_next_event_is_received(lab: Lab, estate: Estate) -> None:
    _publish(lab, "poison")
    placed = estate.place()
    eventually(lambda: estate.payments_know(placed["event_id"]), what="the event behind the poison")
    assert [message["payload"] for message in eventually(lambda: _dead(lab), what="the dead letter")] == ["poison"]


def test_queues_are_quorum_queues_and_messages_survive(lab: Lab, estate: Estate) -> None:
    inbox = _queue(lab, "payments.inbox")
    assert (inbox["type"], inbox["durable"], inbox["arguments"]["x-dead-letter-exchange"]) == ("quorum", True, "payments.dead")
    assert _queue(lab, "payments.dead")["type"] == "quorum"
    assert estate.orders_api.get("/version").json() == {"context": "orders", "role": "api", "version": "1.2.3"}


def test_an_api_reaches_the_apis_it_calls(estate: Estate) -> None:
    answer = estate.orders_api.get("/calls").json()
    assert answer["payments"]["answer"]["context"] == "payments"


def _stripe(name: str, secret: str, event: dict[str, Any], *, seconds_ago: int = SIGNED_LATELY) -> dict[str, Any]:
    """What Stripe would send, computed without the service's own code."""
    body = json.dumps(event, indent=2).encode()
    stamp = int(time.time()) - seconds_ago
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"url": f"/webhooks/{name}", "content": body, "headers": {"Stripe-Signature": f"t={stamp},v1={signature}"}}


def _chargebee(password: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"url": "/webhooks/chargebee", "content": json.dumps(event).encode(), "auth": ("chargebee", password)}


def _send(service: Service, *, url: str, method: str = "POST", **request: Any) -> httpx.Response:
    return httpx.request(method, service.url + url, timeout=10, **request)


def _payment(**more: Any) -> dict[str, Any]:
    return {"id": f"evt_{uuid.uuid4().hex}", "type": "payment_intent.succeeded", "data": {"object": {"card": "4242"}}, **more}


def _kept(estate: Estate, vendor_id: str) -> list[tuple[Any, ...]]:
    query = "SELECT events.type, data, published_at IS NOT NULL FROM events JOIN outbox ON event_id = events.id"
    return estate.payments.database.rows(f"{query} WHERE data->>'id' = '{vendor_id}'")


def _is_kept(estate: Estate, vendor_id: str, expected: list[tuple[Any, ...]]) -> bool:
    return _kept(estate, vendor_id) == expected


def test_a_vendors_event_is_stored_and_published_once_however_often_it_comes(estate: Estate) -> None:
    own, connect = _payment(livemode=False), _payment(account="acct_7")
    subscription = {"id": f"ev_{uuid.uuid4().hex}", "event_type": "subscription_created", "content": {"customer": {"email": "a@b.c"}}}
    paid = {"vendor": "stripe", "type": "payment_intent.succeeded"}
    requests: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
        (_stripe("stripe", "whsec_own", own), "StripeEventReceived", paid | {"id": own["id"], "livemode": False}),
        (_stripe("stripe-connect", "whsec_connect", connect), "StripeEventReceived", paid | {"id": connect["id"], "account": "acct_7"}),
        (
            _chargebee("rightly", subscription),
            "ChargeBeeEventReceived",
            {"vendor": "chargebee", "type": "subscription_created", "id": subscription["id"]},
        ),
    ]
    for request, kind, data in requests:
        answers = [_send(estate.payments_api, **request) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert [answer.json() for answer in answers] == [{"received": True}, {"received": True, "duplicate": True}]
        published = [(kind, data, True)]
        eventually(partial(_is_kept, estate, data["id"], published), what=f"the publication of {published}")


def test_what_is_not_the_vendors_is_refused_and_not_stored(estate: Estate) -> None:
    event = _payment()
    other_body = _stripe("stripe", "whsec_own", event) | {"content": json.dumps(event).encode()}
    large = _stripe("stripe", "whsec_own", event | {"more": "x" * EVENT_BYTES_MAX})
    for request, expected in (
        (_stripe("stripe", "whsec_other", event), 400),
        (_stripe("stripe", "whsec_connect", event), 400),
        (other_body, 400),
        (_stripe("stripe", "whsec_own", event, seconds_ago=SIGNED_LONG_AGO), 400),
        (_stripe("stripe-connect", "whsec_connect", event), 400),
        (_chargebee("wrongly", {"id": event["id"], "event_type": "subscription_created"}), 401),
        (large, 413),
        (_stripe("stripe", "whsec_own", event) | {"method": "GET"}, 405),
    ):
        assert _send(estate.payments_api, **request).status_code == expected, request["url"]
    assert _kept(estate, event["id"]) == []
    assert _send(estate.orders_api, **_stripe("stripe", "whsec_own", event)).status_code == 404, "only who lists a webhook has it"
    for secret in ("whsec_own", "whsec_connect", "rightly"):
        assert secret not in docker("logs", estate.payments_api.container)


def test_a_websocket_says_who_is_there_and_sends_text_back(estate: Estate) -> None:
    connection = estate.orders_api.websocket("/live")
    assert json.loads(connection.recv()) == {"context": "orders", "version": "1.2.3"}
    connection.send("hello")
    assert connection.recv() == "hello"
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        estate.orders_api.websocket("/live", origin="https://elsewhere.example")


def test_the_database_is_used_by_few_connections(lab: Lab, estate: Estate) -> None:
    for _ in range(10):
        estate.place()
    query = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{estate.orders.database.app}'"
    assert lab.admin(query)[0][0] <= 4


def test_without_its_broker_a_service_is_live_but_not_ready_and_nothing_is_lost(lab: Lab, estate: Estate) -> None:
    docker("exec", lab.server, "rabbitmqctl", "--quiet", "stop_app")
    try:
        for service in (estate.orders_api, estate.payments_receiver):
            eventually(service.not_ready, what="not being ready")
            answer = service.get("/health/ready").json()["checks"]
            assert answer["database"] == "ok"
            assert answer["broker"] != "ok"
            assert service.get("/health/live").status_code == 200
        placed = estate.place()
        with lab.service(lab.images["reference-service"], "late", user=SERVICE_USER, env=estate.orders.environment("api")) as late:
            assert late.get("/health/live").status_code == 200
            assert late.get("/health/ready").status_code == 503
    finally:
        docker("exec", lab.server, "rabbitmqctl", "--quiet", "start_app")
    for service in (estate.orders_api, estate.payments_receiver):
        eventually(service.ready, seconds=30, what="being ready again")
    eventually(lambda: estate.payments_know(placed["event_id"]), seconds=30, what="the order placed meanwhile")


def test_an_event_waits_for_the_database_and_is_then_received(lab: Lab, estate: Estate) -> None:
    database = estate.payments.database
    lab.admin(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    lab.admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'")
    try:
        placed = estate.place()
        eventually(estate.payments_receiver.not_ready, what="not being ready")
        assert estate.payments_receiver.get("/health/ready").json()["checks"]["database"] != "ok"
    finally:
        lab.admin(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    eventually(lambda: estate.payments_know(placed["event_id"]), seconds=30, what="the event that waited")
    assert not _dead(lab)


@pytest.mark.parametrize("role", ["api", "receiver"])
def test_a_service_told_to_stop_finishes_and_exits_0(lab: Lab, estate: Estate, role: str) -> None:
    environment = estate.payments.environment(role)
    with lab.service(lab.images["reference-service"], "stopping", user=SERVICE_USER, env=environment) as service:
        eventually(service.ready, what="being ready")
        assert service.stop() == 0
        assert [line["msg"] for line in service.logs()][-1] == "stopped"


def test_a_websocket_is_told_that_its_service_stops(lab: Lab, estate: Estate) -> None:
    with lab.service(lab.images["reference-service"], "stopping", user=SERVICE_USER, env=estate.payments.environment("api")) as service:
        connection = service.websocket("/live")
        connection.recv()
        docker("kill", "--signal", "TERM", service.container)
        opcode, data = connection.recv_data()
        assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, websocket.STATUS_GOING_AWAY)
        eventually(lambda: docker("inspect", "--format", "{{.State.ExitCode}} {{.State.Running}}", service.container) == "0 false")


def test_every_mistake_in_its_environment_is_named_at_once(lab: Lab) -> None:
    refused = lab.run(lab.images["reference-service"], user=SERVICE_USER, env={"ROLE": "cook"})
    assert refused.code == CONFIGURATION_ERROR
    for name in ("CONTEXT", "ROLE", "VERSION", "DATABASE_URL", "BROKER_URL"):
        assert f"{name}: " in refused.output


def test_a_listed_webhook_needs_its_secret(lab: Lab) -> None:
    refused = lab.run(lab.images["reference-service"], user=SERVICE_USER, env=WEBHOOKS | {"CHARGEBEE_WEBHOOK_USER": ""})
    assert refused.code == CONFIGURATION_ERROR
    assert "CHARGEBEE_WEBHOOK_USER: is not set" in refused.output
    assert "whsec" not in refused.output


def test_it_tells_whether_a_port_can_be_reached_from_inside(lab: Lab) -> None:
    image = lab.images["reference-service"]
    assert lab.run(image, "check", "tcp", f"{SERVER}:5432", user=SERVICE_USER, env={}).code == 0
    assert lab.run(image, "check", "tcp", f"{SERVER}:9", "--timeout", "1s", user=SERVICE_USER, env={}).code == 1


def test_its_image_holds_one_file_and_no_root(lab: Lab) -> None:
    image = lab.images["reference-service"]
    assert docker("image", "inspect", "--format", "{{.Config.User}}", image) == "10001:10001"
    assert docker("image", "inspect", "--format", "{{len .RootFS.Layers}}", image) == "1"
