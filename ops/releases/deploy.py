"""`./hs deploy`: a commit's files become what an environment runs, as a release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ops import console
from ops.deploy import turn_of, validated
from ops.errors import InputError
from ops.releases import databases
from ops.releases.book import Book, Hold
from ops.releases.choose import promotion_problems
from ops.releases.record import Release
from ops.releases.run import Candidate, describe, preview, roll_out, say, show
from ops.releases.source import commit_of, files_of, require_committed
from ops.state import State
from settings.load import ROOT

CHANGED_SHOWN = 10
NOTHING_TO_DO = "nothing to do"


def deploy(
    environment: str,
    *,
    tag: str = "",
    reason: str = "",
    dump: bool = True,
    refresh: bool = False,
    dry_run: bool = False,
    root: Path = ROOT,
) -> Release | None:
    """Deploy the checkout's commit, or that of ``tag``; returns the release, or None when nothing is to be done.

    ``reason`` overrides the need of a verified release in the environment that this one is promoted from; ``refresh`` compares with reality
    first, so that what somebody changed by hand is put back. Raises InputError for whatever forbids it, before anything is touched, and
    PlatformError for a rollout that failed.
    """
    commit = commit_of(f"refs/tags/{tag}", root) if tag else require_committed(root)
    with files_of(commit, root) as folder:
        settings = validated(environment, folder)
        if settings.environment is None:
            raise InputError(f"{environment} holds no environment.", remedy="./hs up deploys a cluster's stack")
        with turn_of(environment, f"deploy {tag or commit[:12]}") as state:
            book = Book(state, environment)
            book.close_broken()
            releases = book.releases()
            require_unmoved(tag, commit, releases)
            started_at = datetime.now(UTC)  # a rollback that holds it from here on stops this run
            require_unheld(tag, book.hold(), environment)
            release = describe(settings, folder, commit, tag, started_at).model_copy(update={"reason": reason})
            if is_same(release, releases, state) and not refresh:
                console.out.print(f"{environment} runs release {releases[-1].number} ({releases[-1].name}) already: {NOTHING_TO_DO}.")
                if not dry_run:
                    add_tag(tag, releases[-1], book)
                return None
            require_promotion(release, settings.environment.promoted_from, state, reason)
            candidate = Candidate(release, settings, folder)
            pending = databases.pending(databases.applied_scripts(databases.owners(environment), settings.ca_certificate_path), settings)
            words = show(preview(candidate, refresh=refresh))
            if dry_run:
                return None
            ended = roll_out(candidate, book, words, pending, dump=dump, refresh=refresh)
    say(ended)
    return ended


def require_unmoved(tag: str, commit: str, releases: Sequence[Release]) -> None:
    """Raise InputError when a tag names another commit than when it was deployed: a tag is a name for good."""
    moved = [release for release in releases if tag in release.tags and release.commit != commit]
    if moved:
        raise InputError(
            f"The tag {tag} was moved; nothing was touched.",
            why=f"release {moved[-1].number} deployed it as {moved[-1].commit[:12]}, now it is {commit[:12]}",
            remedy="push the commit under a new tag",
        )


def require_unheld(tag: str, hold: Hold | None, environment: str) -> None:
    """Raise InputError when a tag is to deploy an environment that is held."""
    if tag and hold:
        raise InputError(f"{environment} is held; {tag} was not deployed.", why=str(hold), remedy=f"./hs resume {environment}")


def is_same(release: Release, releases: Sequence[Release], state: State) -> bool:
    """Whether the newest release was verified, is the same in all that counts, and is what the engine last did to the stack."""
    newest = releases[-1] if releases else None
    if newest is None or newest.outcome != "verified" or newest.kind != "deploy" or newest.content != release.content:
        return False
    run = state.last_run(release.environment)  # after ./hs up or ./hs destroy it is another one
    its_own = run.get("message") == newest.message and run.get("result") == "succeeded"
    return its_own and not state.has_pending_operations(release.environment)


def add_tag(tag: str, release: Release, book: Book) -> None:
    """Write down another tag for what runs already, so that it can be returned to by that name too, and counts as released."""
    if tag and tag not in release.tags:
        book.write(release.model_copy(update={"also": (*release.also, tag)}))


def require_promotion(release: Release, origin: str | None, state: State, reason: str) -> None:
    """Raise InputError unless the release was verified in the environment it must come from, or a reason overrides that."""
    if origin is None or reason:
        return
    problems = promotion_problems(release, Book(state, origin).releases())
    if problems:
        shown = problems[:CHANGED_SHOWN] + ([f"and {len(problems) - CHANGED_SHOWN} more"] if len(problems) > CHANGED_SHOWN else [])
        raise InputError(
            f"{release.name} was never verified in {origin}, where {release.environment}'s releases come from; nothing was touched.",
            why="\n".join(shown),
            remedy=f"deploy it to {origin} first, or give the reason why not: ./hs deploy {release.environment} --reason '…'",
        )


__all__ = ["deploy"]
