"""Filling a new database machine of the estate from its backups, by the production role."""

from __future__ import annotations

import json
from datetime import datetime

from local.estate import Estate
from local.machines import stack
from local.machines.configure import controller, play, play_secrets
from ops import console
from ops.backup.moments import parse, require_past

LATEST = "latest"


def target(text: str, now: datetime) -> str:
    """The time to restore to as the role reads it, or ``latest``; raises InputError for anything else and for a time yet to come."""
    if text != LATEST:
        require_past(parse(text), now)
    return text


def restore(estate: Estate, at: str) -> None:
    """Make the database machine where it is gone, and have PostgreSQL on it hold what it held at ``at``.

    Raises PlatformError with what the role refuses: a machine whose data has served is never restored over.
    """
    stack.bring_up(estate)
    with console.step(f"Restoring PostgreSQL to {at}") as step:
        here = controller(estate)
        options = ["--limit", "postgres", "--extra-vars", json.dumps({"postgres_restore_target": at})]
        step.note(str(play(here, play_secrets(estate), options, step.note).recap))


__all__ = ["LATEST", "restore", "target"]
