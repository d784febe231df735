"""The stand-in for the official `digitalocean` plugin."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from typing_extensions import override

from local.providers.base import Provider, Resource
from local.providers.digitalocean.api import Access, Api
from local.providers.digitalocean.dns_record import DnsRecord
from local.providers.digitalocean.domain import Domain
from local.providers.errors import BackendError
from local.providers.properties import Property
from local.providers.wire import Properties

TOKEN = re.compile(r"[!-~]+")  # what an HTTP header can carry; anything else would be shown by the HTTP library's own error


class DigitaloceanProvider(Provider[Api]):
    """Domains and DNS records of one DigitalOcean account. Numbers with a fraction are texts here, as the SDK sends them."""

    name = "digitalocean"
    version = "4.84.1"
    configuration = (
        Property("token", required=True, secret=True, environment=("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")),
        Property("apiEndpoint", default="https://api.digitalocean.com", environment=("DIGITALOCEAN_API_URL",)),
        Property("httpRetryMax", "integer", default=4, minimum=0, environment=("DIGITALOCEAN_HTTP_RETRY_MAX",)),
        Property("httpRetryWaitMin", default="1", environment=("DIGITALOCEAN_HTTP_RETRY_WAIT_MIN",)),
        Property("httpRetryWaitMax", default="30", environment=("DIGITALOCEAN_HTTP_RETRY_WAIT_MAX",)),
        Property("requestsPerSecond", default="0", environment=("DIGITALOCEAN_REQUESTS_PER_SECOND",)),
        Property("spacesEndpoint", environment=("SPACES_ENDPOINT_URL",)),
        Property("spacesAccessId", environment=("SPACES_ACCESS_KEY_ID",)),
        Property("spacesSecretKey", secret=True, environment=("SPACES_SECRET_ACCESS_KEY",)),
    )

    @override
    def resources(self) -> Sequence[Resource[Api]]:
        """The types the platform uses."""
        return (Domain(), DnsRecord())

    @override
    def client(self, configuration: Properties, cancelled: threading.Event) -> Api:
        """The API; raises BackendError for a token, address or number that cannot be used."""
        token = configuration["token"].strip()
        if not TOKEN.fullmatch(token):
            raise BackendError(
                "The token for DigitalOcean cannot be used",
                why="it is empty or holds characters that no token has",
                remedy="check digitalocean:token (or the environment variable DIGITALOCEAN_TOKEN)",
            )
        access = Access(
            endpoint=_address(configuration["apiEndpoint"]),
            token=token,
            retries=configuration["httpRetryMax"],
            wait_min_seconds=_number(configuration, "httpRetryWaitMin"),
            wait_max_seconds=_number(configuration, "httpRetryWaitMax"),
            requests_per_second=_number(configuration, "requestsPerSecond"),
        )
        return Api(access, cancelled)


def _address(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BackendError(
            "The address of the DigitalOcean API cannot be used",
            why="it must be an http or https URL without a user",
            remedy="set digitalocean:apiEndpoint (or DIGITALOCEAN_API_URL) to one such as https://api.digitalocean.com",
        )
    return endpoint.rstrip("/")


def _number(configuration: Properties, name: str) -> float:
    text = configuration[name]
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        raise BackendError(f"digitalocean:{name} cannot be used", why=f"{text!r} is no number of 0 or more", remedy="write one such as 1.5")
    return float(text)


PROVIDER = DigitaloceanProvider()
