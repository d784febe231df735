"""What a deploy would change, found out by the engine without changing anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ops import console
from ops.changes import Change, collect, counts, in_words
from ops.deploy import AS_WRITTEN, Images, Progress, make_ready, validated
from ops.errors import PlatformError
from ops.images import resolve_all
from ops.releases.book import Book
from ops.state import open_state
from ops.unchanged import fingerprint, is_unchanged
from settings import Settings
from settings.load import ROOT
from settings.pins import images as images_of

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

NOTHING_CHANGES = "would change nothing"


def preview(stack: str, root: Path = ROOT, *, refresh: bool = False) -> list[Change]:
    """What the next deploy of ``stack`` would change: an environment that has releases pins its images, another takes them as written.

    Raises InputError for a configuration that is refused, or an image that is not to be had, and PlatformError when the engine cannot tell.
    """
    settings = validated(stack, root)
    released = bool(Book(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), stack).releases())
    images = _pinned(settings) if released else AS_WRITTEN
    return look_ahead(settings, root, images=images, keep_databases=released, refresh=refresh)


def is_known(stack: str, root: Path = ROOT) -> bool:
    """Whether the engine need not be asked: the stack's last run went well and was made of the same files."""
    return is_unchanged(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), stack, fingerprint(stack, root))


def _pinned(settings: Settings) -> Images:
    environment = settings.environment
    if environment is None:
        return AS_WRITTEN
    with console.step("Looking up the images' digests"):
        return Images(resolve_all(images_of(settings.catalogue, environment), str(environment.images.registry)))


def look_ahead(
    settings: Settings,
    folder: Path,
    *,
    images: Images = AS_WRITTEN,
    keep_databases: bool = False,
    refresh: bool = False,
    only: Sequence[str] = (),
) -> list[Change]:
    """The changes that bringing the stack to what ``folder`` says would make.

    ``refresh`` compares with reality, not only with the state; ``only`` looks at these URNs and at what depends on them.
    Raises PlatformError when the engine cannot tell.
    """
    with console.step(f"Looking at what changes in {settings.stack}") as step:
        progress = Progress(step)
        events: list[EngineEvent] = []

        def hear(event: EngineEvent) -> None:
            progress.hear(event)
            events.append(event)

        run = make_ready(settings, folder, step, images=images, keep_databases=keep_databases)
        try:
            run.stack.preview(
                on_event=hear,
                exclude=None if only else run.excluded,
                target=list(only) or None,
                target_dependents=bool(only) or None,
                refresh=(refresh or run.refresh) or None,
                run_program=(refresh or run.refresh) or None,
                color="never",
                suppress_progress=True,
            )
        except Exception as failed:
            raise PlatformError(
                f"What changes in {settings.stack} cannot be told; nothing was touched.",
                why="\n".join(progress.errors) or str(failed)[-2000:],
                remedy="mend the cause, then run the same command again",
            ) from failed
        found = collect(events)
        step.note(counts(found))
    return found


def show(stack: str, changes: Sequence[Change]) -> None:
    """Print what a deploy would change, a line for each change that matters."""
    if not changes:
        console.out.print(f"A deploy of {stack} {NOTHING_CHANGES}.", markup=False)
        return
    console.out.print(f"A deploy of {stack} would change: {counts(changes)}", style="bold", markup=False)
    for line in in_words(changes):
        console.out.print(f"  {line}", markup=False, soft_wrap=True)


__all__ = ["is_known", "look_ahead", "preview", "show"]
