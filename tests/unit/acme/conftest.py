"""Fixtures of the ACME server's tests: an estate of its own whose addresses are loopback ones, and an engine that is written down."""

from __future__ import annotations

import http.server
import ipaddress
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import container as shared
from local.acme import container
from local.certificates import server_certificate
from local.estate import Estate, EstateFile

CERTIFIED = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate with its own platform CA."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return Estate(EstateFile(name="trial", subnet=ipaddress.IPv4Network("127.0.0.0/24")))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Estate, str], None]]:
    """Answer every request at an estate's ACME ports with a text, under a certificate that this estate's CA signed."""
    servers: list[http.server.HTTPServer] = []

    def start(signer: Estate, text: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        address = signer.subnet[container.PLACE]
        server = http.server.ThreadingHTTPServer((str(address), 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server_certificate(signer, signer.data_dir / "served", ["acme"], [address]))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        for port in ("ACME_PORT", "MANAGEMENT_PORT"):
            monkeypatch.setattr(container, port, server.server_port)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every docker command; a container that was started runs, with the labels it was given, until it is removed."""
    commands: list[list[str]] = []
    running: list[str] = []

    def run(command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        commands.append(words)
        answer = subprocess.CompletedProcess(words, 0, stdout="")
        if words[1] == "run":
            running[:] = [word.partition("=")[2] for word in words if word.startswith(shared.CONTENT_LABEL)]
        elif words[1] == "rm":
            running.clear()
        elif words[1:3] == ["container", "inspect"]:
            answer = subprocess.CompletedProcess(words, 0 if running else 1, stdout=f"{running[0]} true\n" if running else "")
        return answer

    monkeypatch.setattr(shared, "run", run)
    monkeypatch.setattr(shared, "ensure_network", lambda _estate: None)
    monkeypatch.setattr("local.addons.program_image.ensure_own", lambda _toolchain, _program: "highstreetly/pebble:0123456789abcdef")
    return commands
