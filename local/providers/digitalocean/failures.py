"""What the API answers when it does not do what it was asked, in plain words. None of them holds the token."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from local.providers.errors import BackendError

LONGEST_PAUSE_SECONDS = 60.0  # the API counts requests by the minute; a longer wait is the hour's budget, and the user's to decide
SCOPES = "domain:create, domain:read, domain:update and domain:delete"


class RefusedError(BackendError):
    """The API answered and refused: the same request would be refused again."""

    def __init__(self, status: int, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.status = status


class PassingError(Exception):
    """A request failed in a way that may pass; ``failure`` is what to say when it does not.

    ``untouched``: the request certainly changed nothing. ``pause_seconds``: what the API asked to wait, None when it did not.
    """

    def __init__(self, failure: BackendError, *, untouched: bool, pause_seconds: float | None = None) -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.untouched = untouched
        self.pause_seconds = pause_seconds


def token_refused(endpoint: str) -> RefusedError:
    """The API does not know the token."""
    return RefusedError(
        401,
        f"DigitalOcean at {endpoint}: the token is refused (401)",
        why="check digitalocean:token",
        remedy="set a token that is valid with `pulumi config set --secret digitalocean:token`, in the key from which the program takes "
        f"it, or in DIGITALOCEAN_TOKEN; it needs the scopes {SCOPES}",
    )


def refused(status: int, request: str, text: str) -> RefusedError:
    """Any other refusal, in the API's own words."""
    remedy = f"give the token the scopes {SCOPES}" if status == 403 else ""
    return RefusedError(status, f"DigitalOcean refused {request} ({status})", why=reason_given(text), remedy=remedy)


def zone_missing(domain: str) -> BackendError:
    """The domain that a record should be in does not exist in the token's account."""
    return BackendError(
        f"The zone {domain} is not in this DigitalOcean account",
        why="a record can only be made in a domain that exists (404)",
        remedy=f"check the spelling and whose token it is; else make the zone first: `doctl compute domain create {domain}`, and "
        "ns1.digitalocean.com to ns3.digitalocean.com as its name servers at the registrar",
    )


def unreachable(endpoint: str, said: str) -> BackendError:
    """No answer came."""
    return BackendError(
        f"DigitalOcean at {endpoint} cannot be reached",
        why=said,
        remedy=f"check that it can be reached from here (curl {endpoint}/v2/), then run the same command again",
    )


def untrusted(endpoint: str, said: str) -> BackendError:
    """Whoever answered has a certificate nobody here vouches for."""
    return BackendError(
        f"DigitalOcean at {endpoint} could not be trusted",
        why=said,
        remedy="check digitalocean:apiEndpoint; roots of one's own go into a file that SSL_CERT_FILE names",
    )


def failing(request: str, status: int, text: str) -> BackendError:
    """The API has a trouble of its own (5xx)."""
    return BackendError(
        f"DigitalOcean failed at {request} ({status})",
        why=reason_given(text),
        remedy="see status.digitalocean.com, then run the same command again",
    )


def used_up(seconds: float) -> BackendError:
    """The token has asked too often; ``seconds`` until it may again."""
    free = time.strftime("%H:%M:%S UTC", time.gmtime(time.time() + seconds))
    return BackendError(
        "DigitalOcean takes no more requests with this token for now (429)",
        why="everybody with the same token shares 250 requests a minute and 5000 an hour",
        remedy=f"run the same command again after {free}",
    )


def in_doubt(request: str, path: str, why: BackendError) -> BackendError:
    """A request to make something was sent, its outcome is not known, and the API cannot be asked either."""
    return BackendError(
        f"DigitalOcean may or may not have done {request}",
        why=f"its reply was lost, and then: {why.what}{': ' if why.why else ''}{why.why}",
        remedy=f"before the next run look at {path} (doctl compute domain): what was made there, import with `pulumi import` or remove",
    )


def reason_given(text: str) -> str:
    """The message in an error's JSON body with the request's number for DigitalOcean's support, else the body itself."""
    try:
        body = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:300]
    if not isinstance(body, dict):
        return str(body)[:300]
    message = str(body.get("message") or body.get("id") or "no reason given")
    return f"{message} (request {body['request_id']})" if body.get("request_id") else message


def pause_asked(headers: Mapping[str, str], now: float) -> float | None:
    """How many seconds the API asks to wait, at ``now`` (epoch seconds): Retry-After, else until ratelimit-reset, else None.

    ratelimit-reset may be an hour away although the minute's limit was hit: it is cut to LONGEST_PAUSE_SECONDS.
    """
    after, reset = headers.get("retry-after", ""), headers.get("ratelimit-reset", "")
    if after.isdigit():
        return float(after)
    if after:
        try:
            moment = parsedate_to_datetime(after)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    return min(LONGEST_PAUSE_SECONDS, max(0.0, float(reset) - now)) if reset.isdigit() else None
