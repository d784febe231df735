"""The tests' view of the world outside the estate: DNS answers, TLS handshakes, HTTP as a stranger sends it, and faults on demand."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import httpx
from cryptography import x509

from local.estate import Estate
from ops.process import run

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """What a URL answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class Outside:
    """Everything that is not the platform: the name server, the registrar's API, the certificate authority, and strangers."""

    estate: Estate
    zone: str = "highstreet.localhost"
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.estate.acme_root

    @property
    def api(self) -> str:
        """The DigitalOcean API."""
        return f"http://{self.estate.address('digitalocean')}"

    def addresses(self, host: str) -> list[str]:
        """What the authoritative server says a name leads to."""
        query = dns.message.make_query(host, dns.rdatatype.A)
        answer = dns.query.udp(query, str(self.estate.address("digitalocean")), timeout=TIMEOUT_SECONDS)
        return [record.to_text() for found in answer.answer for record in found if found.rdtype == dns.rdatatype.A]

    def records(self, name: str = "", kind: str = "A") -> list[dict[str, Any]]:
        """The zone's records as the API lists them, by name within the zone."""
        url = f"{self.api}/v2/domains/{self.zone}/records?per_page=200&type={kind}"
        found = self._call("GET", url)["domain_records"]
        return [record for record in found if not name or record["name"] == name]

    def add_record(self, name: str, value: str) -> dict[str, Any]:
        """A record that somebody makes by hand."""
        body = {"type": "A", "name": name, "data": value, "ttl": 1800}
        made: dict[str, Any] = self._call("POST", f"{self.api}/v2/domains/{self.zone}/records", body)["domain_record"]
        return made

    def delete_record(self, record: int) -> None:
        """Remove a record by its ID."""
        self._call("DELETE", f"{self.api}/v2/domains/{self.zone}/records/{record}")

    def _call(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        token = self.estate.secrets.digitalocean_token
        answer = httpx.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    @contextmanager
    def fault(self, **fault: Any) -> Iterator[None]:
        """The API misbehaves as described until the block ends."""
        httpx.post(f"{self.api}/_emulator/faults", json=fault, timeout=TIMEOUT_SECONDS).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(f"{self.api}/_emulator/faults", timeout=TIMEOUT_SECONDS).raise_for_status()

    @contextmanager
    def issuer_away(self) -> Iterator[None]:
        """The cluster cannot reach the ACME server until the block ends."""
        route = ["docker", "exec", f"{self.estate.cluster}-control-plane", "ip", "route"]
        run([*route, "add", "blackhole", str(self.estate.address("acme"))])
        try:
            yield
        finally:
            run([*route, "del", "blackhole", str(self.estate.address("acme"))])

    def certificate(self, host: str, version: ssl.TLSVersion | None = None) -> x509.Certificate:
        """The certificate that a name is served with; raises ssl.SSLError unless it is trusted by the issuer's root and is the name's."""
        context = ssl.create_default_context(cafile=str(self.root))
        if version:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
        with self._connect(self.estate.file.https_port) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
            found = secure.getpeercert(binary_form=True)
            assert found
            return x509.load_der_x509_certificate(found)

    def ask(self, host: str, path: str = "/", method: str = "GET", *, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """An HTTPS request as a stranger sends it, its certificate checked."""
        context = ssl.create_default_context(cafile=str(self.root))
        connection = http.client.HTTPSConnection(host, context=context, timeout=TIMEOUT_SECONDS)
        connection.sock = context.wrap_socket(self._connect(self.estate.file.https_port), server_hostname=host)
        return _exchange(connection, method, path, body, headers or {})

    def ask_plainly(self, host: str, path: str = "/") -> Answer:
        """A plain HTTP request."""
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_SECONDS)
        connection.sock = self._connect(self.estate.file.http_port)
        return _exchange(connection, "GET", path, b"", {})

    def _connect(self, port: int) -> socket.socket:
        return socket.create_connection((str(self.estate.file.loopback), port), timeout=TIMEOUT_SECONDS)


def _exchange(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    try:
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()
