"""The HTTP side: DigitalOcean's domains and records, and on the plain port the emulator's own requests."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.digitalocean.faults import ERROR_IDS, Fault, Faults
from local.digitalocean.limits import Limits
from local.digitalocean.names import zone_file
from local.digitalocean.records import TYPES, InvalidError
from local.digitalocean.store import NotFoundError, Store, Zone

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OWN = "/_emulator/"
PER_PAGE = 20
MOST_PER_PAGE = 200
REQUESTS_KEPT = 10_000
LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that is an error, in the API's form."""

    def __init__(self, status: int, message: str, retry_after_seconds: int | None = None) -> None:
        """``retry_after_seconds`` becomes the header Retry-After."""
        super().__init__(message)
        self.status, self.message, self.retry_after_seconds = status, message, retry_after_seconds


class Api:
    """What both ports share: the store, the token, the failures to come, the requests so far, and how many are let in."""

    def __init__(self, store: Store, token: str, limits: Limits | None = None) -> None:
        """``token`` is the only one that is let in."""
        self.store, self.faults = store, Faults()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self.token = token
        self._limits = limits or Limits()

    def application(self, *, own: bool) -> web.Application:
        """The application of one port; ``own`` is whether it answers the emulator's own requests too."""
        application = web.Application(middlewares=[self._middleware(own)])
        domain, number = r"/v2/domains/{domain}", r"/v2/domains/{domain}/records/{number:[0-9]{1,18}}"
        routes = [
            web.get("/v2/domains", self.list_domains),
            web.post("/v2/domains", self.add_domain),
            web.get(domain, self.get_domain),
            web.delete(domain, self.delete_domain),
            web.get(f"{domain}/records", self.list_records),
            web.post(f"{domain}/records", self.add_record),
            web.get(number, self.get_record),
            web.put(number, self.change_record),
            web.patch(number, self.change_record),
            web.delete(number, self.delete_record),
        ]
        if own:
            routes += [
                web.get(f"{OWN}health", self.health),
                web.get(f"{OWN}requests", self.list_requests),
                web.delete(f"{OWN}requests", self.clear_requests),
                web.get(f"{OWN}faults", self.list_faults),
                web.post(f"{OWN}faults", self.add_fault),
                web.delete(f"{OWN}faults", self.clear_faults),
            ]
        application.add_routes(routes)
        return application

    def _middleware(self, own: bool) -> Any:
        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            status: int | None = None
            try:
                response = await self._serve(request, handler, own)
                status = response.status
                return response
            finally:  # the path as it was sent: what is encoded in it cannot begin a line of its own
                LOG.info("%s %s %s", request.method, request.rel_url.raw_path, status or "unanswered")

        return handle

    async def _serve(self, request: web.Request, handler: Handler, own: bool) -> web.StreamResponse:
        """Answer a request, noted down, with the account's limits in its headers and under the next fault that is meant for it."""
        number = str(uuid.uuid4())
        if own and request.path.startswith(OWN):
            return await self._answer(request, handler, number)
        entry: dict[str, Any] = {"method": request.method, "path": request.path, "status": None, "scheme": request.scheme}
        entry["time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.requests.append(entry)
        fault = self.faults.take(request.method, request.path)
        response = await self._answer(request, self._guarded(handler, fault), number)
        entry["status"] = response.status
        response.headers.update(self._limits.headers() | {"x-request-id": number})
        if fault is not None and fault.after_effect:
            entry["status"] = None
            if request.transport is not None:
                request.transport.abort() if hasattr(request.transport, "abort") else request.transport.close()
        return response

    def _guarded(self, handler: Handler, fault: Fault | None) -> Handler:
        """The handler behind its failure, the limit and the check of the token."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if fault is not None:
                await asyncio.sleep(fault.delay_seconds)
                if fault.status is not None and not fault.after_effect:
                    raise ApiError(fault.status, "The emulator was told to answer so.", fault.retry_after)
            sent = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(sent, f"Bearer {self.token}".encode()):
                raise ApiError(401, "Unable to authenticate you")
            wait = self._limits.count()
            if wait is not None:
                raise ApiError(429, "API Rate limit exceeded.", wait)
            return await handler(request)

        return handle

    async def _answer(self, request: web.Request, handler: Handler, number: str) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            failure = error
        except NotFoundError:
            failure = ApiError(404, "The resource you were accessing could not be found.")
        except InvalidError as error:
            failure = ApiError(422, str(error))
        except web.HTTPException as error:
            failure = ApiError(error.status, "The resource you were accessing could not be found." if error.status == 404 else error.reason)
        except Exception:  # a fault of the emulator's own has the API's form too
            LOG.exception("%s %s failed.", request.method, request.rel_url.raw_path)
            failure = ApiError(500, "Server Error")
        name = ERROR_IDS.get(failure.status, "server_error" if failure.status >= 500 else "bad_request")
        response = web.json_response({"id": name, "message": failure.message, "request_id": number}, status=failure.status)
        if failure.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(failure.retry_after_seconds)
        return response

    # DigitalOcean's requests

    async def list_domains(self, request: web.Request) -> web.Response:
        """GET /v2/domains."""
        return _page(request, "domains", [_domain(zone) for zone in self.store.zones.values()])

    async def add_domain(self, request: web.Request) -> web.Response:
        """POST /v2/domains."""
        zone = self.store.add_zone(await _body(request))
        return web.json_response({"domain": zone.shape(None)}, status=201)  # the zone's text comes later, as at DigitalOcean

    async def get_domain(self, request: web.Request) -> web.Response:
        """GET /v2/domains/{domain}."""
        return web.json_response({"domain": _domain(self.store.zone(request.match_info["domain"]))})

    async def delete_domain(self, request: web.Request) -> web.Response:
        """DELETE /v2/domains/{domain}."""
        self.store.delete_zone(request.match_info["domain"])
        return web.Response(status=204)

    async def list_records(self, request: web.Request) -> web.Response:
        """GET /v2/domains/{domain}/records, of one type or one whole name where the query says so."""
        zone = self.store.zone(request.match_info["domain"])
        found = sorted(zone.records.values(), key=lambda record: record.id)
        kind, name = request.query.get("type"), request.query.get("name")
        if kind:
            if kind not in TYPES:
                raise InvalidError(f"Type {kind!r} is not one of {', '.join(TYPES)}")
            found = [record for record in found if record.type == kind]
        if name:
            wanted = name.lower().removesuffix(".")
            found = [record for record in found if record.fqdn(zone.name) == wanted]
        return _page(request, "domain_records", [record.shape() for record in found])

    async def add_record(self, request: web.Request) -> web.Response:
        """POST /v2/domains/{domain}/records."""
        self.store.zone(request.match_info["domain"])
        record = self.store.add_record(request.match_info["domain"], await _body(request))
        return web.json_response({"domain_record": record.shape()}, status=201)

    async def get_record(self, request: web.Request) -> web.Response:
        """GET /v2/domains/{domain}/records/{number}."""
        return web.json_response({"domain_record": self.store.record(*_which(request)).shape()})

    async def change_record(self, request: web.Request) -> web.Response:
        """PUT and PATCH /v2/domains/{domain}/records/{number}."""
        self.store.record(*_which(request))
        record = self.store.change_record(*_which(request), await _body(request))
        return web.json_response({"domain_record": record.shape()})

    async def delete_record(self, request: web.Request) -> web.Response:
        """DELETE /v2/domains/{domain}/records/{number}."""
        self.store.delete_record(*_which(request))
        return web.Response(status=204)

    # The emulator's own

    async def health(self, _request: web.Request) -> web.Response:
        """GET /_emulator/health."""
        return web.json_response({"status": "ok", "zones": len(self.store.zones)})

    async def list_requests(self, _request: web.Request) -> web.Response:
        """GET /_emulator/requests: what was asked on both ports, oldest first; status null where no answer was given (yet)."""
        return web.json_response(list(self.requests))

    async def clear_requests(self, _request: web.Request) -> web.Response:
        """DELETE /_emulator/requests."""
        self.requests.clear()
        return web.Response(status=204)

    async def list_faults(self, _request: web.Request) -> web.Response:
        """GET /_emulator/faults: the failures still to come."""
        return web.json_response(self.faults.shape())

    async def add_fault(self, request: web.Request) -> web.Response:
        """POST /_emulator/faults."""
        try:
            self.faults.add(await _body(request))
        except ValueError as error:
            raise InvalidError(str(error)) from error
        return web.json_response(self.faults.shape(), status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """DELETE /_emulator/faults."""
        self.faults.clear()
        return web.Response(status=204)


def _which(request: web.Request) -> tuple[str, int]:
    return request.match_info["domain"], int(request.match_info["number"])


def _domain(zone: Zone) -> dict[str, Any]:
    return zone.shape(zone_file(zone))


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except (ValueError, LookupError, RecursionError):  # no JSON, a charset that there is not, JSON that is nested too deeply
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "The request's body is not a JSON object.")
    return body


def _page(request: web.Request, key: str, items: list[dict[str, Any]]) -> web.Response:
    """One page of a list, with the whole addresses of its neighbours."""
    number = _positive(request, "page", 1)
    size = min(_positive(request, "per_page", PER_PAGE), MOST_PER_PAGE)
    last = max(1, math.ceil(len(items) / size))
    neighbours: dict[str, int] = {}
    if number > 1:
        neighbours |= {"first": 1, "prev": min(number - 1, last)}
    if number < last:
        neighbours |= {"next": number + 1, "last": last}
    pages = {name: str(request.url.update_query(page=str(to), per_page=str(size))) for name, to in neighbours.items()}
    answer: dict[str, Any] = {key: items[(number - 1) * size : number * size], "links": {"pages": pages} if pages else {}}
    return web.json_response(answer | {"meta": {"total": len(items)}})


def _positive(request: web.Request, field: str, default: int) -> int:
    value = request.query.get(field, str(default))
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 10**9):
        raise InvalidError(f"{field} {value!r} is not a whole number from 1 on")
    return int(value)


__all__ = ["Api", "ApiError"]
