"""`./hs drift --fix`: what differs from what was deployed is made as it was, and nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops import console
from ops.changes import HOLDS_DATA, in_words
from ops.deploy import AS_WRITTEN, Images, bring_up, turn_of, validated
from ops.drift import Drift, drift
from ops.errors import InputError, PlatformError
from ops.preview import look_ahead
from ops.releases.book import Book
from ops.releases.databases import owners
from ops.releases.source import apply_configuration, checked_out_aside
from ops.rights import revoke
from ops.state import State
from settings import Settings
from settings.load import ROOT

RELEASE_MESSAGE = re.compile(r"release (\d+) ")
"""How a release's run is called in the engine's history (ops/releases/record.py)."""


@dataclass(frozen=True)
class Deployed:
    """What the last run deployed: its settings, files and images."""

    settings: Settings
    folder: Path
    images: Images
    message: str


def fix(stack: str, found: Sequence[Drift], confirm: Callable[[str], None], root: Path = ROOT) -> list[Drift]:
    """Restore what ``drift`` found, after ``confirm`` was asked, and return what differs still.

    What somebody added is removed if it is still as it was seen; the rest is what the last run deployed, by its own files. Raises
    InputError, before anything is touched, for data that is missing (only a backup has it) and for a checkout that says something else than
    what was deployed; PlatformError when something could not be restored.
    """
    require_no_lost_data(stack, found)
    confirm(f"Restore these {len(found)} objects of {stack}?" if len(found) > 1 else f"Restore this object of {stack}?")
    with turn_of(stack, "drift --fix") as state, deployed(stack, state, root) as last:
        urns = [one.urn for one in found if one.is_seen_by_engine]
        if urns:
            require_same(last, urns)
        take_away(stack, found, last.settings)
        if urns:
            again = f"./hs drift {stack} --fix"
            bring_up(
                last.settings,
                last.folder,
                message=last.message,
                again=again,
                images=last.images,
                keep_databases=True,
                refresh=True,
                only=urns,
            )
    return drift(stack, root)


def require_no_lost_data(stack: str, found: Sequence[Drift]) -> None:
    """Raise InputError when a database or vhost is missing: an empty one in its place would only look as if all were well."""
    lost = [str(one.about) for one in found if not one.differences and one.about.kind in HOLDS_DATA]
    if lost:
        raise InputError(
            f"What is missing in {stack} held data; nothing was touched.",
            why="\n".join(lost),
            remedy="fill it from a backup (docs/runbooks/rebuild-database-machine.md), then run the same command again",
        )


@contextmanager
def deployed(stack: str, state: State, root: Path = ROOT) -> Iterator[Deployed]:
    """What the newest run of a stack was made of: a release's commit, checked out aside, or this checkout."""
    message = str(state.last_run(stack).get("message", ""))
    named = RELEASE_MESSAGE.match(message)
    releases = {release.number: release for release in Book(state, stack).releases()} if named else {}
    release = releases.get(int(named.group(1))) if named else None
    if release is None:
        yield Deployed(validated(stack, root), root, AS_WRITTEN, message or f"up {stack}")
        return
    images = Images(release.images)
    with checked_out_aside(release.commit, root) as folder:
        apply_configuration(stack, release.configuration, folder, root)
        yield Deployed(validated(stack, folder, images), folder, images, message)


def require_same(last: Deployed, urns: Sequence[str]) -> None:
    """Raise InputError when the files at hand would make other objects of ``urns`` than those that were deployed."""
    changes = look_ahead(last.settings, last.folder, images=last.images, keep_databases=True, only=urns)
    if changes:
        raise InputError(
            f"This checkout is not what was deployed to {last.settings.stack}; nothing was touched.",
            why="\n".join(in_words(changes)),
            remedy=f"./hs up {last.settings.stack} --refresh brings it to what this checkout says",
        )


def take_away(stack: str, found: Sequence[Drift], settings: Settings) -> None:
    """Remove what was added beside what is declared: fields of Kubernetes objects, and rights in the databases."""
    removals = [one.removal for one in found if one.removal]
    rights = [one.right for one in found if one.right]
    if not removals and not rights:
        return
    failed: list[str] = []
    with console.step(f"Removing what was added to {len(removals) + len(rights)} objects"):
        for removal in removals:
            removal.apply()
        by_context = {owner.context: owner for owner in owners(stack)} if rights else {}
        for right in rights:
            problem = revoke(right, by_context[right.context], settings.ca_certificate_path)
            failed += [f"{right.role} on {right.target} in {right.context}: {problem}"] if problem else []
    if failed:
        raise PlatformError(
            "Some rights could not be revoked.",
            why="\n".join(failed),
            remedy="revoke them as PostgreSQL's administrator, then run the same command again",
        )


__all__ = ["fix"]
