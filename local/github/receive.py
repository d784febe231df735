"""The repository's `post-receive` hook: each pushed tag that the workflow is for becomes a run, and the push returns at once."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from local.github import runner, runs
from local.github.events import MOST_TAGS, Update, push_event, pushed_tags, read_updates
from local.github.filters import starts
from ops.process import run as run_program

WORKFLOW = ".github/workflows/deploy.yml"
ENVIRONMENT = "highstreetly:environment:"
"""What the stack file of an environment says, and no other."""
RUNS = "refs/runs"
"""A run's commit stays in the repository under this name, also when its tag moves on."""


def receive(repository: Path, lines: Iterable[str]) -> list[str]:
    """Start the runs of a push and return what the pusher is told."""
    updates = read_updates(lines)
    tags = pushed_tags(updates)
    if not tags and len([update for update in updates if update.ref.startswith("refs/tags/")]) > MOST_TAGS:
        return [f"More than {MOST_TAGS} tags at once make no event: nothing was started."]
    return [_start(repository, update) for update in tags]


def _start(repository: Path, update: Update) -> str:
    commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{update.new}^{{commit}}").strip()
    workflow = _git(repository, "show", f"{commit}:{WORKFLOW}") if commit else ""
    if not workflow:
        return f"{update.tag}: its commit has no {WORKFLOW}."
    try:
        if not starts(workflow, update.tag):
            return f"{update.tag}: {WORKFLOW} is not for this tag."
    except (ValueError, TypeError) as invalid:
        return f"{update.tag}: {WORKFLOW} is not valid: {invalid}"
    message = _git(repository, "show", "--no-patch", "--format=%B", commit).strip()
    event = push_event(update, commit, message, os.environ.get("GITHUB_ACTOR") or getpass.getuser())
    environment = _environment(repository, commit, update.tag)
    run = runs.enqueue(repository, runs.Run(environment=environment, tag=update.tag, commit=commit, workflow=WORKFLOW), event)
    return f"{update.tag}: run {run.number} of {environment}, log {runs.folder_of(repository, run.number) / runs.LOG}"


def _environment(repository: Path, commit: str, tag: str) -> str:
    """The environment that a tag names; runner.HOSTED where its commit has none by the name. Its run fails where it has no runner."""
    named = tag.partition("/")[0]
    stack = _git(repository, "show", f"{commit}:Pulumi.{named}.yaml")
    return named if ENVIRONMENT in stack else runner.HOSTED


def _git(repository: Path, *words: str) -> str:
    """What git says about the repository; empty when it has nothing to say, as about a tag that leads to no commit."""
    found = run_program(["git", "-C", repository, *words], check=False)
    return found.stdout if found.returncode == 0 else ""


if __name__ == "__main__":
    for line in receive(Path(sys.argv[1]), sys.stdin):
        print(line)  # noqa: T201 - git shows it to the pusher
