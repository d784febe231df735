"""What a NetworkPolicy lets through, as a set of sentences, so that a change is told by what it allows and no longer does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.fields import FieldChange

NAME_LABEL = "app.kubernetes.io/name"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
REFUSED, ALLOWED = "refused", "allowed"
DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def rule_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """What a policy allows that it did not, and the other way round."""
    found = []
    for direction, word in DIRECTIONS:
        before, after = (set(_flows(policy, direction, word)) for policy in (old, new))
        for flow in sorted(before ^ after):
            words = (REFUSED, ALLOWED) if flow in after else (ALLOWED, REFUSED)
            found.append(FieldChange(f"spec.{direction}", *words, name=f"{word} {flow}"))
    return tuple(found)


def _flows(policy: Mapping[str, Any], direction: str, word: str) -> Iterator[str]:
    for rule in (policy.get("spec") or {}).get(direction) or []:
        ports = [_port(port) for port in rule.get("ports") or []] or ["any port"]
        for peer in rule.get(word) or [{}]:
            for port in ports:
                yield f"{_peer(peer)} {port}"


def _port(port: Mapping[str, Any]) -> str:
    protocol = str(port.get("protocol", "TCP"))
    last = f"-{port['endPort']}" if port.get("endPort") else ""
    return f"{protocol} {port.get('port', 'any port')}{last}"


def _peer(peer: Mapping[str, Any]) -> str:
    block = peer.get("ipBlock")
    if block:
        without = f" without {', '.join(block['except'])}" if block.get("except") else ""
        return f"{block.get('cidr')}{without}"
    parts = [
        _selected(peer[key], label, every)
        for key, label, every in (("namespaceSelector", NAMESPACE_LABEL, "every namespace"), ("podSelector", NAME_LABEL, "every pod"))
        if peer.get(key) is not None
    ]
    return "/".join(parts) or "anywhere"


def _selected(selector: Mapping[str, Any], label: str, every: str) -> str:
    labels = selector.get("matchLabels") or {}
    if label in labels:
        return str(labels[label])
    return ",".join(f"{key}={value}" for key, value in labels.items()) or ("a selection" if selector else every)


__all__ = ["rule_changes"]
