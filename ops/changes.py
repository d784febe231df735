"""What a run changes, in the words of an operator. Pure functions over the engine's events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

QUIET = ("same", "read", "refresh", "read-discard")
"""Operations that change nothing."""
HALVES = ("create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace")
"""A replacement is told by the engine several times; its `replace` event stands for all."""
SECRET = "(secret)"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a secret in what the engine tells (pulumi v3.259.0, sdk/go/common/resource/sig)."""
NAME_LABEL = "app.kubernetes.io/name"
VERSION_FIELD = re.compile(r"labels\[\"app\.kubernetes\.io/version\"\]$|\.env\[\d+\]\.value$")
"""What only follows a workload's image: its version label and variable."""
OWN_KINDS = ("Deployment", "Job", "DnsRecord", "Database", "Vhost", "Certificate", "Ingress")
"""Kinds of which every change is told in a line of its own; the rest is counted by service."""
VALUE_LENGTH_MAX = 80
MARKDOWN_LENGTH_MAX = 60_000
"""GitHub takes comments of 65,536 characters."""


@dataclass(frozen=True)
class FieldChange:
    """One field; an empty value is none."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path} {self.old or 'nothing'} → {self.new or 'nothing'}"


@dataclass(frozen=True)
class Change:
    """One object that a run creates, updates, replaces or deletes."""

    op: str
    kind: str
    name: str
    owner: str
    """The service, UI or context that it belongs to; its own name where it belongs to none."""
    urn: str
    fields: tuple[FieldChange, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The public fields."""
        return {"op": self.op, "kind": self.kind, "name": self.name, "owner": self.owner, "fields": [vars(found) for found in self.fields]}


def collect(events: Iterable[EngineEvent]) -> list[Change]:
    """The changes that a run's events tell of; components, providers and the stack itself are left out."""
    found = []
    for event in events:
        metadata = event.resource_pre_event.metadata if event.resource_pre_event else None
        if metadata is None or metadata.op.value in (*QUIET, *HALVES):
            continue
        if metadata.type.startswith(("pulumi:", "platform:")):
            continue
        old, new = (dict(state.inputs or {}) if state else {} for state in (metadata.old, metadata.new))
        found.append(change(metadata.op.value, metadata.urn, metadata.type, old, new, list(metadata.detailed_diff or metadata.diffs or [])))
    return found


def change(op: str, urn: str, kind: str, old: Mapping[str, Any], new: Mapping[str, Any], paths: Sequence[str]) -> Change:
    """A change from the engine's parts of it."""
    inputs = new or old
    logical = urn.rpartition("::")[2]
    metadata = _mapping(inputs.get("metadata"))
    name = str(metadata.get("name") or _record_name(inputs) or inputs.get("name") or logical)
    owner = str(_mapping(metadata.get("labels")).get(NAME_LABEL) or _parent_name(kind, logical) or name)
    short = kind.rpartition(":")[2]
    hidden = short == "Secret" or "password" in short.lower()
    fields = tuple(_field(path, old, new, hidden=hidden) for path in paths)
    return Change("replace" if op == "replace" else op, short, name, owner, urn, fields)


def _record_name(inputs: Mapping[str, Any]) -> str:
    """A DNS record's full name."""
    if "domain" not in inputs or "type" not in inputs:
        return ""
    host = str(inputs.get("name", ""))
    return str(inputs["domain"]) if host == "@" else f"{host}.{inputs['domain']}"


def _parent_name(kind: str, logical: str) -> str:
    """The context that a database's or broker's object belongs to, which its own name begins with."""
    return logical.partition("-")[0] if kind.startswith(("postgresql:", "rabbitmq:", "random:")) else ""


def _field(path: str, old: Mapping[str, Any], new: Mapping[str, Any], *, hidden: bool) -> FieldChange:
    if hidden:
        return FieldChange(path, SECRET, SECRET)
    return FieldChange(path, _shown(value_at(old, path)), _shown(value_at(new, path)))


def value_at(value: Any, path: str) -> Any:
    """The value at one of the engine's paths, for example spec.containers[0].env or metadata.labels["app/name"]; None without one."""
    for quoted, number, name in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', path):
        if number and isinstance(value, list):
            value = value[int(number)] if int(number) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(quoted or name)
        else:
            return None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if _holds_secret(value):
        return SECRET
    text = str(value)
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[: VALUE_LENGTH_MAX - 1]}…"


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return SECRET_SIGNATURE in value or any(map(_holds_secret, value.values()))
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return bool(value == "[secret]")


def in_words(changes: Sequence[Change]) -> list[str]:
    """A line for each change that matters by itself, then one for each service or context with what else changes there."""
    lines, rest = [], dict[str, dict[str, int]]()
    for found in sorted(changes, key=lambda found: (found.owner, OWN_KINDS.index(found.kind) if found.kind in OWN_KINDS else 99)):
        line = _sentence(found)
        if line:
            lines.append(line)
        elif found.kind not in OWN_KINDS:
            counts = rest.setdefault(found.owner, {})
            counts[found.op] = counts.get(found.op, 0) + 1
    words = {"create": "created", "update": "changed", "replace": "replaced", "delete": "deleted"}
    for owner, counts in rest.items():
        parts = [f"{count} {words.get(op, op)}" for op, count in counts.items()]
        lines.append(f"{owner}: what belongs to it ({', '.join(parts)})")
    return lines


def _sentence(found: Change) -> str:
    if found.kind == "Deployment":
        return _deployment(found)
    if found.kind == "Job":
        return f"{found.owner.removesuffix('-migration')}: Flyway runs on its database" if found.op != "delete" else ""
    subjects = {"DnsRecord": "DNS record", "Database": "database", "Vhost": "vhost", "Certificate": "certificate", "Ingress": "ingress"}
    if found.kind not in subjects:
        return ""
    ends = {"create": "is created", "delete": "is deleted", "replace": "is replaced", "update": "changes"}
    fields = f" ({'; '.join(map(str, found.fields))})" if found.op == "update" else ""
    return f"{found.name}: {subjects[found.kind]} {ends.get(found.op, found.op)}{fields}"


def _deployment(found: Change) -> str:
    if found.op == "create":
        return f"{found.name}: is deployed"
    if found.op == "delete":
        return f"{found.name}: is removed"
    parts = []
    for field in found.fields:
        if field.path.endswith(".image"):
            parts.append(f"image {_version(field.old, field.new)} → {_version(field.new, field.old)}")
        elif field.path == "spec.replicas":
            parts.append(f"replicas {field.old} → {field.new}")
        elif not VERSION_FIELD.search(field.path):
            parts.append(str(field).replace("spec.template.spec.containers[0].", "").replace("spec.template.", ""))
    return f"{found.name}: {', '.join(parts) or 'restarts'}"


def _version(image: str, other: str) -> str:
    """What differs between two images: the tags, else the digests' beginnings, else the whole names."""
    name, _, digest = image.partition("@")
    repository, _, tag = name.rpartition(":")
    other_name, _, other_digest = other.partition("@")
    if name == other_name and digest != other_digest:
        return f"{tag} ({digest.removeprefix('sha256:')[:8] or 'not pinned'})"
    return tag if repository and repository == other_name.rpartition(":")[0] else name


def markdown(environment: str, changes: Sequence[Change]) -> str:
    """A comment for a pull request: what merging it and deploying ``environment`` would change."""
    lines = in_words(changes)
    if not lines:
        return f"**{environment}**: nothing changes.\n"
    body = "\n".join(f"- {line}" for line in lines)
    if len(body) > MARKDOWN_LENGTH_MAX:
        body = body[:MARKDOWN_LENGTH_MAX].rpartition("\n")[0] + "\n- … and more"
    return f"<details><summary><b>{environment}</b>: {len(lines)} changes</summary>\n\n{body}\n\n</details>\n"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
