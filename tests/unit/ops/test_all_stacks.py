"""Which command runs for which stack, in which order, and what a failure stops."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.all_stacks import Result, Task, execute, in_order, run_all, tasks
from ops.errors import EXIT_FAILED_RUN, InputError, PlatformError

FILES = {
    "cluster": "config: {highstreetly:cluster: {}}",
    "live": "config: {highstreetly:environment: {}}",
    "test": "config: {highstreetly:environment: {}}",
    "kind": "config: {highstreetly:estate: local, highstreetly:cluster: {}, highstreetly:environment: {}}",
    "mine": "config: {highstreetly:estate: local, highstreetly:environment: {}}",
}
DONE, FAILED = Result("done"), Result("failed", "broken")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)
    return tmp_path


def test_the_datacenter_goes_from_its_machines_to_the_releases(checkout: Path) -> None:
    assert [(" ".join(task.command), task.needs) for task in tasks("up", "datacenter", checkout)] == [
        ("pulumi up --cwd esxi --stack datacenter --yes", ()),
        ("./hs up cluster --if-changed", ("esxi",)),
        ("./hs deploy live", ("cluster",)),
        ("./hs deploy test", ("cluster",)),
    ]


def test_a_preview_changes_nothing_anywhere(checkout: Path) -> None:
    assert {task.command[1] for estate in ("local", "datacenter") for task in tasks("preview", estate, checkout)} == {"preview"}


def test_on_a_laptop_the_stack_with_the_cluster_is_first(checkout: Path) -> None:
    assert [(" ".join(task.command), task.needs) for task in tasks("up", "local", checkout)] == [
        ("./hs up kind --if-changed", ()),
        ("./hs up mine --if-changed", ("kind",)),
    ]


def test_an_estate_that_nobody_has_names_the_nearest(checkout: Path) -> None:
    with pytest.raises(InputError) as refused:
        tasks("up", "datacentre", checkout)
    assert "did you mean datacenter?" in refused.value.why


def test_what_stands_on_a_failed_stack_is_not_run_and_the_rest_is() -> None:
    ran: list[str] = []

    def runner(task: Task) -> Result:
        ran.append(task.name)
        return FAILED if task.name == "cluster" else DONE

    todo = [Task("esxi", ()), Task("cluster", (), ("esxi",)), Task("live", (), ("cluster",)), Task("other", (), ("esxi",))]
    results = in_order(todo, runner)
    assert {name: result.outcome for name, result in results.items()} == {
        "esxi": "done",
        "cluster": "failed",
        "live": "not run",
        "other": "done",
    }
    assert "cluster" in results["live"].said
    assert "live" not in ran


def test_what_was_left_alone_counts_as_done_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    todo = [Task("kind", ("echo", "kind is unchanged since its last run")), Task("live", ("echo", "nothing to do"), ("kind",))]
    run_all(todo, lambda task: execute(task, tmp_path))
    assert capsys.readouterr().out.split() == ["=", "kind:", "unchanged", "=", "live:", "unchanged"]


def test_what_is_independent_runs_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)  # broken unless two are at work at once

    def runner(task: Task) -> Result:
        if task.needs:
            both.wait()
        return DONE

    results = in_order([Task("cluster", ()), Task("live", (), ("cluster",)), Task("test", (), ("cluster",))], runner)
    assert [result.outcome for result in results.values()] == ["done"] * 3


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_nothing_ever_runs_before_what_it_needs(wanted: list[set[int]], broken: set[int]) -> None:
    todo = [Task(str(index), (), tuple(str(need) for need in needs if need < index)) for index, needs in enumerate(wanted)]
    done: set[str] = set()

    def runner(task: Task) -> Result:
        assert set(task.needs) <= done
        if int(task.name) in broken:
            return FAILED
        done.add(task.name)
        return DONE

    results = in_order(todo, runner)
    assert set(results) == {task.name for task in todo}
    assert {name for name, result in results.items() if result.outcome == "done"} == done


def test_a_failure_is_told_with_what_its_command_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    todo = [Task("cluster", ("sh", "-c", "echo the reason; exit 1")), Task("live", ("true",), ("cluster",)), Task("dev", ("echo", "fine"))]
    with pytest.raises(PlatformError) as failed:
        run_all(todo, lambda task: execute(task, tmp_path))
    assert failed.value.exit_code == EXIT_FAILED_RUN
    assert "the reason" in failed.value.why
    printed = capsys.readouterr().out
    assert "live: not run (cluster comes first, and failed)" in printed
    assert "dev: done" in printed
