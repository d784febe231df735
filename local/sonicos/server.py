"""The HTTPS side: the API's paths, the failures on demand, and a server in a thread for tests."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.digitalocean.faults import Faults
from local.sonicos.firewall import Firewall, RefusedError
from local.sonicos.schema import Body

LOOPBACK = "127.0.0.1"
STARTS_SECONDS = 10
BASE = "/api/sonicos"
WRAPPED = ("address-objects/ipv4", "nat-policies/ipv4", "access-rules/ipv4")
"""The kinds whose bodies stand below a key ipv4."""
BY_NAME = ("address-objects/ipv4", "service-objects", "service-groups")
"""The kinds whose paths can name one by its name; all can by its number."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Emulator:
    """A running server: where it is, the firewall behind it, the failures to come, and what was asked (method, path, status)."""

    firewall: Firewall
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str, int | None]] = field(default_factory=list)
    port: int = 0

    @property
    def asked(self) -> list[str]:
        """The requests so far as words: method and path below the API's."""
        return [f"{method} {path.removeprefix(BASE)}" for method, path, _ in self.requests]

    def application(self) -> web.Application:
        """The API."""
        application = web.Application(middlewares=[self._middleware()])
        application.add_routes(
            [
                web.post(f"{BASE}/auth", self._sign_in),
                web.delete(f"{BASE}/auth", self._sign_out),
                web.post(f"{BASE}/config-mode", self._preempt),
                web.get(f"{BASE}/version", self._version),
                web.get(f"{BASE}/interfaces/ipv4", self._interfaces),
                web.get(f"{BASE}/config/pending", self._pending),
                web.post(f"{BASE}/config/pending", self._commit),
                web.delete(f"{BASE}/config/pending", self._drop),
            ]
        )
        for kind in ("address-objects/ipv4", "service-objects", "service-groups", "nat-policies/ipv4", "access-rules/ipv4"):
            self._add_kind(application, kind)
        return application

    def _add_kind(self, application: web.Application, kind: str) -> None:
        collection = kind.partition("/")[0].replace("-", "_")

        def found(request: web.Request) -> str:
            name = request.match_info.get("name")
            return request.match_info["number"] if name is None else self.firewall.number_of(kind, name)

        async def read(request: web.Request) -> web.StreamResponse:
            self.firewall.require_session(_client(request))
            return web.json_response({collection: [{"ipv4": body} if kind in WRAPPED else body for body in self.firewall.read(kind)]})

        async def create(request: web.Request) -> web.StreamResponse:
            self.firewall.require_session(_client(request), to_change=True)
            self.firewall.create(kind, await _one(request, collection, kind in WRAPPED))
            return _success()

        async def replace(request: web.Request) -> web.StreamResponse:
            self.firewall.require_session(_client(request), to_change=True)
            self.firewall.replace(kind, found(request), await _one(request, collection, kind in WRAPPED))
            return _success()

        async def remove(request: web.Request) -> web.StreamResponse:
            self.firewall.require_session(_client(request), to_change=True)
            self.firewall.remove(kind, found(request))
            return _success()

        application.add_routes([web.get(f"{BASE}/{kind}", read), web.post(f"{BASE}/{kind}", create)])
        for path in (f"{BASE}/{kind}/uuid/{{number}}", *([f"{BASE}/{kind}/name/{{name}}"] if kind in BY_NAME else [])):
            application.add_routes([web.put(path, replace), web.delete(path, remove)])

    def _middleware(self) -> Any:
        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            place = len(self.requests)
            self.requests.append((request.method, request.path, None))
            response = await self._answer(request, handler)
            self.requests[place] = (request.method, request.path, response.status)
            return response

        return handle

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self.faults.take(request.method, request.path)
        if fault is not None:
            await asyncio.sleep(fault.delay_seconds)
            if fault.status is not None:
                return _failure(fault.status, "The emulator was told to answer so.")
        try:
            response = await handler(request)
        except RefusedError as error:
            response = _failure(error.status, str(error))
        except web.HTTPException as error:
            response = _failure(error.status, error.reason)
        if fault is not None and fault.after_effect and request.transport is not None:
            request.transport.abort()
        return response

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /auth; only here are the name and the password looked at: from then on the client's address is the session."""
        may_change = self.firewall.sign_in(_client(request), *_credentials(request))
        return _success(config_mode="Yes" if may_change else "No", privilege="Full")

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        self.firewall.sign_out(_client(request))
        return _success()

    async def _preempt(self, request: web.Request) -> web.StreamResponse:
        self.firewall.preempt(_client(request))
        return _success()

    async def _version(self, request: web.Request) -> web.StreamResponse:
        self.firewall.require_session(_client(request))
        return web.json_response({"firmware_version": self.firewall.firmware, "model": "TZ 270"})

    async def _interfaces(self, request: web.Request) -> web.StreamResponse:
        self.firewall.require_session(_client(request))
        return web.json_response({"interfaces": [{"ipv4": body} for body in self.firewall.interfaces]})

    async def _pending(self, request: web.Request) -> web.StreamResponse:
        self.firewall.require_session(_client(request))
        staged, running = self.firewall.staged or {}, self.firewall.running
        changed = {kind.partition("/")[0].replace("-", "_"): True for kind in staged if staged[kind] != running[kind]}
        return web.json_response(changed or _status("E_OK", "Success."))

    async def _commit(self, request: web.Request) -> web.StreamResponse:
        self.firewall.require_session(_client(request), to_change=True)
        self.firewall.commit()
        return _success()

    async def _drop(self, request: web.Request) -> web.StreamResponse:
        self.firewall.require_session(_client(request), to_change=True)
        self.firewall.staged = None
        return _success()


@contextmanager
def running(tls: ssl.SSLContext, firewall: Firewall | None = None) -> Iterator[Emulator]:
    """An emulator in a thread, on a free port of the loopback address; it ends with the block. Raises what stopped it from starting."""
    emulator = Emulator(firewall or Firewall())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sonicos", daemon=True)
    thread.start()

    async def serve() -> web.AppRunner:
        runner = web.AppRunner(emulator.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0, ssl_context=tls).start()
        return runner

    try:
        runner = asyncio.run_coroutine_threadsafe(serve(), loop).result(STARTS_SECONDS)
        emulator.port = int(runner.addresses[0][1])
        try:
            yield emulator
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(STARTS_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _client(request: web.Request) -> str:
    return request.remote or ""


def _credentials(request: web.Request) -> tuple[str | None, str | None]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (username, password) if scheme.lower() == "basic" else (None, None)


async def _one(request: web.Request, collection: str, wrapped: bool) -> Body:
    """The one body of a request; raises RefusedError."""
    try:
        sent = json.loads(await request.text())
        (item,) = sent[collection]
        body = item["ipv4"] if wrapped else item
    except (ValueError, LookupError, TypeError) as error:
        raise RefusedError(400, f"The body is not {collection} with one item.") from error
    if not isinstance(body, dict):
        raise RefusedError(400, f"The item of {collection} is no object.")
    return body


def _status(code: str, message: str, **more: str) -> dict[str, Any]:
    level = "info" if code == "E_OK" else "error"
    return {"status": {"success": code == "E_OK", "info": [{"level": level, "code": code, "message": message, **more}]}}


def _success(**more: str) -> web.Response:
    return web.json_response(_status("E_OK", "Success.", **more))


def _failure(status: int, message: str) -> web.Response:
    return web.json_response(_status("E_REFUSED", message), status=status)


__all__ = ["Emulator", "running"]
