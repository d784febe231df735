"""Which command runs for which stack, in which order, and what a failure stops."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.all_stacks import Result, Task, changed_nothing, execute, in_order, run_all, tasks
from ops.errors import EXIT_FAILED_RUN, InputError, PlatformError

FILES = {
    "cluster": "config: {highstreetly:cluster: {}}",
    "live": "config: {highstreetly:environment: {promoted_from: test}}",
    "dev": "config: {highstreetly:environment: {}}",
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


def test_the_datacenter_goes_from_its_machines_to_the_releases_and_live_follows_test(checkout: Path) -> None:
    playbook = "cd ansible && ../.venv-kubespray/bin/ansible-playbook site.yml --inventory inventory/estate --skip-tags cluster-stack"
    assert [(str(task), task.needs) for task in tasks("up", "datacenter", checkout, environ={})] == [
        ("pulumi up --cwd esxi --stack datacenter --yes", ()),
        (playbook, ("esxi",)),
        ("./hs up cluster --if-changed", ("ansible",)),
        ("./hs deploy dev", ("cluster",)),
        ("./hs deploy live", ("cluster", "test")),
        ("./hs deploy test", ("cluster",)),
    ]


def test_the_state_of_the_machines_is_opened_where_it_lies_and_no_secret_is_in_a_command(checkout: Path) -> None:
    given = {"PULUMI_BACKEND_URL": "postgres://one", "HS_ESXI_BACKEND_URL": "s3://other", "HS_ESXI_PASSPHRASE": "hidden-word"}
    planned = tasks("up", "datacenter", checkout, environ=given)
    other = {"PULUMI_BACKEND_URL": "s3://other", "PULUMI_CONFIG_PASSPHRASE": "hidden-word"}
    assert {task.name: task.variables for task in planned if task.variables} == {"esxi": other}
    assert str(planned[0]).startswith("PULUMI_BACKEND_URL=… PULUMI_CONFIG_PASSPHRASE=… pulumi up")
    assert "hidden-word" not in repr(planned)


def test_a_task_runs_in_its_folder_with_its_variables(tmp_path: Path) -> None:
    (tmp_path / "ansible").mkdir()
    task = Task("esxi", ("sh", "-c", 'echo "$(basename "$PWD") $WORD"'), folder="ansible", variables={"WORD": "hidden"})
    assert execute(task, tmp_path).said == "ansible hidden"


def test_a_preview_changes_nothing_anywhere(checkout: Path) -> None:
    planned = [task for estate in ("local", "datacenter") for task in tasks("preview", estate, checkout, environ={})]
    assert {task.command[1] for task in planned if task.name != "ansible"} == {"preview"}
    assert [task.command[-1] for task in planned if task.name == "ansible"] == ["--check"]


def test_a_preview_leaves_alone_what_has_not_changed_and_waits_for_no_promotion(checkout: Path) -> None:
    assert [str(task) for task in tasks("preview", "local", checkout)] == [
        "./hs preview kind --if-changed",
        "./hs preview mine --if-changed",
    ]
    needs = {task.name: task.needs for task in tasks("preview", "datacenter", checkout, environ={})}
    assert (needs["cluster"], needs["live"]) == (("esxi",), ("cluster",))


def test_a_refresh_reaches_every_stack_but_the_machines_whose_plugin_has_none(checkout: Path) -> None:
    planned = [str(task) for estate in ("local", "datacenter") for task in tasks("up", estate, checkout, refresh=True, environ={})]
    assert [command for command in planned if command.endswith(" --refresh")] == [
        *("./hs up kind --refresh", "./hs up mine --refresh", "./hs up cluster --refresh"),
        *("./hs deploy dev --refresh", "./hs deploy live --refresh", "./hs deploy test --refresh"),
    ]
    assert len(planned) == 8
    assert not [command for command in planned if "--if-changed" in command]


def test_environments_that_are_promoted_from_each_other_are_refused(checkout: Path) -> None:
    (checkout / "Pulumi.test.yaml").write_text("config: {highstreetly:environment: {promoted_from: live}}")
    with pytest.raises(InputError, match="wait for each other") as refused:
        in_order(tasks("up", "datacenter", checkout, environ={}), lambda _: DONE)
    assert "live" in refused.value.why


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

    planned = [Task("esxi", ()), Task("cluster", (), ("esxi",)), Task("live", (), ("cluster",)), Task("other", (), ("esxi",))]
    results = in_order(planned, runner)
    assert {name: result.outcome for name, result in results.items()} == {
        "esxi": "done",
        "cluster": "failed",
        "live": "not run",
        "other": "done",
    }
    assert "cluster" in results["live"].said
    assert "live" not in ran


def test_what_was_left_alone_counts_as_done_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = [Task("kind", ("echo", "kind is unchanged since its last run")), Task("live", ("echo", "nothing to do"), ("kind",))]
    run_all(planned, lambda task: execute(task, tmp_path))
    assert capsys.readouterr().out.split() == ["=", "kind:", "unchanged", "=", "live:", "unchanged"]


ENGINE = "Updating (datacenter):\n\nResources:\n{}\n\nDuration: 3s"
RECAP = (
    "PLAY RECAP ***\npostgres : ok=41   changed={}    unreachable=0    failed=0\nrabbitmq : ok=30   changed=0    unreachable=0    failed=0"
)


@pytest.mark.parametrize(
    ("said", "still"),
    [
        (ENGINE.format("    18 unchanged"), True),
        (ENGINE.format("    + 1 created\n    17 unchanged"), False),
        (ENGINE.format("    18 unchanged") + "\n" + ENGINE.format("    + 1 created\n    18 unchanged"), False),
        (ENGINE.format("    17 unchanged\n    1 errored"), False),
        (RECAP.format(0), True),
        (RECAP.format(2), False),
        ("A deploy of live would change nothing.", True),
        ("", False),
    ],
)
def test_what_engine_and_ansible_left_as_it_was_is_unchanged(said: str, still: bool) -> None:
    assert changed_nothing(said) is still


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
    planned = [Task(str(index), (), tuple(str(need) for need in needs if need < index)) for index, needs in enumerate(wanted)]
    done: set[str] = set()

    def runner(task: Task) -> Result:
        assert set(task.needs) <= done
        if int(task.name) in broken:
            return FAILED
        done.add(task.name)
        return DONE

    results = in_order(planned, runner)
    assert set(results) == {task.name for task in planned}
    assert {name for name, result in results.items() if result.outcome == "done"} == done


def test_a_failure_is_told_with_what_its_command_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = [
        Task("cluster", ("sh", "-c", "echo the reason; exit 1")),
        Task("live", ("true",), ("cluster",)),
        Task("dev", ("echo", "fine")),
    ]
    with pytest.raises(PlatformError) as failed:
        run_all(planned, lambda task: execute(task, tmp_path))
    assert failed.value.exit_code == EXIT_FAILED_RUN
    assert "the reason" in failed.value.why
    printed = capsys.readouterr().out
    assert "live: not run (cluster comes first, and failed)" in printed
    assert "dev: done" in printed
