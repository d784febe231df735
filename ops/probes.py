"""What a browser would meet at a public name: its TLS handshake and its HTTP answers, each at an address that DNS gave."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from ops.certificates import Served, describe
from ops.errors import InputError

TIMEOUT_SECONDS = 5.0
DEFAULT_CERTIFICATE = "TRAEFIK DEFAULT CERT"
"""What the ingress controller shows while a host has no certificate of its own."""
NOT_FOUND = "404 page not found"
"""The ingress controller's answer where it has no route."""
ROUTED = "referrer-policy"
"""A header that every route adds to its service's answers (components/edge.py): a service may answer 404 in the same words."""


@dataclass(frozen=True)
class Check:
    """One line of `./hs verify`: what was looked at, what was seen, and what mends it."""

    host: str
    name: str
    ok: bool
    seen: str
    remedy: str = ""

    def as_json(self) -> dict[str, object]:
        """The public fields."""
        return {"host": self.host, "check": self.name, "ok": self.ok, "seen": self.seen, "remedy": self.remedy}


@dataclass(frozen=True)
class Handshake:
    """What a TLS server did."""

    version: str = ""
    """The version agreed on by today's rules; empty where no handshake came about."""
    served: Served | None = None
    distrust: str = ""
    """Why a browser would not trust the certificate; empty where it would."""
    error: str = ""
    """Why there was no handshake at all."""


def trust(roots_file: str | None, root: Path) -> ssl.SSLContext:
    """What a browser trusts: the system's roots, or those of a file (relative to ``root``); raises InputError when it cannot be read."""
    if roots_file is None:
        return ssl.create_default_context()
    path = root / roots_file
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as unreadable:
        raise InputError(
            "The roots to trust cannot be read.",
            why=f"highstreetly:environment.public.trusted_roots_file: {path}: {unreadable}",
            remedy="./hs up",
        ) from unreadable


def shake_hands(address: str, port: int, host: str, context: ssl.SSLContext) -> Handshake:
    """Open TLS to an address under a host's name; never raises."""
    try:
        with _connected(address, port, host, context) as tls:
            return Handshake(version=tls.version() or "", served=_served(tls))
    except ssl.SSLCertVerificationError as distrusted:
        seen = _shake_trusting(address, port, host)
        return Handshake(version=seen.version, served=seen.served, distrust=distrusted.verify_message, error=seen.error)
    except OSError as failed:
        return Handshake(error=f"no TLS at {address}:{port}: {failed}")


def _shake_trusting(address: str, port: int, host: str) -> Handshake:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to tell what was served; nothing is sent
    try:
        with _connected(address, port, host, context) as tls:
            return Handshake(version=tls.version() or "", served=_served(tls))
    except OSError as failed:
        return Handshake(error=f"no TLS at {address}:{port}: {failed}")


def _connected(address: str, port: int, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _served(tls: ssl.SSLSocket) -> Served | None:
    found = tls.getpeercert(binary_form=True)
    return describe(x509.load_der_x509_certificate(found)) if found else None


def old_version_taken(address: str, port: int, host: str) -> str | None:
    """The TLS version below 1.2 that a server takes; empty where it refuses them all, None where that could not be tried."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are deprecated is why they are tried
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")  # otherwise this side would refuse first
    try:
        with _connected(address, port, host, context) as tls:
            return tls.version()
    except ssl.SSLError as refused:
        return None if refused.reason == "NO_PROTOCOLS_AVAILABLE" else ""
    except ConnectionResetError:
        return ""
    except OSError:
        return None


def judge_certificate(host: str, seen: Handshake, now: datetime, remedy: str) -> Check:
    """Whether a browser would trust what was served, for some time to come; ``remedy`` is what the cluster says of a missing one."""
    served = seen.served
    if served is None:
        return Check(host, "certificate", False, seen.error or "the server showed no certificate", remedy)
    words = f"for {', '.join(served.hosts) or 'no name'}, by {served.issuer}, until {served.expires:%Y-%m-%d %H:%M} UTC"
    if served.issuer == DEFAULT_CERTIFICATE:
        return Check(host, "certificate", False, "not issued yet: the ingress controller shows its own default certificate", remedy)
    if seen.distrust:
        return Check(host, "certificate", False, f"{seen.distrust}: {words}", remedy)
    if served.is_near_end(now):
        return Check(host, "certificate", False, f"near its end and not renewed: {words}", remedy)
    return Check(host, "certificate", True, words)


def judge_versions(host: str, seen: Handshake, old: str | None) -> Check:
    """Whether only TLS 1.2 and newer is spoken."""
    if not seen.version:
        return Check(host, "TLS version", False, seen.error or "no handshake")
    if old:
        return Check(host, "TLS version", False, f"{seen.version}, but {old} is taken too", "./hs up the stack of the cluster")
    return Check(host, "TLS version", True, seen.version + ("; older ones are refused" if old == "" else "; older ones could not be tried"))


def request(method: str, url: str, address: str, context: ssl.SSLContext, json: Mapping[str, Any] | None = None) -> httpx.Response:
    """Ask for ``url`` at ``address`` in place of what the system resolves, with the certificate checked; raises httpx.HTTPError."""
    wanted = httpx.URL(url)
    headers = {"Host": wanted.netloc.decode(), "User-Agent": "highstreetly-verify"}
    with httpx.Client(verify=context, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client:
        return client.request(method, wanted.copy_with(host=address), headers=headers, json=json, extensions={"sni_hostname": wanted.host})


def judge_redirect(host: str, expected_url: str, answer: httpx.Response) -> Check:
    """Whether plain HTTP leads to the same place over HTTPS, for good (301 or 308)."""
    remedy = "./hs up the stack of the cluster"
    if answer.status_code not in (301, 308):
        return Check(host, "HTTP", False, f"answers {answer.status_code} instead of a permanent redirect to HTTPS", remedy)
    location = answer.headers.get("location", "")
    if _place(location) != _place(expected_url):
        return Check(host, "HTTP", False, f"redirects to {location or 'nowhere'} instead of {expected_url}", remedy)
    return Check(host, "HTTP", True, f"{answer.status_code} to HTTPS, same host and path")


def _place(url: str) -> tuple[str, str, int, str]:
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return "", "", 0, ""
    return found.scheme, found.host, found.port or (443 if found.scheme == "https" else 80), found.raw_path.decode()


def judge_answer(host: str, path: str, answer: httpx.Response, *, is_ui: bool) -> Check:
    """Whether a route leads to its service: a UI shows its page, others answer anything that is their own."""
    status, name = answer.status_code, f"HTTPS {path}"
    if status == 404 and answer.text.strip() == NOT_FOUND and ROUTED not in answer.headers:
        return Check(host, name, False, "404: no route leads from here to a service", "./hs status")
    if status >= 500 or (is_ui and status >= 400):
        return Check(host, name, False, f"answers {status}", "./hs status; ./hs logs of the service")
    return Check(host, name, True, f"answers {status}")


def judge_headers(host: str, answer: httpx.Response, *, hsts: bool) -> Check:
    """Whether an answer carries the security headers that every answer should."""
    wanted = {"x-content-type-options": "nosniff", "referrer-policy": ""} | ({"strict-transport-security": "max-age="} if hsts else {})
    missing = [name for name, value in wanted.items() if name not in answer.headers or value not in answer.headers[name].lower()]
    if missing:
        return Check(host, "headers", False, f"missing or weak: {', '.join(missing)}", "./hs up the environment")
    return Check(host, "headers", True, ", ".join(wanted))


__all__ = [
    "Check", "Handshake", "judge_answer", "judge_certificate", "judge_headers", "judge_redirect", "judge_versions", "old_version_taken",
    "request", "shake_hands", "trust",
]  # fmt: skip
