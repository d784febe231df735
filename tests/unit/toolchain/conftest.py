"""Fixtures of the toolchain's tests: pins of their own, a loopback server for releases, and a compiler that writes a script."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.toolchain import Toolchain
from local.toolchain.pins import Pin

COMPILER = """#!/bin/sh
# Stands for `go`: says its version, and builds a program that says `built`.
echo "$*" >>"$COMPILER_LOG"
case "$1" in
version) echo "go version go1.26.8 linux/amd64"; exit ;;
esac
sleep "${COMPILER_SECONDS:-0}"
[ -z "$COMPILER_FAILS" ] || { echo "example.com/package"; echo "main.go:3:1: syntax error"; exit 1; }
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\necho built\\n' >"$2"
chmod +x "$2"
"""


class Server:
    """A publisher's server on loopback: ``files`` by path; ``asked`` is every path that was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                content = server.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def publish(self, name: str, content: bytes, *, stated: str = "") -> None:
        """Serve a file, and beside it the sum that is stated for it (the right one unless given)."""
        self.files[f"/{name}"] = content
        self.files[f"/{name}.sha256"] = f"{stated or hashlib.sha256(content).hexdigest()}  {name}\n".encode()

    def close(self) -> None:
        """Stop answering."""
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A publisher's server that has nothing yet."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of Go modules with one module, `tool`."""
    module = tmp_path / "go" / "tool"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module tool\n")
    (module / "go.sum").write_text("example.com/kit v1.0.0 h1:right=\n")
    return module.parent


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only `go` on PATH; returns the file in which it writes down its arguments."""
    folder, log = tmp_path / "path", tmp_path / "compiler.log"
    write_program(folder / "go", COMPILER)
    log.touch()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("COMPILER_LOG", str(log))
    return log


@pytest.fixture
def toolchain(tmp_path: Path, modules: Path, server: Server, compiler: Path) -> Toolchain:  # noqa: ARG001 - the compiler must be there
    """A toolchain with the one tool `tool`, v1.2.3."""
    return Toolchain({"go": Pin(group="compiler", version="go1.26.0"), "tool": pin_of(server.url)}, tmp_path / "cache", modules)


def pin_of(url: str, **changes: object) -> Pin:
    """The pin of `tool`, with changes."""
    pin = {
        "group": "host",
        "version": "v1.2.3",
        "check": "tool version",
        "release": f"{url}/tool-{{version}}",
        "checksums": f"{url}/tool-{{version}}.sha256",
        "build": {"tool": {"tool": "example.com/tool"}},
    }
    return Pin.model_validate({**pin, **changes})


def write_program(path: Path, text: str) -> Path:
    """An executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def builds(log: Path) -> int:
    """How often the compiler was asked to build."""
    return sum(line.startswith("build") for line in log.read_text().splitlines())
