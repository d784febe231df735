"""Gathering an archive's files: Secrets and etcd from the cluster, and the state of every stack from where it lies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ops.backup import control_plane
from ops.backup.archive import ACCOUNTS, CERTIFICATES, STATE_FOLDER, as_list
from ops.certificates import ISSUERS
from ops.errors import PlatformError
from ops.inventory import BACKEND_VARIABLE, state_variables
from ops.kubernetes import get_items
from ops.state import State, open_state
from settings.datacenter.load import PROJECT as DATACENTER_PROJECT
from settings.load import ESTATES, PROJECT, estate_of

CERT_MANAGER = "cert-manager"
"""The namespace in which cluster-wide issuers keep their accounts' keys."""
TLS = "kubernetes.io/tls"
STACKS = ".pulumi/stacks/"
DATACENTER, LOCAL = ESTATES
NEEDED = {DATACENTER: (PROJECT, DATACENTER_PROJECT), LOCAL: (PROJECT,)}
"""The projects without whose states an estate's backup is not whole. The local estate's machines are look-alikes."""


def gather(environment: str, state: State, image: str) -> control_plane.Read:
    """What an archive of an environment holds, by name, and what etcd held; ``image`` is for the pod that reads a control plane.

    Raises PlatformError when the cluster or the state does not answer.
    """
    read = control_plane.read(image)
    files = {
        CERTIFICATES: as_list(certificates(get_items(environment, "secrets"))),
        ACCOUNTS: as_list(accounts(_issuers(), get_items(CERT_MANAGER, "secrets"))),
        **read.files,
        **states(backends(state, environment), NEEDED[estate_of(environment)]),
    }
    return control_plane.Read(files, read.etcd)


def certificates(secrets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The certificates among Secrets; one that is still being issued has no content yet and is left out."""
    return [dict(secret) for secret in secrets if secret.get("type") == TLS and (secret.get("data") or {}).get("tls.crt")]


def accounts(issuers: Iterable[Mapping[str, Any]], secrets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The Secrets with the accounts' keys of ACME issuers; an issuer that has not registered yet has none."""
    names = {issuer["spec"]["acme"]["privateKeySecretRef"]["name"] for issuer in issuers if "acme" in issuer.get("spec", {})}
    return [dict(secret) for secret in secrets if secret["metadata"]["name"] in names and secret.get("data")]


def backends(state: State, environment: str) -> list[State]:
    """Where states lie: an environment's, and that of the datacenter's machines, where it lies outside them."""
    url = state_variables().get("PULUMI_BACKEND_URL", "") if estate_of(environment) == DATACENTER else ""
    return [state, open_state(url, DATACENTER_PROJECT)] if url else [state]


def states(places: Sequence[State], projects: Collection[str]) -> dict[str, bytes]:
    """The state of each stack of every project there, as the engine wrote it; its secrets are encrypted in it.

    Raises PlatformError where one of ``projects`` has none.
    """
    found: dict[str, bytes] = {}
    for state in places:
        for key in state.keys(STACKS):
            content = state.read(key) if key.endswith(".json") else None
            if content:
                found[f"{STATE_FOLDER}{key.removeprefix(STACKS)}"] = content
    if missing := [project for project in projects if not any(name.startswith(f"{STATE_FOLDER}{project}/") for name in found)]:
        raise PlatformError(
            f"There is no state of any stack of {missing[0]}.",
            remedy=f"see PULUMI_BACKEND_URL, {BACKEND_VARIABLE} for the machines, and docs/runbooks/mend-state.md",
        )
    return found


def _issuers() -> list[dict[str, Any]]:
    """The issuers of the cluster; none where cert-manager is not installed."""
    try:
        return get_items(CERT_MANAGER, ISSUERS)
    except PlatformError as failed:
        if "doesn't have a resource type" in failed.why:
            return []
        raise


__all__ = ["accounts", "backends", "certificates", "gather", "states"]
