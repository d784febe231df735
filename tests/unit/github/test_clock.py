"""A workflow's schedule, struck at will."""

from __future__ import annotations

import os

import pytest

from local.github import clock
from ops.errors import PlatformError
from tests.unit.github.conftest import GitHub

WORKFLOW = ".github/workflows/deploy.yml"
SCHEDULED = "on:\n  schedule:\n    - cron: '*/10 * * * *'\njobs: {}\n"


@pytest.fixture(autouse=True)
def _programs(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{github.place.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PLACE", str(github.place))


def test_a_schedule_runs_the_default_branch_s_workflow_as_its_event_on_the_environment_s_runner(github: GitHub) -> None:
    commit = github.commit("scheduled", workflow=SCHEDULED)
    clock.strike(github.repository, "live", WORKFLOW)
    (run,) = github.finished()
    assert (run.trigger, run.tag, run.commit, run.exit_code) == ("schedule", "", commit, 0)
    words = github.wrote("act-1").splitlines()
    assert words[:3] == ["schedule", "--workflows", WORKFLOW]
    assert words[words.index("--platform") + 1] == "highstreetly-live=-self-hosted"
    assert github.event(1)["schedule"] == "*/10 * * * *"


def test_it_waits_its_turn_among_the_environment_s_deploys(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0")
    github.commit("scheduled", workflow=SCHEDULED)
    clock.strike(github.repository, "live", WORKFLOW)
    github.release()
    assert [run.trigger for run in github.finished()] == ["push", "schedule"]
    assert github.wrote("journal").splitlines() == ["begin 1", "end 1", "begin 2", "end 2"]


def test_a_workflow_that_is_not_there_is_refused(github: GitHub) -> None:
    with pytest.raises(PlatformError, match="nosuch"):
        clock.strike(github.repository, "live", ".github/workflows/nosuch.yml")
