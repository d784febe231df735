"""What Ansible says, as progress, recap and failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.machines.configure import parse_state
from local.machines.events import Failure, Recap, Run, explanation, message


def said(event: str, task: str = "Ensure X is there", **hosts: Any) -> str:
    """A line as Ansible's jsonl callback writes it."""
    return json.dumps({"_event": event, "task": {"name": task}, "hosts": hosts})


STATS = json.dumps(
    {
        "_event": "v2_playbook_on_stats",
        "stats": {
            "postgres": {"ok": 60, "changed": 2, "failures": 0, "unreachable": 0, "skipped": 3},
            "rabbitmq": {"ok": 50, "changed": 1, "failures": 1, "unreachable": 0, "skipped": 4},
        },
    }
)


def test_the_recap_is_the_sum_over_all_machines() -> None:
    run = Run()
    run.hear(STATS)
    assert run.recap == Recap(ok=110, changed=3, failed=1, unreachable=0, skipped=7)


def test_a_recap_reads_as_words() -> None:
    assert str(Recap(ok=110, changed=3)) == "110 ok, 3 changed"
    assert str(Recap(ok=110, changed=3, failed=1, unreachable=1)) == "110 ok, 3 changed, 2 failed"


def test_a_finished_task_is_told_with_its_machine() -> None:
    assert Run().hear(said("v2_runner_on_ok", postgres={"changed": False})) == "postgres: Ensure X is there"


def test_changed_tasks_are_remembered_by_name() -> None:
    run = Run()
    run.hear(said("v2_runner_on_ok", postgres={"changed": True}))
    run.hear(said("v2_runner_on_ok", "Ensure Y is there", postgres={"changed": False}))
    assert run.changed_tasks == ["postgres: Ensure X is there"]


def test_a_failure_keeps_machine_task_and_message() -> None:
    run = Run()
    run.hear(said("v2_runner_on_failed", rabbitmq={"msg": "no such file", "changed": False}))
    assert run.failures == [Failure("rabbitmq", "Ensure X is there", "no such file")]


def test_an_unreachable_machine_is_a_failure_of_its_own_kind() -> None:
    run = Run()
    run.hear(said("v2_runner_on_unreachable", postgres={"msg": "Connection refused"}))
    assert [failure.unreachable for failure in run.failures] == [True]


def test_an_ignored_failure_is_none() -> None:
    run = Run()
    run.hear(said("v2_runner_on_failed", postgres={"msg": "no", "ignore_errors": True}))
    assert run.failures == []


@pytest.mark.parametrize("line", ["[WARNING]: something", "ERROR! the playbook: site.yml could not be found", "{not json", '{"other": 1}'])
def test_what_is_no_event_is_kept_for_the_error_message(line: str) -> None:
    run = Run()
    assert run.hear(line) is None
    assert run.noise == [line]


def test_the_message_of_a_command_holds_what_it_printed() -> None:
    assert message({"msg": "non-zero return code", "stderr": "disk full", "stdout": "copying"}) == "disk full\ncopying"


def test_the_message_of_a_loop_is_that_of_its_failed_items() -> None:
    assert message({"msg": "One or more items failed", "results": [{"failed": False, "msg": "a"}, {"failed": True, "msg": "b"}]}) == "b"


def test_a_task_with_a_secret_says_only_that_it_has_one() -> None:
    censored = {"censored": "the output has been hidden due to the fact that 'no_log: true' was specified", "msg": "canary"}
    assert message(censored) == "The task's output is withheld because it handles a secret."


def test_a_failure_without_words_is_told_as_such() -> None:
    assert message({}) == "The task gave no reason."


def test_a_very_long_message_keeps_its_end() -> None:
    assert message({"msg": "x" * 5000 + "the end"}).endswith("the end")
    assert len(message({"msg": "x" * 5000})) == 2000


def test_the_explanation_names_machine_and_task_of_every_failure() -> None:
    text = explanation([Failure("postgres", "Ensure A", "one\ntwo"), Failure("rabbitmq", "Ensure B", "three")])
    assert text == "postgres, task “Ensure A”:\n    one\n    two\nrabbitmq, task “Ensure B”:\n    three"


def test_a_machine_tells_what_was_applied_and_what_it_runs() -> None:
    state = parse_state('0123\nactive\n{\n  "version": "18.4"\n}\n')
    assert state == {"applied": "0123", "active": True, "fact": {"version": "18.4"}}


@pytest.mark.parametrize("answer", ["\n\nnull\n", "\ninactive\nnull\n", "", "\n"])
def test_a_fresh_machine_has_nothing_applied(answer: str) -> None:
    state = parse_state(answer)
    assert (state["applied"], state["active"], state["fact"]) == ("", False, None)
