"""The self-managed state: what a killed run leaves in it, whose turn it is, and the records kept beside it."""

from __future__ import annotations

from pathlib import Path

from ops.errors import InputError
from ops.state.bucket import BucketState
from ops.state.files import FileState
from ops.state.postgres import PostgresState
from ops.state.state import State
from settings.load import PROJECT


def open_state(url: str, project: str = PROJECT) -> State:
    """The backend of $PULUMI_BACKEND_URL; raises InputError for one that has no turns: without them two runs could meet."""
    if url.startswith("file://"):
        return FileState(Path(url.removeprefix("file://")).expanduser(), project)
    if url.startswith("postgres://"):
        return PostgresState(url, project)
    if url.startswith("s3://"):
        return BucketState(url, project)
    kind = url.partition("://")[0] or "nothing"
    raise InputError(
        f"State at {kind} cannot be used.",
        why="supported are file:// (this machine alone), postgres:// and s3:// (shared); others have no lock that ends with its owner",
        remedy="set PULUMI_BACKEND_URL to postgres://…, see docs/runbooks/mend-state.md",
    )


__all__ = ["State", "open_state"]
