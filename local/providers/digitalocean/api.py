"""The DigitalOcean API v2: bounded waits and retries, nothing made twice, errors in plain words."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.providers.digitalocean.failures import (
    LONGEST_PAUSE_SECONDS,
    PassingError,
    failing,
    in_doubt,
    pause_asked,
    refused,
    token_refused,
    unreachable,
    untrusted,
    used_up,
)
from local.providers.digitalocean.pace import Pace
from local.providers.errors import BackendError
from local.providers.wire import Properties

if TYPE_CHECKING:
    import httpx
    import tenacity

MadeAlready = Callable[[], "dict[str, Any] | None"]

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
FAILURE_REMEMBERED_SECONDS = 30  # one message soon, instead of every resource waiting for the same trouble
RECORDS_PER_PAGE = 200  # the most the API gives
LOOKS = 2  # for what a lost request may have made: it may appear a moment later
AGENT = "highstreetly-stand-in-digitalocean/4.84.1"


@dataclass(frozen=True)
class Access:
    """Where the API is, the token for it, and how patient to be. ``requests_per_second`` 0: no limit but the minute's."""

    endpoint: str
    token: str = field(repr=False)
    retries: int = 4
    wait_min_seconds: float = 1.0
    wait_max_seconds: float = 30.0
    requests_per_second: float = 0.0


class Api:
    """One account's API. Connects when it is first needed; safe to use from several threads."""

    def __init__(self, access: Access, cancelled: threading.Event, transport: httpx.BaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self.access = access
        self._cancelled = cancelled
        self._transport = transport
        self._pace = Pace(cancelled, access.requests_per_second)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._alone: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._failure: tuple[float, BackendError] | None = None

    def get(self, *path: str, query: Properties | None = None) -> Any:
        """The JSON at a path, None where there is nothing (404)."""
        return self._json(self._patiently("GET", path, query=query))

    def every(self, *path: str, key: str, query: Properties) -> list[dict[str, Any]] | None:
        """All objects of a list, page by page; None where there is no such list (404)."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.get(*path, query={**query, "page": page, "per_page": RECORDS_PER_PAGE})
            if answer is None:
                return None
            found += answer[key]
            # The link itself is not followed: the token goes nowhere but to the endpoint.
            if not answer[key] or "next" not in ((answer.get("links") or {}).get("pages") or {}):
                return found
            page += 1

    def put(self, *path: str, body: Properties) -> Any:
        """Overwrite what is at a path; its JSON, None where there is nothing (404)."""
        return self._json(self._patiently("PUT", path, body=body))

    def delete(self, *path: str) -> None:
        """Remove what is at a path; nothing there is fine."""
        self._patiently("DELETE", path)

    def create(self, *path: str, body: Properties, key: str, made_already: MadeAlready) -> dict[str, Any]:
        """Make an object in the list at a path, once: a request of unknown outcome is only repeated when it made nothing.

        ``made_already`` looks for what such a request made. Raises RefusedError, with the API's reason, or BackendError.
        """
        request = f"POST {_path(path)}"
        for attempt in range(self.access.retries + 1):
            try:
                response = self._patiently("POST", path, body=body)
            except PassingError as lost:
                failure = lost.failure
                found = self._looked_for(made_already, attempt, request, _path(path))
                if found is not None:
                    return found
                if self._cancelled.is_set():
                    break
                continue
            answer = self._json(response)
            if answer is None:
                raise refused(404, request, self._told(response))
            made: dict[str, Any] = answer[key]
            return made
        raise failure

    @contextmanager
    def alone(self, *what: str) -> Iterator[None]:
        """Let no other thread be in here for the same thing: two that look for what they made would find each other's."""
        with self._lock:
            lock = self._alone[what]
        with lock:
            yield

    def _looked_for(self, made_already: MadeAlready, attempt: int, request: str, path: str) -> dict[str, Any] | None:
        for look in range(LOOKS):
            self._cancelled.wait(self._backoff_seconds(attempt + look))
            try:
                found = made_already()
            except BackendError as failure:
                raise in_doubt(request, path, failure) from None
            if found is not None:
                return found
        return None

    def _patiently(self, method: str, path: tuple[str, ...], **parts: Any) -> httpx.Response:
        """Ask again while the trouble may pass; a POST only where it certainly changed nothing, else PassingError comes out."""
        import tenacity

        def may_pass(error: BaseException) -> bool:
            return isinstance(error, PassingError) and (method != "POST" or error.untouched)

        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            stop=tenacity.stop_after_attempt(self.access.retries + 1) | tenacity.stop_when_event_set(self._cancelled),
            wait=self._pause,
            sleep=tenacity.sleep_using_event(self._cancelled),
            reraise=True,
        )
        try:
            return retry(self._once, method, path, **parts)
        except PassingError as last:
            if method == "POST" and not last.untouched:
                raise
            raise self._remember(last.failure) from None

    def _once(self, method: str, path: tuple[str, ...], query: Properties | None = None, body: Properties | None = None) -> httpx.Response:
        import httpx

        self._fail_again()
        self._pace.wait_for_turn()
        try:
            response = self._http().request(method, _path(path), params=query, json=body)
        except (httpx.RequestError, OSError) as error:
            raise self._without_answer(error) from None
        request = f"{method} {_path(path)}"
        if response.status_code == 429:
            raise self._too_often(response)
        if response.status_code >= 500:
            failure = failing(request, response.status_code, self._told(response))
            if response.status_code == 501:
                raise failure
            raise PassingError(failure, untouched=False, pause_seconds=self._asked(response))
        if response.status_code == 401:
            raise self._remember(token_refused(self.access.endpoint))
        if response.status_code != 404 and not response.is_success:
            raise refused(response.status_code, request, self._told(response))
        return response

    def _without_answer(self, error: Exception) -> Exception:
        import httpx

        said = str(error) or type(error).__name__
        if "certificate" in said.lower() or "[SSL" in said:
            return self._remember(untrusted(self.access.endpoint, said))
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        waited = f"no answer within {CONNECT_SECONDS if unsent else ANSWER_SECONDS} s"
        why = waited if isinstance(error, httpx.TimeoutException) else said
        return PassingError(unreachable(self.access.endpoint, why), untouched=unsent)

    def _too_often(self, response: httpx.Response) -> Exception:
        asked = pause_asked(response.headers, time.time())
        if asked is not None and asked > LONGEST_PAUSE_SECONDS:
            return self._remember(used_up(asked))
        pause = self._backoff_seconds(0) if asked is None else asked
        self._pace.hold(pause)
        return PassingError(used_up(pause), untouched=True, pause_seconds=pause)

    def _asked(self, response: httpx.Response) -> float | None:
        """The pause a 5xx asks for; ratelimit-reset, which every answer has, says nothing about it."""
        asked = pause_asked({"retry-after": response.headers.get("retry-after", "")}, time.time())
        return None if asked is None else min(asked, LONGEST_PAUSE_SECONDS)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PassingError) and error.pause_seconds is not None:
            return error.pause_seconds
        return self._backoff_seconds(state.attempt_number - 1)

    def _backoff_seconds(self, attempt: int) -> float:
        return float(min(self.access.wait_max_seconds, self.access.wait_min_seconds * 2.0 ** min(attempt, 30)))

    def _json(self, response: httpx.Response) -> Any:
        if response.status_code == 404:
            return None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            remedy = "check digitalocean:apiEndpoint (or DIGITALOCEAN_API_URL)"
            raise BackendError(f"What answers at {self.access.endpoint} is not the DigitalOcean API", remedy=remedy)
        return answer

    def _told(self, response: httpx.Response) -> str:
        return response.text.replace(self.access.token, "(the token)")

    def _http(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                try:
                    self._client = httpx.Client(
                        base_url=self.access.endpoint,
                        headers={"Authorization": f"Bearer {self.access.token}", "User-Agent": AGENT},
                        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                        transport=self._transport,
                    )
                except OSError as error:  # a file of roots that cannot be read; ssl.SSLError is one too
                    raise untrusted(self.access.endpoint, f"the file in SSL_CERT_FILE cannot be read: {error}") from None
            return self._client

    def _remember(self, failure: BackendError) -> BackendError:
        self._failure = (time.monotonic(), failure)
        return failure

    def _fail_again(self) -> None:
        if self._failure and time.monotonic() - self._failure[0] < FAILURE_REMEMBERED_SECONDS:
            raise self._failure[1]


def _path(parts: tuple[str, ...]) -> str:
    return "/v2/" + "/".join(quote(part, safe="") for part in parts)
