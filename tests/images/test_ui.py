"""The reference UI's image: its server, its settings and its way to the APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import websocket

from tests.images.conftest import SERVICE_USER, Context
from tests.images.lab import Lab, Service, eventually

NGINX_USER = 101


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Service]:
    env = {"UI_NAME": "shop", "VERSION": "1.2.3", "CALLS": "orders,identity,shops", "PORT": "8080"}
    with lab.service(lab.images["reference-ui"], "shop", user=NGINX_USER, env=env) as service:
        yield service


def test_the_page_is_served_for_every_path_of_its_own(shop: Service) -> None:
    for path in ("/", "/orders/7"):
        answer = shop.get(path)
        assert answer.status_code == 200
        assert '<div id="app">' in answer.text
        assert answer.headers["cache-control"] == "no-cache"
    assert shop.get("/assets/none.js").status_code == 404


def test_the_page_is_told_who_it_is(shop: Service) -> None:
    assert shop.get("/config.json").json() == {"ui": "shop", "version": "1.2.3", "calls": ["orders", "identity", "shops"]}


def test_answers_bear_security_headers_and_scripts_are_compressed(shop: Service) -> None:
    page = shop.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    script = page.text.split('src="')[1].split('"')[0]
    answer = shop.get(script)
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]


def test_no_security_header_is_said_twice(lab: Lab, shop: Service) -> None:
    # Another NGINX stands for an API that says the same headers itself.
    with lab.service(lab.images["reference-ui"], "orders-api", user=NGINX_USER, env={"UI_NAME": "operator", "VERSION": "9", "PORT": "80"}):
        eventually(lambda: shop.get("/api/orders/config.json").status_code == 200, what="the API's answer")
        for path in ("/", "/api/orders/config.json"):
            headers = shop.get(path).headers
            for name in ("x-content-type-options", "referrer-policy", "permissions-policy", "cross-origin-opener-policy"):
                assert len(headers.get_list(name)) == 1, f"{path} {name}"


@pytest.fixture(scope="module")
def shops_api(lab: Lab, context: Callable[..., Context]) -> Iterator[Service]:
    env = context("shops").environment("api") | {"PORT": "80"}
    with lab.service(lab.images["reference-service"], "shops-api", user=SERVICE_USER, env=env) as service:
        yield service


def _connect(shop: Service, path: str, **more: object) -> websocket.WebSocket:
    def connect() -> websocket.WebSocket | None:
        try:
            return shop.websocket(path, **more)
        except websocket.WebSocketBadStatusException as refusal:
            if refusal.status_code == 502:  # NGINX still remembers who was at this name before
                return None
            raise

    found: websocket.WebSocket = eventually(connect, what="a websocket")
    return found


@pytest.mark.usefixtures("shops_api")
def test_a_websocket_passes_and_sends_text_back(shop: Service) -> None:
    # websocket-client says the Origin of the address that it asks, port and all, as a page does.
    connection = _connect(shop, "/api/shops/live")
    assert json.loads(connection.recv()) == {"context": "shops", "version": "1.2.3"}
    connection.send("beat")
    assert connection.recv() == "beat"
    connection.close()


@pytest.mark.usefixtures("shops_api")
def test_a_page_of_another_host_gets_no_websocket(shop: Service) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        _connect(shop, "/api/shops/live", origin="https://elsewhere.example")


@pytest.mark.usefixtures("shops_api")
def test_no_other_path_is_upgraded(shop: Service) -> None:
    _connect(shop, "/api/shops/live").close()
    for path in ("/api/shops/version", "/api/shops/live/", "/config.json"):
        with pytest.raises(websocket.WebSocketBadStatusException):
            shop.websocket(path)


def test_an_api_that_is_away_never_stops_the_page(shop: Service) -> None:
    answer = shop.get("/api/identity/version")
    assert (answer.status_code, answer.json()) == (502, {"error": "the context does not answer"})
    assert shop.get("/").status_code == 200


def test_a_context_that_it_may_not_call_is_not_found(shop: Service) -> None:
    assert shop.get("/api/payments/version").status_code == 404


def test_requests_reach_an_api_that_came_later(lab: Lab, shop: Service) -> None:
    # Another NGINX stands for the API, listening where a Service does; the path must arrive without its first words.
    env = {"UI_NAME": "operator", "VERSION": "9", "PORT": "80"}
    with lab.service(lab.images["reference-ui"], "orders-api", user=NGINX_USER, env=env) as api:
        path = "/api/orders/config.json?x=1"
        eventually(lambda: shop.get(path).status_code == 200, what="the API's answer")
        assert shop.get(path).json()["version"] == "9"
        assert "/config.json" in [line["path"] for line in api.logs()]


def test_requests_are_logged_as_json_without_their_query(shop: Service) -> None:
    shop.get("/config.json?token=hidden")
    line = next(line for line in reversed(shop.logs()) if line["path"] == "/config.json")
    assert line["status"] == 200
    assert "hidden" not in str(line)


def test_every_mistake_in_its_environment_is_named_at_once(lab: Lab) -> None:
    refused = lab.run(lab.images["reference-ui"], user=NGINX_USER, env={"UI_NAME": 'a"b', "CALLS": "orders;x", "PORT": "http"})
    assert refused.code != 0
    for name in ("UI_NAME", "VERSION", "CALLS", "PORT"):
        assert f"{name}: " in refused.output


def test_it_stops_when_told_to(lab: Lab) -> None:
    env = {"UI_NAME": "shop", "VERSION": "1.2.3"}
    with lab.service(lab.images["reference-ui"], "stopping", user=NGINX_USER, env=env) as service:
        assert service.stop() == 0
