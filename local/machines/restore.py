"""Filling a new database machine of the estate from its backups, by the production role."""

from __future__ import annotations

import json
from datetime import datetime

from local.estate import Estate
from local.machines import stack
from local.machines.configure import controller, play, play_secrets
from ops import console
from ops.errors import InputError

LATEST = "latest"
EXAMPLE = "2026-11-23T14:00:00Z"


def target(text: str, now: datetime) -> str:
    """The time to restore to as the role reads it, or ``latest``; raises InputError for anything else and for a time yet to come."""
    if text == LATEST:
        return text
    remedy = f"write a time with its zone, for example {EXAMPLE}, or {LATEST}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a time.", remedy=remedy) from None
    if moment.tzinfo is None:
        raise InputError(f"{text!r} does not say its zone.", why="a restore to the wrong hour would lose orders", remedy=remedy)
    if moment > now:
        raise InputError(f"{text!r} is yet to come.", why=f"it is {now.isoformat(timespec='seconds')}", remedy=remedy)
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
