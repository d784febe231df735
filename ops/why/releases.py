"""The recent release that touched what fails, from the book of releases. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ops.releases.history import with_differences
from ops.releases.record import Release
from ops.why.cause import Cause, Kind
from ops.why.facts import Facts

RECENT = timedelta(days=7)
PATIENCE = timedelta(minutes=30)
"""A release that began so long after something failed may still be the one: a pod says since when it waits, not since when it should."""
ROLLED_BACK_FROM = (Kind.IMAGE, Kind.CRASH, Kind.MEMORY, Kind.CONFIGURATION, Kind.NOT_READY)
KEYS = {Kind.QUOTA: ("quota",), Kind.CERTIFICATE: ("public", "domain"), Kind.DNS: ("public", "domain"), Kind.NETWORK: ("calls",)}
"""Settings and catalogue entries, by their path, that bear on a kind of cause."""


def touching(facts: Facts, cause: Cause) -> tuple[Release, list[str]] | None:
    """The newest recent release that changed what fails, with what it changed there; None where none did."""
    names = _names(facts, cause)
    for release, lines in reversed(with_differences(facts.releases)):
        if facts.now - release.started_at > RECENT or (cause.since and release.started_at > cause.since + PATIENCE):
            continue
        touched = [line for line in lines if _touches(line, names, KEYS.get(cause.kind, ()))]
        if touched:
            return release, touched
    return None


def _names(facts: Facts, cause: Cause) -> set[str]:
    contexts = {workload.name: workload.context for workload in facts.workloads()}
    subjects = {cause.subject, cause.subject.partition(".")[0]}
    found = subjects | {contexts.get(name, "") for name in subjects}
    if cause.kind is Kind.MIGRATION:
        found |= {cause.subject.removesuffix("-migration"), "migrations"}
    return found - {""}


def _touches(line: str, names: Iterable[str], keys: Sequence[str]) -> bool:
    subject, _, rest = line.partition(": ")
    if subject in names:
        return True
    parts = {part for path in rest.split(", ") for part in path.split(".")}
    return subject in ("settings", "catalogue") and bool(parts & {*names, *keys})


def release_words(release: Release, touched: Sequence[str]) -> str:
    """A release and what it changed, as a sentence without its full stop."""
    ended = {"failed": ", which failed,", "running": ", which is still running,"}.get(release.outcome, "")
    by = f" by {release.by}" if release.by else ""
    return f"release {release.number} ({release.name}{by}, {release.started_at:%Y-%m-%d %H:%M} UTC){ended} changed {'; '.join(touched)}"


def next_after(facts: Facts, cause: Cause, release: Release | None) -> str:
    """The command to type next: back to what ran before where a release did it, else forward."""
    if cause.next:
        return cause.next
    if release is not None and release.kind == "deploy" and cause.kind in ROLLED_BACK_FROM:
        return f"./hs rollback {facts.environment}"
    if cause.kind is Kind.MIGRATION:
        return f"{facts.deploy}, after the script is corrected"
    if cause.kind is Kind.IMAGE:
        return f"{facts.deploy}, after the version is corrected or the image pushed"
    if cause.kind in (Kind.UNSCHEDULED, Kind.CONFIGURATION):
        return f"kubectl describe pod {cause.pod} --namespace {facts.environment}" if cause.pod else facts.deploy
    if cause.pod:
        return f"./hs logs {cause.subject} --environment {facts.environment} --lines 200"
    return f"./hs status {facts.environment}"


__all__ = ["next_after", "release_words", "touching"]
