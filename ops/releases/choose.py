"""Which release to return to, and what forbids a deploy or a rollback. Pure functions over records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ops.errors import InputError
from ops.releases.record import Release
from settings.errors import nearest
from settings.migration_lint import is_contract

RECENT = 10
"""How many releases an error offers."""


def effective(release: Release, releases: Sequence[Release]) -> Release:
    """The release whose content this one has: itself, or the one that it rolled back to."""
    by_number = {found.number: found for found in releases}
    while release.kind == "rollback" and release.rolled_back_to in by_number:
        release = by_number[release.rolled_back_to]
    return release


def current(releases: Sequence[Release]) -> Release | None:
    """The newest release that was rolled out, verified or not; a failed one left the one before it serving."""
    return next((found for found in reversed(releases) if found.outcome in ("verified", "unverified")), None)


def rollback_target(releases: Sequence[Release], to: str, environment: str) -> Release:
    """The release that a rollback returns to: ``to`` as number or tag, else the last verified one before what is wrong now.

    Raises InputError when there is none, or when it was never verified.
    """
    if to:
        return effective(_named(releases, to, environment), releases)
    newest = releases[-1] if releases else None
    if newest is None:
        raise InputError(f"{environment} has no release yet.", remedy=f"./hs deploy {environment}")
    verified = [found for found in releases if found.outcome == "verified"]
    if newest.outcome == "verified":
        now = effective(newest, releases).number
        verified = [found for found in verified if found.kind == "deploy" and found.number < now]
    if not verified:
        why = "the only verified release is the one that runs" if newest.outcome == "verified" else "none was ever verified"
        raise InputError(f"{environment} has no earlier verified release.", why=why, remedy=f"./hs history {environment}")
    return effective(verified[-1], releases)


def _named(releases: Sequence[Release], to: str, environment: str) -> Release:
    found = [release for release in releases if to in (str(release.number), *release.tags)]
    good = [release for release in found if release.outcome in ("verified", "unverified")]
    if good:
        return good[-1]
    if found:
        raise InputError(
            f"Release {to} of {environment} was never rolled out.",
            why=found[-1].failure.splitlines()[0] if found[-1].failure else f"its outcome is {found[-1].outcome}",
            remedy=f"./hs history {environment} shows which were",
        )
    names = [name for release in releases[-RECENT:] for name in (str(release.number), *release.tags)]
    raise InputError(f"{environment} has no release {to!r}.", why=nearest(to, names), remedy=f"./hs history {environment}")


def contract_steps(applied: Mapping[str, Sequence[str]], target: Mapping[str, Sequence[str]]) -> list[str]:
    """The contract scripts, as `context/script`, that the databases have had and that the target release does not know.

    ``applied`` and ``target`` are script names by context. What such a script took away, the target's services may still ask for.
    A context that the target does not know keeps its database, and nothing there asks for it.
    """
    return [
        f"{context}/{script}"
        for context, scripts in sorted(applied.items())
        if context in target
        for script in scripts
        if is_contract(script) and script not in target[context]
    ]


def promotion_problems(candidate: Release, releases: Sequence[Release]) -> list[str]:
    """What of a release was never verified together in the environment that it must come from; empty when all of it was.

    One verified release there must have had the same images, digest by digest, and the same migrations. The problems are those against the
    verified release that comes nearest.
    """
    verified = [release for release in releases if release.outcome == "verified"]
    if not verified:
        return ["no release was ever verified there"]
    return min((_unlike(candidate, release) for release in reversed(verified)), key=len)


def _unlike(candidate: Release, other: Release) -> list[str]:
    problems = [
        f"{name}: {image} here, {other.images.get(name, 'nothing')} there"
        for name, image in sorted(candidate.images.items())
        if _content(other.images.get(name, "")) != _content(image)
    ]
    return problems + [
        f"migrations/{context}: other scripts than there"
        for context, scripts in sorted(candidate.migrations.items())
        if other.migrations.get(context) != scripts
    ]


def _content(image: str) -> str:
    """What an image is, whatever its tag: repository and digest."""
    name, _, sha = image.partition("@")
    return f"{name.rsplit(':', 1)[0] if ':' in name.rsplit('/', 1)[-1] else name}@{sha}"
