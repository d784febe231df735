"""Which logs go to New Relic, and how: the typed settings of the log shipper."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from settings.catalogue import Resources
from settings.vocabulary import Image, Model, Name, Url

ENDPOINTS = {"us": "https://otlp.nr-data.net", "eu": "https://otlp.eu01.nr-data.net"}
"""https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/."""
LICENSE_KEY = "new_relic_license_key"
FAILED = "Exporting failed"
"""Begins what the collector says of a failed delivery, and of nothing else (exporterhelper v0.160.0: queue_sender.go, retry_sender.go)."""
SECRETS = {LICENSE_KEY: "New Relic's licence key for ingest (API keys, type INGEST - LICENSE)"}


REFUSED_BY_GO = {
    r"\(\?<?[=!]": "looks ahead or behind",
    r"\(\?P=|\(\?\(": "refers to a group",
    r"\(\?(?!P<[A-Za-z_]\w*>|[ims-]*[:)])": "has a group or a flag that only Python knows",
    r"(?:[*+?]|\{\d*,?\d*\})\+": "has a possessive repetition",
    r"\{,\d+\}": "has a repetition without a beginning; write {0,3} instead of {,3}",
    r"\{(?:\d+,)?\d{4,}|\{\d{4,}": "repeats a thousand times or more",
}
"""What Python reads and RE2 does not, or otherwise, outside of escapes and classes (https://github.com/google/re2/wiki/Syntax)."""
PYTHON_ESCAPES = "123456789ZNuU"
"""Of them references to groups are the digits."""


def _expression(value: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of a class within a class, which is refused below
            re.compile(value)
    except re.error as wrong:
        raise ValueError(f"{value!r} is no regular expression: {wrong}; for example ^GET /health") from None
    if refused := _refused_by_go(value):
        raise ValueError(f"{value!r} {refused}: the collector reads RE2's syntax and would not start; for example ^GET /health")
    return value


def _refused_by_go(expression: str) -> str:
    """What the collector would refuse in a regular expression that Python takes; empty for nothing."""
    escaped = next((one for one in re.findall(r"\\(.)", expression, re.DOTALL) if one in PYTHON_ESCAPES or not one.isascii()), "")
    if escaped:
        return f"has \\{escaped}, a reference to a group or an escape of Python's"
    plain = re.sub(r"\\(.)", lambda escape: "\b" if escape[1] == "b" else "_", expression, flags=re.DOTALL)
    if re.search(r"\[\^?\]?[^\]]*(?:\[:|\x08)", plain):
        return r"has [:…:] or \b within a class"
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "_", plain)
    return next((refused for form, refused in REFUSED_BY_GO.items() if re.search(form, plain, re.ASCII)), "")


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
    mask: tuple[Expression, ...] = Field(default=(), description="what is masked beside secrets and personal data (settings/masks.py)")
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


__all__ = ["ENDPOINTS", "FAILED", "LICENSE_KEY", "SECRETS", "LogShipping"]
