"""The record of one release: what was deployed, from what, by whom, and whether it was verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["running", "verified", "unverified", "failed"]
"""``unverified``: rolled out, but a check from outside failed. ``failed``: not rolled out; what ran before still runs."""

COLLECTION = "releases"


class Release(BaseModel):
    """One release of an environment. Fields that a newer program wrote are kept out; those it lacks have defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: str
    number: int = 0
    """Counted from 1 in each environment."""
    kind: Literal["deploy", "rollback"] = "deploy"
    tag: str = ""
    """The git tag, for example test/1.4.0; empty for a deploy by hand from a commit without one."""
    also: tuple[str, ...] = ()
    """Tags that came later for the same content, and deployed nothing."""
    commit: str
    rolled_back_to: int = 0
    """For a rollback: the release whose content this one has."""
    images: Mapping[str, str] = {}
    """By service or UI, and `migrations`: `repository:tag@sha256:…`."""
    configuration: Mapping[str, Any] = {}
    """The stack file's settings, without the secret ones."""
    catalogue: Mapping[str, Any] = {}
    """What the product was made of."""
    migrations: Mapping[str, str] = {}
    """The hash of each context's scripts."""
    databases: Mapping[str, str] = {}
    """Flyway's version of each context's database after the run."""
    databases_at: datetime | None = None
    """The databases' own clock before the run migrated any of them; None where there was none to migrate."""
    changes: tuple[str, ...] = ()
    """What it changed, in words."""
    by: str = ""
    host: str = ""
    reason: str = ""
    """Why a rule was overridden; empty when none was."""
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome = "running"
    failure: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def configuration_hash(self) -> str:
        """The hash of the recorded settings."""
        return digest(self.configuration)

    @property
    def name(self) -> str:
        """What people call it: its tag, else the commit."""
        return self.tag or self.commit[:12]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that names it."""
        return tuple(tag for tag in (self.tag, *self.also) if tag)

    @property
    def message(self) -> str:
        """What the engine's history calls its run; ops/fix.py finds the release by it."""
        return f"release {self.number} {self.name}"

    @property
    def content(self) -> tuple[str, str, str, str]:
        """What makes two releases the same: commit, images, settings, migrations."""
        return self.commit, digest(self.images), self.configuration_hash, digest(self.migrations)

    def as_document(self) -> dict[str, Any]:
        """The record as it is stored and as `./hs history --json` prints it, with seconds and configuration_hash beside the fields."""
        return {**self.model_dump(mode="json"), "seconds": self.seconds, "configuration_hash": self.configuration_hash}


def digest(value: Mapping[str, Any]) -> str:
    """A short hash of a mapping, the same for the same content in any order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def differences(before: Release | None, after: Release) -> list[str]:
    """What one release has otherwise than the one before it, a line each: images, settings, migrations, services gone and come."""
    if before is None:
        return ["the first release"]
    lines = []
    for name in sorted({*before.images, *after.images}):
        old, new = before.images.get(name, ""), after.images.get(name, "")
        if old and new and old != new:
            lines.append(f"{name}: {version(old, new)} → {version(new, old)}")
        elif old != new:
            lines.append(f"{name}: {'added' if new else 'removed'}")
    if before.configuration_hash != after.configuration_hash:
        lines.append("settings: " + ", ".join(changed_keys(before.configuration, after.configuration)))
    if after.catalogue and before.catalogue != after.catalogue:
        lines.append("catalogue: " + ", ".join(changed_keys(before.catalogue, after.catalogue)))
    lines += [
        f"{name}: scripts" for name in sorted(after.migrations) if before.migrations.get(name, "") not in ("", after.migrations[name])
    ]
    return lines or ["nothing"]


def version(image: str, other: str) -> str:
    """The tag of an image; with the digest's beginning where ``other`` has the same tag."""
    name, _, sha = image.partition("@")
    tag = name.rsplit("/", 1)[-1].partition(":")[2] or "latest"
    return f"{tag} ({sha.removeprefix('sha256:')[:8]})" if other.partition("@")[0] == name and sha else tag


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The settings, by their path, that two configurations have differently."""
    found = []
    for key in sorted({*before, *after}):
        old, new, path = before.get(key), after.get(key), f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += changed_keys(old, new, f"{path.rpartition(':')[2]}.")
        elif old != new:
            found.append(path)
    return found
