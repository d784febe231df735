"""Gathering an archive's files: Secrets and etcd from the cluster, and the state of every stack from where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ops.backup import control_plane
from ops.backup.archive import ACCOUNTS, CERTIFICATES, STATE_FOLDER, as_list
from ops.certificates import ISSUERS
from ops.errors import PlatformError
from ops.kubernetes import get_items
from ops.state import State
from settings.datacenter.load import PROJECT as DATACENTER_PROJECT
from settings.load import PROJECT

CERT_MANAGER = "cert-manager"
"""The namespace in which cluster-wide issuers keep their accounts' keys."""
TLS = "kubernetes.io/tls"
STACKS = ".pulumi/stacks/"


def files(environment: str, state: State, image: str) -> dict[str, bytes]:
    """What an archive of an environment holds, by name; ``image`` is for the pod that reads a control plane.

    Raises PlatformError when the cluster or the state does not answer.
    """
    return {
        CERTIFICATES: as_list(certificates(get_items(environment, "secrets"))),
        ACCOUNTS: as_list(accounts(_issuers(), get_items(CERT_MANAGER, "secrets"))),
        **control_plane.files(image),
        **states(state),
    }


def certificates(secrets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The certificates among Secrets; one that is still being issued has no content yet and is left out."""
    return [dict(secret) for secret in secrets if secret.get("type") == TLS and (secret.get("data") or {}).get("tls.crt")]


def accounts(issuers: Iterable[Mapping[str, Any]], secrets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The Secrets with the accounts' keys of ACME issuers; an issuer that has not registered yet has none."""
    names = {issuer["spec"]["acme"]["privateKeySecretRef"]["name"] for issuer in issuers if "acme" in issuer.get("spec", {})}
    return [dict(secret) for secret in secrets if secret["metadata"]["name"] in names and secret.get("data")]


def states(state: State) -> dict[str, bytes]:
    """The state of each stack as the engine wrote it; its secrets are encrypted in it. Raises PlatformError where there is none."""
    found: dict[str, bytes] = {}
    for project in (PROJECT, DATACENTER_PROJECT):
        for key in state.keys(f"{STACKS}{project}/"):
            content = state.read(key) if key.endswith(".json") else None
            if content:
                found[f"{STATE_FOLDER}{key.removeprefix(STACKS)}"] = content
    if not found:
        raise PlatformError("There is no state of any stack.", remedy="see PULUMI_BACKEND_URL and docs/runbooks/mend-state.md")
    return found


def _issuers() -> list[dict[str, Any]]:
    """The issuers of the cluster; none where cert-manager is not installed."""
    try:
        return get_items(CERT_MANAGER, ISSUERS)
    except PlatformError as failed:
        if "doesn't have a resource type" in failed.why:
            return []
        raise


__all__ = ["accounts", "certificates", "files", "states"]
