"""RabbitMQ's exported definitions: how much they hold, and what is wrong with stored ones. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

KINDS = ("users", "vhosts", "permissions", "queues", "exchanges", "bindings", "policies")
"""What an export lists (https://www.rabbitmq.com/docs/definitions)."""
SHA = "sha256"


def summary(content: bytes) -> dict[str, str]:
    """How many of each kind, and the SHA-256 of the whole; raises ValueError for what is no export."""
    said = json.loads(content)
    if not isinstance(said, Mapping) or not said.get("users"):
        raise ValueError("they name no users")
    return {kind: str(len(said.get(kind) or [])) for kind in KINDS} | {SHA: hashlib.sha256(content).hexdigest()}


def problems(content: bytes, expected: Mapping[str, str], vhost: str) -> list[str]:
    """What is wrong with stored definitions, a sentence each; ``vhost`` is the environment's, and must be among them."""
    try:
        now = summary(content)
        vhosts = [str(found["name"]) for found in json.loads(content)["vhosts"]]
    except (ValueError, KeyError, TypeError) as unreadable:
        return [f"the definitions cannot be read: {unreadable}"]
    found = [] if now == dict(expected) else ["the definitions are not what was stored"]
    return found + ([] if vhost in vhosts else [f"the definitions do not hold the vhost {vhost}"])


__all__ = ["problems", "summary"]
