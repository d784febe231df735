"""What the component's arguments mean for the Helm release that it makes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CHART = "cert-manager"
REPOSITORY = "https://charts.jetstack.io"
"""Where the official plugin looks when nothing is said."""
OPTIONS = "helmOptions"
ARGUMENTS = frozenset((
    "affinity", "cainjector", "clusterResourceNamespace", "containerSecurityContext", "deploymentAnnotations", "extraArgs", "extraEnv",
    "extraVolumeMounts", "extraVolumes", "featureGates", "global", "http_proxy", "https_proxy", "image", "ingressShim", "installCRDs",
    "no_proxy", "nodeSelector", "podAnnotations", "podDnsConfig", "podDnsPolicy", "podLabels", "prometheus", "replicaCount", "resources",
    "securityContext", "serviceAccount", "serviceAnnotations", "serviceLabels", "startupapicheck", "strategy", "tolerations", "webhook",
))  # fmt: skip
"""The component's other arguments. One that is not given counts as given empty: the value of its name comes to nothing."""


def release_options(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the release, in the Python SDK's spelling.

    ``inputs`` are the component's, by their names on the wire: `helmOptions` is what Helm is told, everything else is a value of the chart
    and stands in the place of the same key of `helmOptions.values`, whether it is given or not.
    """
    options = {snake_case(key): value for key, value in (inputs.get(OPTIONS) or {}).items()}
    values = {key: value for key, value in (options.get("values") or {}).items() if key not in ARGUMENTS}
    options["values"] = {**values, **{key: value for key, value in inputs.items() if key != OPTIONS and value is not None}}
    options["chart"] = options.get("chart") or CHART
    repository = options.get("repository_opts") or {}
    if repository.get("repo") is None:
        options["repository_opts"] = {**repository, "repo": REPOSITORY}
    return options


def snake_case(name: str) -> str:
    """`repositoryOpts` and `disableCRDHooks` as the Python SDK spells them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
