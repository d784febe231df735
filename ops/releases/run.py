"""What a deploy and a rollback do alike: describe the release, show what it changes, roll it out, verify it, write it down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console, deploy
from ops.changes import Change, collect, in_words
from ops.deploy import Images
from ops.errors import PlatformError
from ops.images import resolve_all
from ops.releases import databases
from ops.releases.book import Book, where, who
from ops.releases.record import Outcome, Release
from ops.releases.source import configuration_of
from ops.releases.stop import Stopped, stoppable
from ops.verify import show_checks, summary, verify
from settings import Settings
from settings.pins import images

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Candidate:
    """A release that is about to be rolled out, and the files it is made of."""

    release: Release
    settings: Settings
    folder: Path

    @property
    def images(self) -> Images:
        """Its pinned images."""
        return Images(self.release.images)

    @property
    def command(self) -> str:
        """What rolls it out again."""
        name = self.release.environment
        return f"./hs rollback {name} --to {self.release.rolled_back_to}" if self.release.kind == "rollback" else f"./hs deploy {name}"


def describe(settings: Settings, folder: Path, commit: str, tag: str, started_at: datetime) -> Release:
    """A release of what a folder says, with the digest behind every image's version.

    Raises InputError when an image is not in its registry.
    """
    assert settings.environment is not None
    with console.step("Looking up the images' digests") as step:
        named = images(settings.catalogue, settings.environment)
        step.note(f"{len(set(named.values()))} images")
        pins = resolve_all(named, str(settings.environment.images.registry), file=f"Pulumi.{settings.stack}.yaml")
    return Release(
        environment=settings.stack,
        tag=tag,
        commit=commit,
        images=pins,
        configuration=json.loads(json.dumps(configuration_of(settings.stack, folder), default=str)),
        catalogue=settings.catalogue.model_dump(mode="json", exclude_defaults=True),
        migrations={context: scripts.digest() for context, scripts in settings.migrations.items()},
        by=who(),
        host=where(),
        started_at=started_at,
    )


def preview(candidate: Candidate, *, refresh: bool = False) -> list[Change]:
    """What the rollout would change; nothing is touched. Raises PlatformError when the engine cannot tell."""
    from ops.preview import look_ahead

    return look_ahead(candidate.settings, candidate.folder, images=candidate.images, keep_databases=True, refresh=refresh)


def show(changes: Sequence[Change]) -> list[str]:
    """Print what a rollout changes, or has changed, in words, and return the lines."""
    lines = in_words(changes)
    console.out.print("This changes" if lines else "This changes nothing in what runs.")
    for line in lines:
        console.out.print(f"  {line}", markup=False, soft_wrap=True)
    return lines


def roll_out(
    candidate: Candidate,
    book: Book,
    changes: Sequence[str] | None,
    pending: Mapping[str, Sequence[str]],
    *,
    dump: bool,
    refresh: bool = False,
) -> Release:
    """Dump, migrate, roll out, verify; the record says how it ended.

    ``changes`` are what a preview said; without one they are what the rollout did, printed after it. ``refresh`` compares with reality
    first. Raises PlatformError when the rollout failed (what ran before still serves) or a check from outside did (what is new runs).
    """
    settings = candidate.settings
    owners = [owner for owner in databases.owners(settings.stack) if owner.context in pending] if pending else []
    moment = databases.clock(owners[0], settings.ca_certificate_path) if owners else None
    release = book.begin(candidate.release.model_copy(update={"changes": tuple(changes or ()), "databases_at": moment}))
    events: list[EngineEvent] = []

    def end(outcome: Outcome, failure: str, **what: Any) -> Release:
        return book.finish(told(release, changes, events), outcome=outcome, failure=failure, **what)

    with _otherwise("failed", end):
        if dump:
            databases.dump(owners, settings.stack, release.number, settings.ca_certificate_path)
        with _or_back(release), stoppable(book, release.started_at) as give_way:
            deploy.bring_up(
                settings,
                candidate.folder,
                message=release.message,
                again=candidate.command,
                images=candidate.images,
                keep_databases=True,
                refresh=refresh,
                hear=events.append,
                give_way=give_way,
            )
    with _otherwise("unverified", end):
        if changes is None:
            show(collect(events))
        versions, failure = _look(settings)
    ended = end("unverified" if failure else "verified", failure, databases=versions)
    if failure:
        raise PlatformError(
            f"Release {ended.number} of {settings.stack} runs, but is not verified.",
            why=failure,
            remedy=f"mend what the checks say, then {candidate.command}; or ./hs rollback {settings.stack}",
        )
    return ended


@contextmanager
def _otherwise(outcome: Outcome, end: Callable[[Outcome, str], Release]) -> Iterator[None]:
    """Write down that a release ended like this when the body fails or is interrupted."""
    try:
        yield
    except PlatformError as failed:
        end(outcome, str(failed))
        raise
    except BaseException:
        end(outcome, INTERRUPTED)
        raise


@contextmanager
def _or_back(release: Release) -> Iterator[None]:
    """Say with the way forward of a deploy that failed that there is a way back, too."""
    try:
        yield
    except Stopped:
        raise  # somebody is on the way back already
    except PlatformError as failed:
        back = f"./hs rollback {release.environment}"
        if release.kind == "deploy" and back not in failed.remedy:
            failed.remedy = f"{failed.remedy}; or {back}" if failed.remedy else back
        raise


def told(release: Release, changes: Sequence[str] | None, events: Sequence[EngineEvent]) -> Release:
    """The release with what the rollout's events say that it changed, where no preview said it before."""
    return release if changes is not None else release.model_copy(update={"changes": tuple(in_words(collect(events)))})


def _look(settings: Settings) -> tuple[Mapping[str, str], str]:
    """The databases' versions after a rollout, and what keeps it from being verified, or nothing."""
    versions: Mapping[str, str] = {}
    try:
        versions = databases.versions(databases.owners(settings.stack), settings.ca_certificate_path)
        return versions, _verify(settings)
    except PlatformError as unseen:
        return versions, "\n".join(part for part in (unseen.what, unseen.why) if part)


def _verify(settings: Settings) -> str:
    """Look at a public environment from outside; what failed, or nothing. Without public names the rollout itself is what is verified."""
    if settings.environment is None or settings.environment.public is None:
        return ""
    checks = verify(settings)
    wrong = [check for check in checks if not check.ok]
    if wrong:
        show_checks(settings.stack, wrong)
    return "\n".join([summary(checks), *(f"{check.host} {check.name}: {check.seen}" for check in wrong)]) if wrong else ""


def say(release: Release) -> None:
    """Print how a release ended, in a line."""
    seconds = f" in {release.seconds:.0f} s" if release.seconds is not None else ""
    console.out.print(f"Release {release.number} of {release.environment} ({release.name}): {release.outcome}{seconds}", markup=False)


__all__ = ["Candidate", "describe", "preview", "roll_out", "say", "show"]
