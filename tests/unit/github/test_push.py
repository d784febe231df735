"""Pushed tags, from `git push` through the real hook to the workflow's engine."""

from __future__ import annotations

import os
import signal
import time

from local.github import runner, runs
from tests.unit.github.conftest import WAIT_SECONDS, WORKFLOW, GitHub

ROOM_SECONDS = 0.5
"""For a run that does not wait its turn to show it: it would begin within half of this."""


def _until(github: GitHub, journal: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while github.wrote("journal") != journal:
        assert time.monotonic() < deadline, github.wrote("journal")
        time.sleep(0.02)


def test_a_tag_runs_the_workflow_of_its_commit(github: GitHub) -> None:
    commit = github.commit("two")
    told = github.push_tags("live/1.0.0")
    (run,) = github.finished()
    assert "live/1.0.0: run 1 of live, log" in told
    assert (run.tag, run.environment, run.commit, run.exit_code, run.problem) == ("live/1.0.0", "live", commit, 0, "")
    assert run.started is not None
    assert run.first_step is not None
    assert run.pushed <= run.started <= run.first_step
    assert github.wrote("head-1").strip() == commit
    assert (github.event(1)["ref"], github.event(1)["after"], github.event(1)["pusher"]) == (
        "refs/tags/live/1.0.0",
        commit,
        {"name": "ada"},
    )
    words = github.wrote("act-1").splitlines()
    assert words[:3] == ["push", "--workflows", ".github/workflows/deploy.yml"]
    assert words[words.index("--platform") + 1] == "highstreetly-live=-self-hosted"
    assert words[words.index("--actor") + 1] == "ada"
    assert "⭐ Run Main ./hs deploy" in github.log(1)


def test_an_annotated_tag_runs_the_commit_that_it_leads_to(github: GitHub) -> None:
    github.git("tag", "--annotate", "--message", "a release", "live/1.0.0")
    github.git("push", "origin", "refs/tags/live/1.0.0")
    github.finished()
    assert github.event(1)["after"] == github.wrote("head-1").strip() == github.git("rev-parse", "HEAD").strip()


def test_the_push_returns_while_the_run_is_at_work(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0")
    _until(github, "begin 1\n")
    assert runs.every(github.repository)[0].ended is None
    github.release()
    assert github.finished()[0].exit_code == 0


def test_two_tags_of_an_environment_run_one_after_the_other(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0")
    _until(github, "begin 1\n")
    github.push_tags("live/1.0.1")
    time.sleep(ROOM_SECONDS)
    assert github.wrote("journal") == "begin 1\n"
    github.release()
    assert [run.exit_code for run in github.finished()] == [0, 0]
    assert github.wrote("journal").splitlines() == ["begin 1", "end 1", "begin 2", "end 2"]


def test_two_environments_run_at_the_same_time(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0")
    _until(github, "begin 1\n")
    github.push_tags("test/1.0.0")
    _until(github, "begin 1\nbegin 2\n")


def test_three_tags_at_once_make_three_runs(github: GitHub) -> None:
    github.push_tags("live/1.0.0", "live/1.0.1", "live/1.0.2")
    assert [run.tag for run in github.finished()] == ["live/1.0.0", "live/1.0.1", "live/1.0.2"]


def test_four_tags_at_once_start_nothing(github: GitHub) -> None:
    told = github.push_tags("live/1.0.0", "live/1.0.1", "live/1.0.2", "live/1.0.3")
    assert "More than 3 tags at once make no event: nothing was started." in told
    assert github.finished() == []


def test_the_same_tag_again_starts_nothing(github: GitHub) -> None:
    github.push_tags("live/1.0.0")
    assert "up-to-date" in github.push_tags("live/1.0.0")
    assert len(github.finished()) == 1


def test_a_deleted_tag_starts_nothing_and_may_be_pushed_again(github: GitHub) -> None:
    github.push_tags("live/1.0.0")
    github.git("push", "origin", ":refs/tags/live/1.0.0")
    assert len(github.finished()) == 1
    github.push_tags("live/1.0.0")
    assert len(github.finished()) == 2


def test_a_moved_tag_is_an_event_of_its_own_and_changes_no_run_that_waits(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/0.9.0")
    first = github.git("rev-parse", "HEAD").strip()
    github.push_tags("live/1.0.0")
    github.git("commit", "--quiet", "--amend", "--message", "another history")
    second = github.git("rev-parse", "HEAD").strip()
    github.push_tags("live/1.0.0", force=True)
    github.release()
    assert [run.commit for run in github.finished()] == [first, first, second]
    assert [github.wrote(f"head-{number}").strip() for number in (1, 2, 3)] == [first, first, second]
    assert (github.event(3)["before"], github.event(3)["created"], github.event(3)["forced"]) == (first, False, True)


def test_a_tag_that_the_filters_do_not_take_starts_nothing(github: GitHub) -> None:
    told = [github.push_tags(tag) for tag in ("v1.0.0", "live-1.0.0", "live/1.0/0")]
    assert ["is not for this tag" in words for words in told] == [True, True, True]
    assert github.finished() == []


def test_a_malformed_tag_that_the_filters_take_is_left_to_the_workflow(github: GitHub) -> None:
    (github.place / "exit").write_text("1")
    github.push_tags("live/one")
    assert [(run.exit_code, run.problem) for run in github.finished()] == [(1, "")]


def test_a_commit_without_the_workflow_or_with_an_invalid_one_starts_nothing(github: GitHub) -> None:
    github.commit("invalid", workflow=WORKFLOW.replace("jobs", "    tags-ignore: ['x']\njobs"))
    assert "is not valid: on.push has both tags and tags-ignore" in github.push_tags("live/1.0.0")
    github.git("rm", "--quiet", "-r", ".github")
    github.git("commit", "--quiet", "--message", "none")
    assert "its commit has no .github/workflows/deploy.yml" in github.push_tags("live/1.0.1")
    assert github.finished() == []


def test_a_branch_starts_nothing(github: GitHub) -> None:
    github.commit("two")
    assert github.finished() == []


def test_a_tag_of_no_environment_runs_where_there_are_no_credentials(github: GitHub) -> None:
    (github.repository / "runners" / f"{runner.HOSTED}.json").write_text('{"metadata": {}}')
    github.push_tags("nosuch/1.0.0", "liv/1.0.0")
    assert [(run.environment, run.tag, run.exit_code) for run in github.finished()] == [
        ("ubuntu-24.04", "nosuch/1.0.0", 0),
        ("ubuntu-24.04", "liv/1.0.0", 0),
    ]
    assert "ubuntu-24.04=-self-hosted" in github.wrote("act-1").splitlines()
    assert github.wrote("journal").splitlines() == ["begin 1", "end 1", "begin 2", "end 2"]


def test_without_a_runner_the_record_says_so(github: GitHub) -> None:
    github.push_tags("nosuch/1.0.0")
    (run,) = github.finished()
    assert (run.exit_code, run.started) == (125, None)
    assert "No runner answers to ubuntu-24.04." in run.problem
    assert "No runner answers to ubuntu-24.04." in github.log(1)


def test_an_environment_whose_runner_is_missing_fails_its_run_instead_of_going_elsewhere(github: GitHub) -> None:
    (github.repository / "runners" / f"{runner.HOSTED}.json").write_text('{"metadata": {}}')
    assert "dev/1.0.0: run 1 of dev, log" in github.push_tags("dev/1.0.0")
    (run,) = github.finished()
    assert (run.environment, run.exit_code, run.started) == ("dev", 125, None)
    assert (
        run.problem
        == "No runner answers to highstreetly-dev.\nTo mend it: push a tag of an environment that has one; ./hs github starts that of dev"
    )


def test_a_run_of_which_every_job_was_skipped_is_no_success(github: GitHub) -> None:
    (github.place / "skips").touch()
    github.push_tags("live/1.0.0")
    (run,) = github.finished()
    assert (run.exit_code, run.first_step) == (125, None)
    assert "None of them is for the runner highstreetly-live and the tag live/1.0.0." in run.problem


def test_a_run_that_succeeded_stays_so_where_the_next_runner_cannot_be_started(github: GitHub) -> None:
    (github.place / "refuses").touch()
    github.push_tags("live/1.0.0")
    (run,) = github.finished()
    assert (run.exit_code, run.problem) == (0, "")
    assert "The next runner could not be started. The runner's objects were refused by the cluster." in github.log(1)


def test_a_killed_run_lets_the_next_one_in(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0")
    _until(github, "begin 1\n")
    github.push_tags("live/1.0.1")
    os.killpg(int((runs.folder_of(github.repository, 1) / runs.LOCK).read_text()), signal.SIGKILL)
    github.release()
    first, second = github.finished()
    assert (first.exit_code, first.ended) == (None, None)
    assert second.exit_code == 0


def test_all_runs_can_be_ended(github: GitHub) -> None:
    github.hold()
    github.push_tags("live/1.0.0", "live/1.0.1", "test/1.0.0")
    assert runs.end(github.repository) == 3
    assert [run.exit_code for run in github.finished()] == [None, None, None]
    assert runs.end(github.repository) == 0


def test_what_the_engine_cannot_do_is_changed_for_it_and_the_checkout_stays_clean(github: GitHub) -> None:
    called = "jobs:\n  live:\n    uses: {}/.github/workflows/deploy-environment.yml{}\n"
    before = WORKFLOW.replace("jobs: {}\n", called.format("highstreetly/platform", "@main"))
    github.commit("queued", workflow=before + "concurrency:\n  group: deploy\n  queue: max\n")
    github.push_tags("live/1.0.0")
    assert github.finished()[0].exit_code == 0
    assert github.wrote("workflow-1") == WORKFLOW.replace("jobs: {}\n", called.format(".", "")) + "concurrency:\n  group: deploy\n"
    assert github.wrote("status-1") == ""
