"""What a push means: the refs it changed, and the event that GitHub makes of each tag; and the event of a workflow's schedule.

They are the `push` of docs.github.com's webhook events and payloads and the `schedule` of its events that trigger workflows, with the
fields that a workflow reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ZEROS = "0" * 40
TAGS = "refs/tags/"
MOST_TAGS = 3
"""More tags than these pushed at once make no event at all (docs.github.com, events that trigger workflows, push)."""
REPOSITORY = "highstreetly/platform"
DEFAULT_BRANCH = "main"
CLOCK = "github-actions"
"""Who sends what nobody sent."""


@dataclass(frozen=True)
class Update:
    """A ref that a push changed, as git tells a `post-receive` hook."""

    old: str
    """The object it pointed to; zeros for a new ref."""
    new: str
    """The object it points to; zeros for a deleted ref."""
    ref: str

    @property
    def tag(self) -> str:
        """The tag's name, without `refs/tags/`."""
        return self.ref.removeprefix(TAGS)


def read_updates(lines: Iterable[str]) -> list[Update]:
    """The changed refs, from the lines `<old> <new> <ref>` that git writes to the hook."""
    return [Update(*line.rstrip("\n").split(" ", 2)) for line in lines]


def pushed_tags(updates: Sequence[Update]) -> list[Update]:
    """The tags that become events: none where there are more than three, and none for a tag that was deleted."""
    tags = [update for update in updates if update.ref.startswith(TAGS)]
    return [update for update in tags if update.new != ZEROS] if len(tags) <= MOST_TAGS else []


def push_event(update: Update, commit: str, message: str, pusher: str) -> dict[str, Any]:
    """The event of a pushed tag; ``commit`` is what the tag leads to, also where the tag is an object of its own."""
    return {
        "ref": update.ref,
        "before": update.old,
        "after": commit,
        "created": update.old == ZEROS,
        "deleted": False,
        "forced": update.old != ZEROS,
        "base_ref": None,
        "commits": [],
        "head_commit": {"id": commit, "message": message},
        "repository": _repository(),
        "pusher": {"name": pusher},
        "sender": {"login": pusher},
    }


def schedule_event(cron: str) -> dict[str, Any]:
    """The event of the schedule ``cron``; it has no ref, because what runs is always the default branch."""
    return {"schedule": cron, "repository": _repository(), "sender": {"login": CLOCK}}


def _repository() -> dict[str, Any]:
    owner, _, name = REPOSITORY.partition("/")
    return {"name": name, "full_name": REPOSITORY, "default_branch": DEFAULT_BRANCH, "owner": {"login": owner, "name": owner}}


__all__ = [
    "DEFAULT_BRANCH",
    "MOST_TAGS",
    "REPOSITORY",
    "TAGS",
    "ZEROS",
    "Update",
    "push_event",
    "pushed_tags",
    "read_updates",
    "schedule_event",
]
