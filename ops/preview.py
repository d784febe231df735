"""What a deploy would change, found out by the engine without changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops import console
from ops.changes import Change, collect
from ops.deploy import AS_WRITTEN, Images, Progress, make_ready
from ops.errors import PlatformError
from settings import Settings

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent


def look_ahead(
    settings: Settings, folder: Path, *, images: Images = AS_WRITTEN, keep_databases: bool = False, refresh: bool = False
) -> list[Change]:
    """The changes that bringing the stack to what ``folder`` says would make; ``refresh`` compares with reality, not only with the state.

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
            run.stack.preview(on_event=hear, exclude=run.excluded, refresh=refresh or None, color="never", suppress_progress=True)
        except Exception as failed:
            raise PlatformError(
                f"What changes in {settings.stack} cannot be told; nothing was touched.",
                why="\n".join(progress.errors) or str(failed)[-2000:],
                remedy="mend the cause, then run the same command again",
            ) from failed
        found = collect(events)
        step.note(f"{len(found)} objects")
    return found
