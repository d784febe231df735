"""A small container registry on this machine: manifests, blobs, uploads, and tokens as Docker Hub asks for them."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PATH = re.compile(r"/v2/(.+)/(manifests|blobs/uploads|blobs)/([^/]*)")


def digest_of(content: bytes) -> str:
    """The digest by which a registry calls bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Registry:
    """The registry's content, its moods, and what it was asked."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    """By `repository:tag`."""
    types: dict[str, str] = field(default_factory=dict)
    """Of manifests that are no plain image."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    tells_digest: bool = True
    digest: str = ""
    """What it says instead of the true one."""
    realm: str = ""
    """Where its tokens are; without it needs none."""
    token: str = "token-for-{}"
    """What it calls the token of a repository; another one than this opens nothing."""
    users: dict[str, str] = field(default_factory=dict)
    """Who gets a token, with the password; empty: everybody."""
    basic: bool = False
    """It wants user and password itself."""
    moods: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the next requests are answered with instead, status and headers each."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def put(self, name: str, content: bytes, media_type: str = MANIFEST) -> str:
        """Have a manifest as `repository:tag`; returns its digest."""
        self.manifests[name] = content
        self.types[name] = media_type
        return digest_of(content)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers in a registry's name."""

    registry: Registry
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        self.registry.asked.append(f"{self.command} {self.path}")
        self.registry.headers.append(dict(self.headers))
        if self.registry.moods:
            status, headers = self.registry.moods.pop(0)
            return self.answer(status, headers=headers)
        if url.path == "/token":
            return self.give_token(parse_qs(url.query))
        asked = PATH.fullmatch(url.path)
        assert asked, url.path
        repository, kind, rest = asked.groups()
        if not self.is_allowed(repository):
            return None
        if kind == "manifests":
            return self.manifest(f"{repository}:{rest}", body)
        if kind == "blobs":
            return self.answer(200 if rest in self.registry.blobs else 404)
        return self.upload(parse_qs(url.query), body)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def is_allowed(self, repository: str) -> bool:
        given = self.headers.get("Authorization", "")
        if self.registry.basic and given != f"Basic {base64.b64encode(b'ops:right').decode()}":
            self.answer(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
        elif self.registry.realm and given != f"Bearer token-for-{repository}":
            challenge = f'Bearer realm="{self.registry.realm}",service="registry.test",scope="repository:{repository}:pull"'
            self.answer(401, headers={"WWW-Authenticate": challenge})
        else:
            return True
        return False

    def give_token(self, query: dict[str, list[str]]) -> None:
        given = self.headers.get("Authorization", "")
        wanted = [f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" for user, password in self.registry.users.items()]
        if self.registry.users and given not in wanted:
            return self.answer(401)
        assert query["service"] == ["registry.test"]
        _, repository, action = query["scope"][0].split(":")
        assert action == "pull"
        return self.answer(200, json.dumps({"token": self.registry.token.format(repository)}).encode())

    def manifest(self, name: str, body: bytes) -> None:
        if self.command == "PUT":
            self.registry.put(name, body, self.headers["Content-Type"])
            return self.answer(201)
        content = self.registry.manifests.get(name)
        if content is None or self.registry.types[name] not in self.headers["Accept"]:
            return self.answer(404)
        told = {"Docker-Content-Digest": self.registry.digest or digest_of(content)} if self.registry.tells_digest else {}
        return self.answer(200, content, {"Content-Type": self.registry.types[name]} | told)

    def upload(self, query: dict[str, list[str]], body: bytes) -> None:
        if self.command == "POST":
            return self.answer(202, headers={"Location": f"{self.path}one?state=begun"})
        assert query["state"] == ["begun"]
        if digest_of(body) != query["digest"][0]:
            return self.answer(400)
        self.registry.blobs[query["digest"][0]] = body
        return self.answer(201)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(registry: Registry, address: str = "127.0.0.1") -> http.server.HTTPServer:
    """Serve a registry at a free port; the caller shuts it down."""
    server = http.server.ThreadingHTTPServer((address, 0), type("RegistryHandler", (Handler,), {"registry": registry}))
    server.daemon_threads = True
    registry.url = f"http://{address}:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server
