"""Serving: the ports, and a server in a thread for tests."""

from __future__ import annotations

import asyncio
import inspect
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from local.digitalocean import names
from local.digitalocean.api import Api
from local.digitalocean.limits import REQUESTS_PER_HOUR, REQUESTS_PER_MINUTE, Limits
from local.digitalocean.store import Store

LOOPBACK = "127.0.0.1"
STARTS_SECONDS = 10
CLOSES_SECONDS = 1.0
PORTS_TRIED = 20


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where to listen: an address, and ports of which 0 is any free one; ``https`` None is no HTTPS."""

    address: str = LOOPBACK
    http: int = 0
    https: int | None = None
    dns: int = 0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server: the API's ``url`` (without a slash at its end), where the DNS answers, the token, and HTTPS when it has it."""

    url: str
    dns_address: str
    dns_port: int
    token: str
    https_url: str | None = None


class Listeners:
    """The open ports of one server."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._closers: list[Callable[[], Awaitable[None]]] = []

    async def open(self, api: Api, ports: Ports, tls: ssl.SSLContext | None) -> Server:
        """Listen; raises OSError when a port is taken."""
        http = await self._open_http(api.application(own=True), ports.address, ports.http, None)
        https = None if ports.https is None else await self._open_http(api.application(own=False), ports.address, ports.https, tls)
        dns_port = await self._open_dns(api.store, ports)
        return Server(
            url=f"http://{ports.address}:{http}",
            https_url=None if https is None else f"https://{ports.address}:{https}",
            dns_address=ports.address,
            dns_port=dns_port,
            token=api.token,
        )

    async def close(self) -> None:
        """Close every port, the last one first."""
        while self._closers:
            await self._closers.pop()()

    async def _open_http(self, application: web.Application, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        # aiohttp 3.9 moved the time that open requests are given at the end from the site to the runner; Debian 12 has 3.8.
        at_runner = "shutdown_timeout" in inspect.signature(web.BaseRunner.__init__).parameters
        given: dict[str, Any] = {"shutdown_timeout": CLOSES_SECONDS}
        runner = web.AppRunner(application, access_log=None, **(given if at_runner else {}))
        await runner.setup()
        self._closers.append(runner.cleanup)
        await web.TCPSite(runner, address, port, ssl_context=tls, **({} if at_runner else given)).start()
        return int(runner.addresses[0][1])

    async def _open_dns(self, store: Store, ports: Ports) -> int:
        """One port for UDP and TCP: where any will do, one that is free for both."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await names.serve_connection(store, reader, writer)

        for attempt in range(PORTS_TRIED):
            tcp = await asyncio.start_server(serve, ports.address, ports.dns)
            port = int(tcp.sockets[0].getsockname()[1])
            try:
                udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: names.Udp(store), (ports.address, port))
            except OSError:
                tcp.close()
                if ports.dns or attempt == PORTS_TRIED - 1:
                    raise
                continue
            break

        async def close() -> None:
            udp.close()
            tcp.close()

        self._closers.append(close)
        return port


def tls_context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    """What HTTPS answers with; raises OSError for files that are not there, ssl.SSLError for others."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private_key)
    return context


@contextmanager
def running(
    token: str,
    *,
    state: Path | None = None,
    ports: Ports | None = None,
    tls: ssl.SSLContext | None = None,
    requests_per_hour: int = REQUESTS_PER_HOUR,
    requests_per_minute: int = REQUESTS_PER_MINUTE,
) -> Iterator[Server]:
    """A server in a thread, on free ports of the loopback address where ``ports`` names no others; it ends with the block.

    ``state`` is the file that outlives it. Raises what stopped it from starting.
    """
    loop = asyncio.new_event_loop()
    listeners = Listeners()
    thread = threading.Thread(target=loop.run_forever, name="digitalocean", daemon=True)
    thread.start()
    try:
        api = Api(Store(state), token, Limits(requests_per_hour, requests_per_minute))
        where = ports or Ports(https=0 if tls else None)
        yield asyncio.run_coroutine_threadsafe(listeners.open(api, where, tls), loop).result(STARTS_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(listeners.close(), loop).result(STARTS_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


__all__ = ["Listeners", "Ports", "Server", "running", "tls_context"]
