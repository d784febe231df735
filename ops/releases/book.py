"""The book of releases: records and holds of every environment, kept beside the state that they describe."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.releases.record import COLLECTION, Release
from ops.state import State

HOLDS = "holds"
BROKE_OFF = "the run broke off"


@dataclass(frozen=True)
class Hold:
    """Tags do not deploy a held environment; people do."""

    reason: str
    by: str
    since: str
    """ISO 8601, UTC, to the second."""
    stop: bool = False
    """Whether a run that is at work shall stop, because a rollback waits for its turn."""

    def __str__(self) -> str:
        return f"held by {self.by} since {self.since}: {self.reason}"


@dataclass(frozen=True)
class Book:
    """The records of one environment."""

    state: State
    environment: str

    def releases(self) -> list[Release]:
        """Every release, oldest first."""
        return [
            Release.model_validate({**document, "number": number})
            for number, document in self.state.read_documents(COLLECTION, self.environment)
        ]

    def begin(self, release: Release) -> Release:
        """Write down a release that begins, and give it the next number."""
        number = self.state.append_document(COLLECTION, self.environment, release.as_document())
        return release.model_copy(update={"number": number})

    def write(self, release: Release) -> None:
        """Replace a release's record."""
        self.state.write_document(COLLECTION, self.environment, release.number, release.as_document())

    def finish(self, release: Release, **what: Any) -> Release:
        """Write down how a release ended, and return it."""
        ended = release.model_copy(update={"finished_at": datetime.now(UTC), **what})
        self.write(ended)
        return ended

    def close_broken(self) -> list[Release]:
        """Mark the releases that never ended as failed. Whoever calls this has the turn, so nobody is at work on them."""
        broken = [release for release in self.releases() if release.outcome == "running"]
        return [self.finish(release, outcome="failed", failure=BROKE_OFF) for release in broken]

    def hold(self) -> Hold | None:
        """The environment's hold, if any."""
        found = self.state.read_documents(HOLDS, self.environment)
        return Hold(**found[-1][1]) if found else None

    def set_hold(self, reason: str, *, stop: bool = False) -> Hold:
        """Hold the environment; a hold that was there is replaced."""
        hold = Hold(reason, who(), datetime.now(UTC).isoformat(timespec="seconds"), stop)
        self.state.write_document(HOLDS, self.environment, 1, vars(hold))
        return hold

    def end_hold(self) -> None:
        """End the hold; nothing happens when there is none."""
        for number, _ in self.state.read_documents(HOLDS, self.environment):
            self.state.delete_document(HOLDS, self.environment, number)


def who() -> str:
    """Who runs this: GitHub's actor in a workflow, else the user of this machine."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def where() -> str:
    """Where this runs: this machine or the runner's pod."""
    return socket.gethostname()
