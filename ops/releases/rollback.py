"""`./hs rollback`: an environment returns to an earlier release, safely for its data."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ops import console
from ops.deploy import Images, turn_of, validated
from ops.errors import InputError, PlatformError
from ops.releases import databases
from ops.releases.book import Book, Hold, where, who
from ops.releases.choose import contract_steps, current, effective, rollback_target
from ops.releases.record import Release, differences
from ops.releases.run import Candidate, preview, roll_out, say, show
from ops.releases.source import apply_configuration, checked_out_aside
from ops.state import open_state
from settings import Settings
from settings.load import ROOT


def rollback(
    environment: str, *, to: str = "", confirm: Callable[[str], None] | None, dry_run: bool = False, root: Path = ROOT
) -> Release | None:
    """Return ``environment`` to release ``to`` (its number or tag), else to the last verified one before what is wrong now.

    Its files are checked out aside and its settings applied; images are those that it ran, digest by digest; secrets are today's. A rollout
    that is at work is stopped, and tags are held from then on. ``confirm`` is asked before anything changes, after the engine has said what
    that is; without it the records say so at once and the engine while it rolls out, which is twelve seconds sooner. Raises InputError
    when there is no such release or a contract step of a migration lies between, PlatformError when the rollout failed.
    """
    book = Book(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), environment)
    releases = book.releases()
    target = rollback_target(releases, to, environment)
    console.out.print(f"Back to release {target.number} ({target.name}) of {target.started_at:%Y-%m-%d %H:%M} UTC", markup=False)
    with checked_out_aside(target.commit, root) as folder:
        apply_configuration(environment, target.configuration, folder, root)
        settings = settings_of(target, folder)
        require_no_contract_step(environment, settings, target)
        words = None
        if dry_run or confirm:
            words = show(preview(Candidate(target, settings, folder)))
        else:
            show_difference(target, releases)
        if dry_run:
            return None
        if confirm:
            confirm(f"Return {environment} to release {target.number} ({target.name})?")
        reason = f"rolled back to release {target.number} ({target.name})"
        book.set_hold(reason, stop=True)
        with turn_of(environment, f"rollback to {target.name}"):
            release = returning(target)  # another rollback that holds it from here on stops this one
            hold = book.set_hold(reason)
            book.close_broken()
            require_no_contract_step(environment, settings, target, hold)  # what was at work may have brought one
            ended = roll_out(Candidate(release, settings, folder), book, words, {}, dump=False)
    say(ended)
    console.out.print(
        f"Tags do not deploy {environment} ({hold}); ./hs resume {environment} lets them again.", markup=False, soft_wrap=True
    )
    return ended


def settings_of(target: Release, folder: Path) -> Settings:
    """A release's settings, read from its own files; raises InputError when they have a form that today's program does not read."""
    try:
        return validated(target.environment, folder, Images(target.images))
    except InputError as refused:
        raise InputError(
            f"The files of release {target.number} ({target.name}) cannot be read by this checkout's program; nothing was touched.",
            why=refused.why,
            remedy=f"its own program reads them: git worktree add ../release-{target.number} {target.commit[:12]}, and there "
            f"./hs rollback {target.environment} --to {target.number}",
        ) from None


def show_difference(target: Release, releases: Sequence[Release]) -> None:
    """Print what the target has otherwise than what runs, by their records."""
    runs = current(releases)
    console.out.print("What it has otherwise than what runs" if runs else "No release runs")
    for line in differences(effective(runs, releases), target) if runs else ():
        console.out.print(f"  {line}", markup=False, soft_wrap=True)


def returning(target: Release) -> Release:
    """The release that has an earlier one's content."""
    fresh = {"kind": "rollback", "rolled_back_to": target.number, "started_at": datetime.now(UTC), "finished_at": None}
    cleared = {"outcome": "running", "failure": "", "reason": "", "changes": (), "databases": {}, "also": ()}
    return target.model_copy(update={**fresh, **cleared, "by": who(), "host": where()})


def require_no_contract_step(environment: str, settings: Settings, target: Release, hold: Hold | None = None) -> None:
    """Raise InputError when a database has had a contract step that the target release does not know.

    Raises PlatformError instead when the environment is held already, and what was at work on it stopped.
    """
    applied = databases.applied_scripts(databases.owners(environment), settings.ca_certificate_path)
    known = {context: list(migrations.scripts) for context, migrations in settings.migrations.items()}
    steps = contract_steps(applied, known)
    if not steps:
        return
    so_far = f"whatever was at work was stopped, and {environment} is {hold}" if hold else "nothing was touched"
    refused = PlatformError if hold else InputError
    raise refused(
        f"{environment} cannot return to release {target.number} ({target.name}); {so_far}.",
        why="Its services need what these migrations took away, and databases are never migrated down:\n" + "\n".join(steps),
        remedy="go forward: put what is wrong right in a new commit (git revert of the services' change, keeping migrations/), "
        "add a migration that gives back what is missing, and deploy it"
        + (f" (./hs resume {environment} lets tags again)" if hold else "")
        + f"; or return to a release after these steps: ./hs history {environment}",
    )
