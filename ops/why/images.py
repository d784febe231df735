"""Why an image cannot be had: the container runtime's words, sorted. Pure functions."""

from __future__ import annotations

import re

PULL_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable")
UNREACHABLE, UNAUTHORISED, NOT_FOUND, LIMITED = "registry unreachable", "unauthorised", "not found", "rate limited"
# In this order: a token that cannot be fetched over a broken line is no refusal, and a refusal may say "not found" behind it.
_SORTS = (
    (LIMITED, r"toomanyrequests|429 Too Many Requests|pull rate limit"),
    (
        UNREACHABLE,
        r"dial tcp|lookup \S+|no such host|i/o timeout|connection (refused|reset)|TLS handshake timeout|deadline exceeded"
        r"|server misbehaving|x509: |no route to host|unexpected status[^\"]{0,40}: 5\d\d|\bEOF\b",
    ),
    (
        UNAUTHORISED,
        r"(?i)401 unauthorized|403 forbidden|failed to authorize|no basic auth credentials|access denied|insufficient_scope|denied:",
    ),
    (NOT_FOUND, r"not found|manifest unknown|NotFound|name unknown|does not exist"),
)


def sort_of(message: str) -> str:
    """Which of the four it is; empty where the message does not say."""
    return next((sort for sort, pattern in _SORTS if re.search(pattern, message)), "")


def registry_of(image: str) -> str:
    """The registry that an image comes from; Docker Hub where the name does not say."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def reason_words(reason: str, sort: str, image: str) -> str:
    """Why the image cannot be had, as the end of a sentence; empty where nobody said."""
    if reason == "InvalidImageName":
        return "that is no name of an image"
    if reason == "ErrImageNeverPull":
        return "it is not on the node, and the pod may not fetch it"
    registry = registry_of(image)
    return {
        NOT_FOUND: f"{registry} has no such image or version",
        UNAUTHORISED: f"{registry} refuses to give it: no such repository, or not with these credentials",
        UNREACHABLE: f"the node cannot reach the registry {registry}",
        LIMITED: f"{registry} gives no more images for a while (its rate limit)",
    }.get(sort, "")


__all__ = ["LIMITED", "NOT_FOUND", "PULL_REASONS", "UNAUTHORISED", "UNREACHABLE", "reason_words", "registry_of", "sort_of"]
