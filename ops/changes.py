"""What a run changes, in the words of an operator. Pure functions over the engine's events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.fields import FieldChange, changed_keys, field_changes, value_at
from ops.network_rules import rule_changes

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent, StepEventMetadata

QUIET = ("same", "read", "refresh", "read-discard")
"""Operations that change nothing."""
HALVES = ("create-replacement", "delete-replaced", "discard-replaced", "remove-pending-replace", "read-replacement")
"""A replacement is told by the engine several times; its `replace` event stands for all."""
NOT_OBJECTS = ("pulumi:", "platform:")
"""Types of the stack, of providers and of the platform's own components (components/tokens.py): groups of objects, none themselves."""
PUBLIC_HOST = "platform:env:PublicHost"
VERSION_FIELD = re.compile(r"labels\[\"app\.kubernetes\.io/version\"\]$")
VERSION_VARIABLE = "env VERSION"
"""What only follows a workload's image: its version label and variable (components/workload.py)."""
WORDS = {
    "DnsRecord": "DNS record",
    "Domain": "DNS zone",
    "Database": "database",
    "Role": "database role",
    "Grant": "grant",
    "GrantRole": "membership",
    "DefaultPrivileges": "grant on new objects",
    "VHost": "vhost",
    "User": "broker user",
    "Permissions": "broker permission",
    "Policy": "broker policy",
    "RandomPassword": "password",
    "Certificate": "certificate",
    "Ingress": "ingress",
    "Release": "chart",
    "Right": "right",
}
ENDS = {"create": "created", "delete": "deleted", "replace": "replaced", "update": "changed"}
HOLDS_DATA = ("Database", "VHost")
"""What is empty when it is made anew."""
HEADS = ("Deployment", "Database")
"""What comes and goes with all that belongs to it."""
RULES = ("spec.ingress", "spec.egress")
MARKDOWN_LENGTH_MAX = 60_000
"""GitHub takes comments of 65,536 characters."""
OPEN_LINES_MAX = 12
"""A longer list is folded in a comment."""


@dataclass(frozen=True)
class Subject:
    """What a change is about."""

    kind: str
    """The last part of its type, for example DnsRecord."""
    name: str
    owner: str
    """The service, UI, context or public name that it belongs to; its own name where it belongs to none."""

    def __str__(self) -> str:
        word = WORDS.get(self.kind, self.kind)
        return f"{self.owner}: {word}" if self.name == self.owner else f"{self.owner}: {word} {self.name}"


@dataclass(frozen=True)
class Change:
    """One object that a run creates, updates, replaces or deletes; ``op`` is one of those four."""

    op: str
    kind: str
    name: str
    owner: str
    urn: str
    fields: tuple[FieldChange, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The public fields."""
        fields = [field.as_json() for field in self.fields]
        return {"op": self.op, "kind": self.kind, "name": self.name, "owner": self.owner, "fields": fields}


def collect(events: Iterable[EngineEvent]) -> list[Change]:
    """The changes that a run's events tell of; components, providers and the stack itself are left out."""
    metadata = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    return [change(found) for found in metadata if is_object(found) and found.op.value not in (*QUIET, *HALVES)]


def is_object(metadata: StepEventMetadata) -> bool:
    """Whether it is about something that exists outside the engine's state."""
    return not metadata.type.startswith(NOT_OBJECTS)


def change(metadata: StepEventMetadata) -> Change:
    """A change from what the engine tells of it."""
    old, new = (dict(state.inputs or {}) if state else {} for state in (metadata.old, metadata.new))
    about = subject(metadata)
    paths = list(metadata.detailed_diff or metadata.diffs or []) if old and new else []
    fields = changed_keys(old, new) if about.kind == "ConfigMap" else differences(about.kind, old, new, paths)
    op = next((known for known in ENDS if metadata.op.value == known), metadata.op.value)
    return Change(op, about.kind, about.name, about.owner, metadata.urn, fields)


def differences(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], paths: Sequence[str]) -> tuple[FieldChange, ...]:
    """What differs at the engine's ``paths``; of a NetworkPolicy what it lets through, for its lists have no names."""
    fields = field_changes(kind, old, new, paths)
    if kind != "NetworkPolicy":
        return fields
    return (*(field for field in fields if not field.path.startswith(RULES)), *rule_changes(old, new)) if fields else ()


def subject(metadata: StepEventMetadata) -> Subject:
    """What an event is about, from the object's inputs and its place in the stack."""
    state = metadata.new or metadata.old
    inputs: Mapping[str, Any] = (state.inputs if state else None) or {}
    kind = metadata.type.rpartition(":")[2]
    logical = metadata.urn.rpartition("::")[2]
    parent = (state.parent if state else None) or ""
    host = _host(kind, inputs)
    if parent.split("::")[2:3] and parent.split("::")[2].endswith(PUBLIC_HOST):
        owner = host or parent.rpartition("::")[2]
    elif "platform:" in parent:
        owner = parent.rpartition("::")[2]
    else:
        owner = ""
    name = host or _privilege(kind, inputs) or _text(value_at(inputs, ["metadata", "name"])) or _text(inputs.get("name")) or logical
    return Subject(kind, name, owner or name)


def _host(kind: str, inputs: Mapping[str, Any]) -> str:
    """The full name that a DNS record, certificate or ingress is for."""
    if kind == "DnsRecord":
        name, domain = str(inputs.get("name", "")), str(inputs.get("domain", ""))
        return domain if name == "@" else f"{name}.{domain}"
    if kind == "Certificate":
        return _text(value_at(inputs, ["spec", "dnsNames", 0]))
    return _text(value_at(inputs, ["spec", "rules", 0, "host"])) if kind == "Ingress" else ""


def _privilege(kind: str, inputs: Mapping[str, Any]) -> str:
    """Whose privilege it is, and on what."""
    if kind == "Grant":
        where = f" {inputs.get('schema')} of" if inputs.get("schema") else ""
        return f"of {inputs.get('role')} on {inputs.get('objectType')}{where} {inputs.get('database')}"
    if kind == "DefaultPrivileges":
        return f"of {inputs.get('role')} on new {inputs.get('objectType')}s of {inputs.get('database')}"
    if kind == "GrantRole":
        return f"of {inputs.get('role')} in {inputs.get('grantRole')}"
    if kind == "Permissions":
        return f"of {inputs.get('user')} in {inputs.get('vhost')}"
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def in_words(changes: Sequence[Change]) -> list[str]:
    """A line for each change that matters by itself, grouped by service, context or public name; what only follows is told together."""
    lines = []
    for owner in sorted({found.owner for found in changes}):
        mine = [found for found in changes if found.owner == owner]
        heads = [found for found in mine if found.kind in HEADS]
        lines += [_deployment(found) if found.kind == "Deployment" else _plain(found) for found in heads]
        jobs = [found for found in mine if found.kind == "Job"]
        lines += [_migration(owner, job, mine) for job in jobs if job.op != "delete"]
        told = {found.op for found in heads if found.op in ("create", "delete")}
        follows_job = {"ConfigMap", "Job"} if jobs else set()
        rest = [found for found in mine if found.kind not in (*HEADS, *follows_job) and found.op not in told]
        lines += [_plain(found) for found in rest if found.op in ("update", "replace")]
        lines += [line for op in ("create", "delete") if (line := _together(owner, op, [found for found in rest if found.op == op]))]
    return lines


def _plain(found: Change) -> str:
    about = str(Subject(found.kind, found.name, found.owner))
    fields = "; ".join(map(str, found.fields))
    return f"{about} is {ENDS.get(found.op, found.op)}" + (f" ({fields})" if fields else "")


def _together(owner: str, op: str, changes: Sequence[Change]) -> str:
    """What else is created or deleted of a service or context, in one line."""
    if len(changes) < 2:
        return _plain(changes[0]) if changes else ""
    kinds = Counter(WORDS.get(found.kind, found.kind) for found in changes)
    parts = [f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items()]
    return f"{owner}: {', '.join(parts[:-1]) + ' and ' if len(parts) > 1 else ''}{parts[-1]} are {ENDS[op]}"


def _deployment(found: Change) -> str:
    if found.op in ("create", "delete"):
        return f"{found.owner}: is {'deployed' if found.op == 'create' else 'removed'}"
    parts = []
    for field in found.fields:
        if field.name == "image":
            parts.append(f"image {version(field.old, field.new)} → {version(field.new, field.old)}")
        elif not VERSION_FIELD.search(field.path) and field.name != VERSION_VARIABLE:
            parts.append(str(field))
    return f"{found.owner}: {', '.join(parts) or 'restarts'}"


def _migration(owner: str, job: Change, mine: Sequence[Change]) -> str:
    """What a migration's new Job runs: the scripts that its new ConfigMap has more than the old one."""
    keys = [field for found in mine if found.kind == "ConfigMap" for field in found.fields]
    scripts = list(dict.fromkeys(field.name.removeprefix("key ") for field in keys if not field.old))
    if scripts:
        return f"{owner}: database migrates with {len(scripts)} new script{'s' * (len(scripts) > 1)} ({', '.join(scripts)})"
    return f"{owner}: database migrates" if job.op == "create" else f"{owner}: migrations run again, with no new script"


def version(image: str, other: str) -> str:
    """What differs between two images: the tags, else the digests' beginnings, else the whole names."""
    name, _, digest = image.partition("@")
    repository, _, tag = name.rpartition(":")
    other_name, _, other_digest = other.partition("@")
    if name == other_name and digest != other_digest:
        return f"{tag} ({digest.removeprefix('sha256:')[:8] or 'not pinned'})"
    return tag if repository and repository == other_name.rpartition(":")[0] else name


def counts(changes: Sequence[Change]) -> str:
    """How many objects are created, changed, replaced and deleted; "nothing changes" for none."""
    found = Counter(found.op for found in changes)
    return ", ".join(f"{found[op]} {word}" for op, word in ENDS.items() if found[op]) or "nothing changes"


def as_json(environment: str, changes: Sequence[Change]) -> dict[str, Any]:
    """What `./hs preview --json` prints: environment, lines, and changes: [{op, kind, name, owner, fields}]."""
    return {"environment": environment, "lines": in_words(changes), "changes": [found.as_json() for found in changes]}


def markdown(environment: str, changes: Sequence[Change]) -> str:
    """A comment for a pull request: what merging it and deploying ``environment`` would change."""
    lines = [f"- {_escaped(line)}" for line in in_words(changes)]
    if not changes:
        return f"**{environment}**: nothing changes.\n"
    kept, length = 0, 0
    while kept < len(lines) and length + len(lines[kept]) + 1 <= MARKDOWN_LENGTH_MAX - 500:
        length += len(lines[kept]) + 1
        kept += 1
    body = "\n".join([*lines[:kept], *([f"- … and {len(lines) - kept} more"] if kept < len(lines) else [])])
    if len(lines) <= OPEN_LINES_MAX:
        return f"**{environment}**: {counts(changes)}\n\n{body}\n"
    return f"<details><summary><b>{environment}</b>: {counts(changes)}</summary>\n\n{body}\n\n</details>\n"


def _escaped(line: str) -> str:
    """A line that Markdown and HTML leave as it is; an @ would otherwise call somebody."""
    text = re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "&#64;")


__all__ = ["Change", "Subject", "as_json", "collect", "counts", "differences", "in_words", "is_object", "markdown", "subject"]
