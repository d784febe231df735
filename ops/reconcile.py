"""`./hs reconcile`: deploys the tags that never produced a release, because their event was lost, never made, or their run was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ops import console
from ops.deploy import turn_of
from ops.errors import InputError, PlatformError
from ops.releases.book import BROKE_OFF, Book, Hold
from ops.releases.record import Release
from ops.releases.source import git
from ops.state import open_state
from ops.tags import Precedence, Tag, parse_tag
from settings.load import ROOT, environments

Action = Literal["deploy", "pass over", "held", "moved"]
TAG_FIELDS = "%(refname)%09%(creatordate:unix)%09%(objectname)%09%(*objectname)"
"""The last is the commit of an annotated tag, and empty for a lightweight one (git-for-each-ref)."""


@dataclass(frozen=True)
class TagAt:
    """A tag of the repository."""

    tag: Tag
    commit: str
    created: datetime
    """When the tag was made; of a lightweight tag, git knows only when its commit was."""

    @property
    def order(self) -> tuple[datetime, Precedence]:
        """Its place in time; of tags made in the same second the higher version is the later."""
        return self.created, self.tag.version.precedence


@dataclass(frozen=True)
class Finding:
    """A tag that is not what its environment's releases say."""

    found: TagAt
    action: Action
    why: str

    def __str__(self) -> str:
        return f"{self.found.tag}: {self.why}"


def missing(tags: Sequence[TagAt], releases: Mapping[str, Sequence[Release]], holds: Mapping[str, Hold]) -> list[Finding]:
    """What to do about each tag without a release, whose release broke off, or that was moved since its release; oldest first.

    A tag counts as missed when it is newer than every tag that was released in its environment, and was made after the last release that
    has no tag of its own (a rollback, a deploy by hand). The newest missed one of an environment is deployed and the others are passed
    over, since it has what they have. Without one, the newest release is begun again if it broke off: its run was killed, by the end of its
    node for example, and nobody resumes it. A held environment's are only named.
    """
    findings = []
    for environment in sorted({found.tag.environment for found in tags}):
        mine = [found for found in tags if found.tag.environment == environment]
        findings += _missing(mine, releases.get(environment, ()), holds.get(environment))
    return sorted(findings, key=lambda finding: finding.found.order)


def _missing(tags: Sequence[TagAt], releases: Sequence[Release], hold: Hold | None) -> list[Finding]:
    """``missing`` for the tags, releases and hold of one environment."""
    by_name = {str(found.tag): found for found in tags}
    commits = {tag: release.commit for release in releases for tag in release.tags}
    released = [by_name[name].order for name in commits if name in by_name]
    untagged = [release.started_at for release in releases if release.kind == "rollback" or release.tag not in by_name]
    fresh = [found for found in tags if (not released or found.order > max(released)) and (not untagged or found.created > max(untagged))]
    newest = max(fresh, key=lambda found: found.order, default=None)
    findings = [_judge(found, newest, hold) for found in fresh]
    last = releases[-1] if releases else None
    broken = by_name.get(last.tag) if last and last.kind == "deploy" and last.failure == BROKE_OFF else None
    if last and broken and not fresh and broken.commit == last.commit:
        findings.append(_judge(broken, broken, hold, f"its release {last.number} broke off"))
    for name, commit in commits.items():
        if name in by_name and by_name[name].commit != commit:
            why = f"was released as {commit[:12]} and is {by_name[name].commit[:12]} now; push that commit under a new tag"
            findings.append(Finding(by_name[name], "moved", why))
    return findings


def _judge(found: TagAt, newest: TagAt | None, hold: Hold | None, why: str = "never produced a release") -> Finding:
    if hold:
        return Finding(found, "held", f"not deployed, {found.tag.environment} is {hold}")
    if found is newest:
        return Finding(found, "deploy", why)
    return Finding(found, "pass over", f"passed over for {newest.tag if newest else 'a newer one'}")


def tags_of(root: Path = ROOT) -> list[TagAt]:
    """The release tags of a checkout; other tags are left out."""
    found, known = [], environments(root)
    for line in git("for-each-ref", f"--format={TAG_FIELDS}", "refs/tags", root=root).splitlines():
        ref, created, target, commit = f"{line}\t".split("\t")[:4]
        try:
            tag = parse_tag(ref, known)
        except InputError:
            continue  # some other tag; who pushed it as a release was told so by its own run
        found.append(TagAt(tag, commit or target, datetime.fromtimestamp(int(created), UTC)))
    return found


def releases_of(book: Book) -> list[Release]:
    """An environment's releases. One that seems to run is waited for: with the turn it has ended, or its run is provably gone.

    Where neither can be known the reason is printed, and it counts as at work.
    """
    if any(release.outcome == "running" for release in book.releases()):
        try:
            with turn_of(book.environment, "reconcile"):
                book.close_broken()
        except PlatformError as unknown:
            console.show_error(unknown)
    return book.releases()


def reconcile(environments: Sequence[str], deploy: Callable[..., object], root: Path = ROOT) -> list[Finding]:
    """Deploy the newest missed tag of each of these environments with ``deploy(environment, tag=…)``, and name the other findings.

    A deploy that fails or is refused keeps no other environment from its own; raises PlatformError at the end when there was one.
    """
    tags = [found for found in tags_of(root) if found.tag.environment in environments]
    books = {name: Book(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), name) for name in environments}
    releases = {name: releases_of(book) for name, book in books.items()}
    findings = missing(tags, releases, {name: hold for name, book in books.items() if (hold := book.hold())})
    failed = []
    for finding in findings:
        console.out.print(str(finding), markup=False, soft_wrap=True)
        if finding.action == "deploy":
            try:
                deploy(finding.found.tag.environment, tag=str(finding.found.tag))
            except PlatformError as error:
                console.show_error(error)
                failed.append(str(finding.found.tag))
    if failed:
        raise PlatformError(
            f"Not deployed: {', '.join(failed)}.", why="The reasons are above.", remedy="mend them; the next run tries again"
        )
    if not findings:
        console.out.print(f"No tag of {', '.join(environments) or 'any environment'} is without its release.", markup=False, soft_wrap=True)
    return findings


__all__ = ["Action", "Finding", "TagAt", "missing", "reconcile", "tags_of"]
