"""What the cluster's runners need to know that is secret, and which environments they may name. Pure functions over raw settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from settings.errors import Mistake, nearest

SECRETS = {
    "github_app_id": "the ID of the GitHub App as which the cluster's runners register",
    "github_app_installation_id": "the ID of that App's installation at the organisation",
    "github_app_private_key": "that App's private key (PEM)",
    "runner_backend_url": "PULUMI_BACKEND_URL of the runners: where the stacks' state lies (postgres://…)",
}
PASSPHRASE = "runner_passphrase_"
"""Begins the name of one more secret for each environment with runners; the environment's name follows."""
PASSPHRASE_MEANING = "PULUMI_CONFIG_PASSPHRASE of the environment's runners, which its stack's secrets are encrypted with"


def needed_secrets(cluster: object) -> list[str]:
    """The secret settings that the runners of a cluster cannot be without; service accounts alone need none."""
    runners = _mapping(_mapping(cluster).get("runners"))
    if not runners.get("github_config_url"):
        return []
    return [*SECRETS, *passphrases(cluster)]


def passphrases(cluster: object) -> list[str]:
    """The secret settings with the passphrases of a cluster's runners, which may be there before and after the runners are."""
    runners = _mapping(_mapping(cluster).get("runners"))
    return [f"{PASSPHRASE}{name}" for name in _mapping(runners.get("environments"))]


def unknown_environments(cluster: object, known: Iterable[str], file: str) -> list[Mistake]:
    """A mistake for each environment with runners that does not exist: its namespace would be made, and stay empty."""
    environments = _mapping(_mapping(_mapping(cluster).get("runners")).get("environments"))
    return [
        Mistake(
            file,
            f"highstreetly:cluster.runners.environments.{name}",
            f"there is no environment {name!r}",
            nearest(str(name), sorted(known)),
        )
        for name in environments
        if name not in known
    ]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
