"""One session with a SonicOS firewall's REST API: signed in once, changes staged and committed as one, and always signed out.

The firewall knows a session by the client's address; name and password go with each request all the same, as the vendor shows it.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from ansible.module_utils.sonicos_plan import KINDS, Change, Found, bodies
from ansible.module_utils.sonicos_wanted import Body
from ansible.module_utils.urls import Request

FIRST_MAJOR = 7
"""The first major version of SonicOS whose API has these paths and bodies."""


class FirewallError(Exception):
    """A run that cannot go on: one sentence on what happened, and one on what to do."""


class RefusedError(FirewallError):
    """An answer of the firewall that is an error."""

    def __init__(self, status: int, message: str) -> None:
        """``status`` is the HTTP status, ``message`` what the firewall says."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Access:
    """How to reach and to trust a firewall: the CA of its certificate, or the SHA-256 of the certificate itself."""

    host: str
    port: int
    username: str
    password: str
    timeout_seconds: int
    ca_certificate_file: str | None = None
    certificate_sha256: str | None = None

    @property
    def url(self) -> str:
        """Where the firewall is managed."""
        return f"https://{self.host}:{self.port}"

    def unreachable(self, reason: object) -> FirewallError:
        """The error for a firewall that does not answer."""
        return FirewallError(
            f"The firewall at {self.url} could not be reached: {reason}. Check that it is up, that this machine is in a network that it is "
            f"managed from, that the interface there allows HTTPS management, and that the address and the port {self.port} are right."
        )

    def distrusted(self, reason: object) -> FirewallError:
        """The error for a certificate that is not the expected one: nothing was sent, the password neither."""
        return FirewallError(
            f"The firewall at {self.url} shows a certificate that is not trusted: {reason}. Nothing was sent to it. If its certificate was "
            "renewed, compare its fingerprint on the firewall itself; then correct sonicwall_certificate_sha256 or _ca_certificate_file."
        )


def trust(access: Access) -> ssl.SSLContext:
    """What connections must show: a certificate of the CA for this host, or exactly the pinned certificate. Raises FirewallError."""
    if access.ca_certificate_file:
        try:
            return ssl.create_default_context(cafile=access.ca_certificate_file)
        except (OSError, ssl.SSLError) as error:
            raise FirewallError(
                f"sonicwall_ca_certificate_file: {access.ca_certificate_file} is no file of certificates: {error}"
            ) from error
    try:  # a handshake and nothing more; whether the certificate is the right one is decided before anything is sent
        shown = ssl.get_server_certificate((access.host, access.port), timeout=access.timeout_seconds)
    except (OSError, ValueError) as error:
        raise access.unreachable(_reason(error)) from error
    wanted = re.sub("[^0-9a-f]", "", (access.certificate_sha256 or "").lower())
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
    if fingerprint != wanted:
        raise access.distrusted(f"its SHA-256 fingerprint is {fingerprint}, not {wanted}")
    context = ssl.create_default_context(cadata=shown)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the pinned certificate is enough, whoever signed it
    context.check_hostname = False  # the certificate itself is known, which says more than a name in it
    return context


class Session:
    """A session that is signed in. Use ``session()``, which ends it."""

    def __init__(self, access: Access) -> None:
        """Nothing is sent yet. Raises FirewallError for a certificate that is not trusted."""
        self._access = access
        self._request = Request(
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            use_proxy=False,
            use_netrc=False,
            follow_redirects="none",
            timeout=access.timeout_seconds,
            url_username=access.username,
            url_password=access.password,
            force_basic_auth=True,  # sent unasked: a second try after a refusal would count as one more failed attempt
            context=trust(access),
        )
        self.open = False
        self.staged = False

    def sign_in(self, *, preempt: bool) -> bool:
        """Sign in, with one attempt; returns whether changes can be made, which only one administrator can at a time."""
        self.open = True  # a request that is never answered may have opened the session all the same
        try:
            answer = self._ask("POST", "auth", {"override": preempt})
        except RefusedError as error:
            self.open = False
            if error.status == 401:
                raise FirewallError(
                    f"The firewall at {self._access.url} refused the name and the password of {self._access.username}: {error}. It was "
                    "asked once: it locks an account after some failures. Check sonicwall_username and the variable SONICWALL_PASSWORD."
                ) from error
            raise FirewallError(f"The firewall at {self._access.url} let nobody in: {error}. {_ENABLE} {_LOCKED}") from error
        if _info(answer).get("config_mode") != "No":
            return True
        if preempt:
            self._ask("POST", "config-mode", {})
        return preempt

    def locked(self) -> FirewallError:
        """The error for a firewall that somebody else is changing."""
        return FirewallError(f"Another administrator is changing the firewall at {self._access.url}; nothing was changed. {_LOCKED}")

    def require_version(self) -> None:
        """Raise FirewallError for a SonicOS that has another API."""
        version = str(self._ask("GET", "version").get("firmware_version"))
        number = re.search(r"(\d+)\.", version)
        if number and int(number[1]) < FIRST_MAJOR:
            raise FirewallError(
                f"The firewall at {self._access.url} runs {version}; this needs SonicOS {FIRST_MAJOR} or later: upgrade it."
            )

    def interfaces(self) -> list[Body]:
        """The interfaces, with the ways of managing the firewall that they allow."""
        return [item["ipv4"] for item in self._ask("GET", "interfaces/ipv4").get("interfaces") or [] if "ipv4" in item]

    def found(self) -> Found:
        """What the firewall holds, of every kind."""
        return {kind: bodies(kind, self._ask("GET", how.path)) for kind, how in KINDS.items()}

    def commit(self, changes: list[Change]) -> None:
        """Stage every change and commit them as one; raises FirewallError with what was refused, and nothing has changed then."""
        left_over = {key for key, value in self._ask("GET", "config/pending").items() if key != "status" and value}
        if left_over:
            raise FirewallError(
                f"The firewall at {self._access.url} has unsaved changes that this run did not make ({', '.join(sorted(left_over))}); "
                "they would be committed with its own. Commit or drop them on the firewall, then run the same command again."
            )
        doing = ""
        try:
            for change in changes:
                doing = change.words
                self.staged = True
                self._ask(change.method, change.path, change.body)
            doing = "commit"
            self._ask("POST", "config/pending", {})
            self.staged = False
        except RefusedError as error:
            raise FirewallError(
                f"The firewall at {self._access.url} refused to {doing}: {error}. Every change of this run was dropped."
            ) from error
        except FirewallError as error:
            unsure = " Whether it had committed the changes is not known: --check --diff shows it." if doing == "commit" else ""
            raise FirewallError(f"{error}{unsure}") from error

    def end(self) -> list[str]:
        """Drop what is staged and sign out; returns what failed, because nothing more can be done about it."""
        failed = []
        if self.staged:
            failed += self._attempt("config/pending", "The staged changes were not dropped; the firewall drops them when the session ends")
        if self.open:
            failed += self._attempt("auth", "The session was not ended; it ends by itself after the firewall's idle time")
        return failed

    def _attempt(self, path: str, failure: str) -> list[str]:
        try:
            self._ask("DELETE", path)
        except FirewallError as error:
            return [f"{failure}: {error}"]
        return []

    def _ask(self, method: str, path: str, body: Body | None = None) -> Body:
        """Send one request; raises RefusedError for an answer that is an error, FirewallError when there is none."""
        data = None if body is None else json.dumps(body).encode()
        try:
            raw = self._request.open(method, f"{self._access.url}/api/sonicos/{path}", data=data).read()
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, _message(_json(error.read()) or {}) or f"{error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise self._access.distrusted(reason.verify_message) from error
            raise self._access.unreachable(f"{_reason(reason)} ({method} /api/sonicos/{path})") from error
        answer = _json(raw)
        if answer is None:
            raise FirewallError(f"What answers at {self._access.url} is not the SonicOS API ({method} /api/sonicos/{path}). {_ENABLE}")
        status = answer.get("status")
        if isinstance(status, dict) and status.get("success") is False:
            raise RefusedError(200, _message(answer) or "no reason given")
        return answer


@contextmanager
def session(access: Access, warnings: list[str]) -> Iterator[Session]:
    """A session that ends however its block ends: what is staged is dropped, and the firewall is free for the next administrator."""
    opened = Session(access)
    try:
        yield opened
    finally:
        warnings += opened.end()


_ENABLE = (
    "The SonicOS API must be enabled, with RFC-2617 HTTP Basic Access authentication: "
    "Device > Settings > Administration > Audit/SonicOS API."
)
_LOCKED = (
    "Wait until that administrator has signed out (the firewall shows who it is under Monitor > User Sessions > Active Users), then run "
    "the same command again. To take over all the same, which drops what that administrator has not saved: "
    "--extra-vars '{\"sonicwall_preempt\": true}'."
)


def _info(answer: Body) -> dict[str, Any]:
    status = answer.get("status")
    infos = status.get("info") if isinstance(status, dict) else None
    return infos[0] if isinstance(infos, list) and infos and isinstance(infos[0], dict) else {}


def _message(answer: Body) -> str:
    return str(_info(answer).get("message") or "")


def _json(raw: bytes) -> Body | None:
    """The object that an answer is; None for one that is none, as a page for people."""
    try:
        answer = json.loads(raw)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _reason(error: object) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)


__all__ = ["Access", "FirewallError", "RefusedError", "Session", "session", "trust"]
