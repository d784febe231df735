"""What the component's arguments mean for the Helm release that it makes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CHART = "cert-manager"
REPOSITORY = "https://charts.jetstack.io"
"""Where the official plugin looks when nothing is said."""
OPTIONS = "helmOptions"


def release_options(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the release, in the Python SDK's spelling.

    ``inputs`` are the component's, by their names on the wire: `helmOptions` is what Helm is told, everything else is a value of the chart
    and comes before the same key of `helmOptions.values`.
    """
    options = {snake_case(key): value for key, value in (inputs.get(OPTIONS) or {}).items()}
    values = {key: value for key, value in inputs.items() if key != OPTIONS and value is not None}
    options["values"] = {**(options.get("values") or {}), **values}
    options["chart"] = options.get("chart") or CHART
    if options.get("repository_opts") is None:
        options["repository_opts"] = {"repo": REPOSITORY}
    return options


def snake_case(name: str) -> str:
    """`repositoryOpts` and `disableCRDHooks` as the Python SDK spells them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
