"""GitHub's clock: the run that a workflow's schedule starts, without the wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from local.github import runs
from local.github.events import DEFAULT_BRANCH, schedule_event
from ops.process import run as run_program


def strike(repository: Path, environment: str, workflow: str) -> runs.Run:
    """Start the run of a scheduled workflow (a path of the default branch), as far as it is for an environment's runner; returns at once.

    The process needs kubectl, and KUBECONFIG of the cluster. Raises PlatformError when there is no such workflow.
    """
    git = ["git", "-C", str(repository)]
    commit = run_program([*git, "rev-parse", "--verify", f"refs/heads/{DEFAULT_BRANCH}"]).stdout.strip()
    content: dict[Any, Any] = yaml.safe_load(run_program([*git, "show", f"{commit}:{workflow}"]).stdout)
    (schedule,) = content[True]["schedule"]  # YAML 1.1 reads the word `on` as true
    asked = runs.Run(environment=environment, tag="", commit=commit, workflow=workflow, trigger="schedule")
    return runs.enqueue(repository, asked, schedule_event(schedule["cron"]))


__all__ = ["strike"]
