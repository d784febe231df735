"""A TLS server on loopback, looked at as a browser would."""

from __future__ import annotations

import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ops import probes
from ops.errors import InputError
from tests.unit.ops.conftest import Authority

HOST = "shop.example.test"
Serve = Callable[..., int]


class Page(BaseHTTPRequestHandler):
    """Answers with the Host header that it was asked with."""

    def do_GET(self) -> None:
        """Answer."""
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class QuietServer(ThreadingHTTPServer):
    """A server that does not tell of clients that leave."""

    def handle_error(self, *_: object) -> None:
        """Be silent."""


@contextmanager
def tls_server(authority: Authority, folder: Path, *hosts: str, began: int = -1, days: int = 90, old: bool = False) -> Iterator[int]:
    certificate, key = authority.issue(*hosts, begins=datetime.now(UTC) + timedelta(days=began), days=days)
    (folder / "server.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    if old:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    server = QuietServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server) as port:
        yield port


@pytest.fixture
def trusting(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    """A browser that trusts the authority alone."""
    (tmp_path / "roots.pem").write_text(authority.pem)
    return probes.trust("roots.pem", tmp_path)


def judged(port: int, context: ssl.SSLContext) -> probes.Check:
    return probes.judge_certificate(HOST, probes.shake_hands("127.0.0.1", port, HOST, context), datetime.now(UTC), "a remedy")


def test_a_good_certificate_is_found_good(authority: Authority, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(authority, tmp_path, HOST) as port:
        check = judged(port, trusting)
    assert check.ok
    assert f"for {HOST}, by Test Root, until" in check.seen


def test_another_host_s_certificate_is_refused_and_shown(authority: Authority, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(authority, tmp_path, "other.example.test") as port:
        check = judged(port, trusting)
    assert not check.ok
    assert "Hostname mismatch" in check.seen
    assert "for other.example.test" in check.seen


def test_an_unknown_root_is_refused_and_named(trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(Authority("Stranger"), tmp_path, HOST) as port:
        check = judged(port, trusting)
    assert not check.ok
    assert "unable to get local issuer certificate" in check.seen
    assert "by Stranger" in check.seen


def test_the_ingress_controller_s_own_certificate_means_not_issued_yet(trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(Authority(probes.DEFAULT_CERTIFICATE), tmp_path, "default.traefik") as port:
        check = judged(port, trusting)
    assert not check.ok
    assert check.seen.startswith("not issued yet")
    assert check.remedy == "a remedy"


@pytest.mark.parametrize(("began", "words"), [(-91, "certificate has expired"), (-80, "near its end and not renewed")])
def test_a_certificate_at_its_end_is_not_good(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path, began: int, words: str
) -> None:
    with tls_server(authority, tmp_path, HOST, began=began) as port:
        check = judged(port, trusting)
    assert not check.ok
    assert words in check.seen


def test_a_server_that_is_not_there_is_told(trusting: ssl.SSLContext) -> None:
    seen = probes.shake_hands("127.0.0.1", 1, HOST, trusting)
    assert "no TLS at 127.0.0.1:1" in probes.judge_certificate(HOST, seen, datetime.now(UTC), "").seen
    assert probes.old_version_taken("127.0.0.1", 1, HOST) is None


@pytest.mark.parametrize("old", [False, True])
def test_versions_before_1_2_must_be_refused(authority: Authority, trusting: ssl.SSLContext, tmp_path: Path, old: bool) -> None:
    with tls_server(authority, tmp_path, HOST, old=old) as port:
        seen = probes.shake_hands("127.0.0.1", port, HOST, trusting)
        check = probes.judge_versions(HOST, seen, probes.old_version_taken("127.0.0.1", port, HOST))
    assert check.ok is not old
    assert ("but TLSv1.1 is taken too" if old else "TLSv1.3; older ones are refused") in check.seen


def test_a_request_goes_to_the_address_under_the_host_s_name(authority: Authority, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(authority, tmp_path, HOST) as port:
        answer = probes.request("GET", f"https://{HOST}:{port}/a?b=1", "127.0.0.1", trusting)
        assert answer.text == f"{HOST}:{port} /a?b=1"


def test_a_request_is_not_sent_to_whom_nobody_trusts(trusting: ssl.SSLContext, tmp_path: Path) -> None:
    with tls_server(Authority("Stranger"), tmp_path, HOST) as port, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        probes.request("GET", f"https://{HOST}:{port}/", "127.0.0.1", trusting)


def test_plain_http_is_asked_at_the_address_too() -> None:
    with serving(QuietServer(("127.0.0.1", 0), Page)) as port:
        answer = probes.request("GET", f"http://{HOST}:{port}/a", "127.0.0.1", ssl.create_default_context())
    check = probes.judge_redirect(HOST, f"https://{HOST}/a", answer)
    assert "answers 200 instead of a permanent redirect" in check.seen


@pytest.mark.parametrize(
    ("status", "location", "ok"),
    [
        (308, f"https://{HOST}/a?b=1", True),
        (301, f"https://{HOST}:443/a?b=1", True),
        (302, f"https://{HOST}/a?b=1", False),
        (301, f"https://{HOST}/", False),
        (301, "https://other.example.test/a?b=1", False),
        (301, f"http://{HOST}/a?b=1", False),
        (301, f"https://{HOST}:8443/a?b=1", False),
        (301, "", False),
    ],
)
def test_plain_http_must_lead_to_the_same_place_for_good(status: int, location: str, ok: bool) -> None:
    answer = httpx.Response(status, headers={"location": location})
    assert probes.judge_redirect(HOST, f"https://{HOST}/a?b=1", answer).ok is ok


@pytest.mark.parametrize(
    ("status", "text", "is_ui", "ok"),
    [
        (200, "<html>", True, True),
        (302, "", True, True),
        (404, "Not found", True, False),
        (503, "no available server", True, False),
        (405, "Method Not Allowed", False, True),
        (403, "Forbidden", False, True),
        (404, "404 page not found\n", False, False),
        (404, '{"error": "no such order"}', False, True),
        (502, "Bad Gateway", False, False),
    ],
)
def test_a_route_leads_to_its_service(status: int, text: str, is_ui: bool, ok: bool) -> None:
    assert probes.judge_answer(HOST, "/", httpx.Response(status, text=text), is_ui=is_ui).ok is ok


def test_a_service_that_says_not_found_in_the_controller_s_words_is_reached_all_the_same() -> None:
    answer = httpx.Response(404, text="404 page not found\n", headers={"referrer-policy": "strict-origin-when-cross-origin"})
    assert probes.judge_answer(HOST, "/", answer, is_ui=False).ok


def test_headers_are_those_that_every_answer_should_have() -> None:
    headers = {"x-content-type-options": "nosniff", "referrer-policy": "strict-origin-when-cross-origin"}
    plain = httpx.Response(200, headers=headers)
    assert probes.judge_headers(HOST, plain, hsts=False).ok
    assert "strict-transport-security" in probes.judge_headers(HOST, plain, hsts=True).seen
    assert probes.judge_headers(HOST, httpx.Response(200, headers=headers | {"strict-transport-security": "max-age=1"}), hsts=True).ok
    assert not probes.judge_headers(HOST, httpx.Response(200), hsts=False).ok


def test_roots_that_cannot_be_read_are_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(InputError, match="roots to trust cannot be read"):
            probes.trust(name, tmp_path)
