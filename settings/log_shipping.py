"""Which logs go to New Relic, and how: the typed settings of the log shipper."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from settings.catalogue import Resources
from settings.vocabulary import Image, Model, Name, Url

ENDPOINTS = {"us": "https://otlp.nr-data.net", "eu": "https://otlp.eu01.nr-data.net"}
"""https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/."""
LICENSE_KEY = "new_relic_license_key"
SECRETS = {LICENSE_KEY: "New Relic's licence key for ingest (API keys, type INGEST - LICENSE)"}


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as wrong:
        raise ValueError(f"{value!r} is no regular expression: {wrong}; for example ^GET /health") from None
    return value


Expression = Annotated[str, AfterValidator(_expression)]
"""A regular expression that Go's RE2 and Python read alike: https://github.com/google/re2/wiki/Syntax."""


class LogShipping(Model):
    """The log shipper: an OpenTelemetry Collector on every node."""

    region: Literal["us", "eu"] = Field(description="where New Relic keeps the account's data; decides the endpoint")
    namespaces: tuple[Name, ...] = Field(min_length=1, description="the environments whose pods' lines are shipped; others' never")
    image: Image = Field(
        default="docker.io/otel/opentelemetry-collector-contrib:0.160.0",
        description="the OpenTelemetry Collector, contrib distribution",
    )
    endpoint: Url | None = Field(default=None, description="an OTLP endpoint instead of New Relic's own")
    ca_certificate_file: str | None = Field(default=None, description="whom to trust at the endpoint instead of the public roots (PEM)")
    drop: tuple[Expression, ...] = Field(default=(), description="lines that are not shipped: regular expressions")
    mask: tuple[Expression, ...] = Field(default=(), description="what is masked beside secrets, e-mail addresses and card numbers")
    queue_mib: int = Field(default=256, ge=16, le=4096, description="how much each node keeps on disk while New Relic is away")
    resources: Resources = Resources(cpu_request_millicores=50, memory_request_mib=64, memory_limit_mib=128)

    @property
    def url(self) -> str:
        """Where lines are sent."""
        return self.endpoint or ENDPOINTS[self.region]

    @property
    def port(self) -> int:
        """The endpoint's TCP port."""
        found = urlsplit(self.url)
        return found.port or (443 if found.scheme == "https" else 80)


__all__ = ["ENDPOINTS", "LICENSE_KEY", "SECRETS", "LogShipping"]
