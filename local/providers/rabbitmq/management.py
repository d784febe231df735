"""The management HTTP API of a RabbitMQ server: bounded waits, errors in plain words."""

from __future__ import annotations

import html
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.providers.errors import BackendError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
FAILURE_REMEMBERED_SECONDS = 30  # one message soon, instead of every resource waiting for the same dead server
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
PASSING = (502, 503, 504)  # the API while the server starts or elects


@dataclass(frozen=True)
class Access:
    """Where the management API is, who we are there, and whom we trust."""

    endpoint: str
    username: str
    password: str = field(repr=False)
    insecure: bool = False
    cacert_file: str = ""
    clientcert_file: str = ""
    clientkey_file: str = ""
    proxy: str = ""


class Management:
    """One management API. Connects when it is first needed; safe to use from several threads."""

    def __init__(self, access: Access, cancelled: threading.Event) -> None:
        self.access = access
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._failure: tuple[float, BackendError] | None = None

    def get(self, *path: str) -> Any:
        """The JSON at a path, None where there is nothing (404)."""
        response = self._request("GET", path)
        return None if response is None or not response.content else response.json()

    def put(self, *path: str, body: dict[str, Any]) -> None:
        """Create or overwrite what is at a path."""
        if self._request("PUT", path, body) is None:
            raise BackendError(
                f"RabbitMQ does not know what {'/'.join(path)} belongs to",
                remedy="create the vhost and the user first (depends_on, or use their outputs as inputs)",
            )

    def delete(self, *path: str) -> None:
        """Remove what is at a path; nothing there is fine."""
        self._request("DELETE", path)

    def _request(self, method: str, path: tuple[str, ...], body: dict[str, Any] | None = None) -> httpx.Response | None:
        import httpx

        url = "/api/" + "/".join(quote(part, safe="") for part in path)
        for attempt in range(1, ATTEMPTS + 1):
            self._fail_again()
            try:
                response = self._http().request(method, url, json=body)
            except (httpx.TransportError, OSError) as error:
                raise self._remember(transport_failure(self.access, error)) from None
            if response.status_code not in PASSING or attempt == ATTEMPTS or self._cancelled.is_set():
                break
            time.sleep(PAUSE_SECONDS * attempt)
        if response.status_code == 404:
            return None
        if response.status_code == 401 or (response.status_code == 403 and "not_authorised" in response.text):
            raise self._remember(refusal(self.access, response.status_code))
        if response.status_code >= 400:
            raise BackendError(f"RabbitMQ refused {method} {url} ({response.status_code})", why=reason_given(response.text))
        return response

    def _http(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    base_url=self.access.endpoint.rstrip("/"),
                    auth=(self.access.username, self.access.password),
                    verify=self._trust(),
                    proxy=self.access.proxy or None,
                    timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                )
            return self._client

    def _trust(self) -> Any:
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.access.cacert_file or None)
            if self.access.clientcert_file and self.access.clientkey_file:
                context.load_cert_chain(self.access.clientcert_file, self.access.clientkey_file)
        except (OSError, ssl.SSLError) as error:
            files = [self.access.cacert_file, self.access.clientcert_file, self.access.clientkey_file]
            named = ", ".join(name for name in files if name)
            remedy = "check cacertFile, clientcertFile and clientkeyFile of the rabbitmq provider"
            raise BackendError(f"The certificates for RabbitMQ cannot be read from {named}", why=str(error), remedy=remedy) from None
        if self.access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _remember(self, failure: BackendError) -> BackendError:
        self._failure = (time.monotonic(), failure)
        return failure

    def _fail_again(self) -> None:
        if self._failure and time.monotonic() - self._failure[0] < FAILURE_REMEMBERED_SECONDS:
            raise self._failure[1]


def refusal(access: Access, status: int) -> BackendError:
    """The server knows us not (401), or knows us and gives us no right to manage it (403)."""
    if status == 403:
        why, remedy = "it may not manage the server", f"rabbitmqctl set_user_tags {access.username} administrator"
    else:
        why, remedy = "wrong user or password", "check the provider's username and password (or RABBITMQ_USERNAME and RABBITMQ_PASSWORD)"
    return BackendError(f"RabbitMQ at {access.endpoint} refused the user {access.username}", why=why, remedy=remedy)


def transport_failure(access: Access, error: Exception) -> BackendError:
    """One message for a request that got no answer."""
    said = str(error) or type(error).__name__
    if "CERTIFICATE" in said or "certificate" in said or "SSL" in said:
        return BackendError(
            f"RabbitMQ at {access.endpoint} could not be trusted",
            why=said,
            remedy="check the provider's cacertFile (or RABBITMQ_CACERT): it must hold the CA that signed the server's certificate",
        )
    why = f"no answer within {CONNECT_SECONDS} s" if "timed out" in said or "Timeout" in type(error).__name__ else said
    remedy = f"check that the server runs and can be reached from here (curl -k {access.endpoint}), then run the same command again"
    return BackendError(f"RabbitMQ at {access.endpoint} cannot be reached", why=why, remedy=remedy)


def reason_given(text: str) -> str:
    """The reason in an error's JSON body, else the body itself."""
    try:
        body = json.loads(text)
    except ValueError:
        return text.strip()[:500]
    reason = body.get("reason") or body.get("error") or body if isinstance(body, dict) else body
    return " ".join(html.unescape(str(reason)).split())


def split_id(resource_id: str, what: str) -> tuple[str, str]:
    """The parts of an ID ``name@vhost``; raises BackendError for any other form."""
    parts = resource_id.split("@")
    if len(parts) != 2 or not all(parts):
        raise BackendError(f"{resource_id!r} is no ID of a {what}", remedy=f"import it as {what}@vhost")
    return parts[0], parts[1]
