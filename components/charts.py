"""Helm releases: charts are always installed by the provider, never rendered through Python. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import naming
from settings.environment import Chart

INSTALL_TIMEOUT_SECONDS = 300


def repository(chart: Chart) -> RepositoryOptsArgs:
    """Where a chart comes from; empty for an OCI reference or a folder."""
    return RepositoryOptsArgs(repo=chart.repository)


def release(name: str, chart: Chart, namespace: Namespace, values: Mapping[str, Any], opts: pulumi.ResourceOptions) -> Release:
    """Install a chart into a namespace and wait until its pods are ready."""
    return Release(
        f"{name}-release",
        name=name,
        chart=chart.chart,
        version=chart.version,
        repository_opts=repository(chart),
        namespace=namespace.metadata.name,
        values=dict(values),
        timeout=INSTALL_TIMEOUT_SECONDS,
        opts=opts,
    )


def namespace(name: str, pod_security: str, opts: pulumi.ResourceOptions) -> Namespace:
    """A namespace of the cluster's own under a Pod Security level."""
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/
    levels = {f"pod-security.kubernetes.io/{mode}": pod_security for mode in ("enforce", "audit", "warn")}
    return Namespace(f"{name}-namespace", metadata=ObjectMetaArgs(name=name, labels={**naming.labels(name, "addon"), **levels}), opts=opts)
