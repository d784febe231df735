"""What no workflow may do: run code that is not pinned, hold rights it does not need, or let a stranger's text or change near a secret."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.workflows.files import FOLDER, NAMES, OURS, ROOT, inside, jobs, scripts, steps, triggers, workflow

READ = {"contents": "read"}
MAY: dict[tuple[str, str], dict[str, str]] = {
    ("backup.yml", "backup"): READ,
    ("build-api.yml", "image"): {**READ, "id-token": "write"},
    ("build-deploy-runner.yml", "image"): {**READ, "id-token": "write"},
    ("build-deploy-runner.yml", "tell"): {},
    ("build-image.yml", "build"): {**READ, "id-token": "write"},
    ("build-migrations.yml", "image"): {**READ, "id-token": "write"},
    ("build-ui.yml", "image"): {**READ, "id-token": "write"},
    ("check.yml", "unit"): READ,
    ("deploy-environment.yml", "deploy"): READ,
    ("deploy.yml", "dev"): READ,
    ("deploy.yml", "kind"): READ,
    ("deploy.yml", "live"): READ,
    ("deploy.yml", "test"): READ,
    ("deploy.yml", "unknown"): READ,
    ("drift.yml", "look"): READ,
    ("report.yml", "report"): READ,
    ("drift.yml", "tell"): {"issues": "write"},
    ("preview.yml", "comment"): {"pull-requests": "write"},
    ("preview-environment.yml", "preview"): READ,
    ("preview.yml", "preview"): READ,
    ("reconcile.yml", "reconcile"): READ,
    ("rollback.yml", "rollback"): READ,
}
"""What each job's token may do; nothing else."""

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}")
USES = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
SECRET = re.compile(r"secrets\.(\w+)")
HOSTED_MINUTES_MAX = 60


def test_every_workflow_is_a_yml_file() -> None:
    assert NAMES
    assert [name for name in NAMES if not name.endswith(".yml")] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_workflow_uses_is_pinned_by_commit_with_its_version_beside_or_is_our_own(name: str) -> None:
    for used in USES.findall((FOLDER / name).read_text()):
        if ours := OURS.fullmatch(used):
            assert (ROOT / ours[1]).is_file()
        else:
            assert PINNED.fullmatch(used), used


def test_an_action_has_one_pin_everywhere() -> None:
    used = {pin for name in NAMES for pin in USES.findall((FOLDER / name).read_text()) if not OURS.fullmatch(pin)}
    assert len(used) == len({pin.partition("@")[0] for pin in used})


def test_every_use_is_seen_by_these_tests() -> None:
    written = sum(len(USES.findall((FOLDER / name).read_text())) for name in NAMES)
    assert written == sum("uses" in step for _, _, step in steps()) + sum("uses" in job for _, _, job in jobs())


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_rights_but_those_of_its_jobs(name: str) -> None:
    assert workflow(name)["permissions"] == {}


def test_each_job_has_the_rights_it_needs_and_no_more() -> None:
    assert {(name, job): content.get("permissions") for name, job, content in jobs()} == MAY


def test_no_script_has_an_expression_in_it() -> None:
    """What somebody else may choose (a tag's name, a branch's, an input) reaches a script as a variable, never as part of its text."""
    assert [(name, script) for name, script in scripts() if "${{" in script] == []


def test_no_workflow_runs_a_stranger_s_change_with_our_rights() -> None:
    assert [name for name in NAMES if {"pull_request_target", "workflow_run"} & set(triggers(name))] == []


def test_no_workflow_for_pull_requests_names_a_secret() -> None:
    names = [name for name in NAMES if "pull_request" in triggers(name)]
    assert names == ["check.yml", "preview.yml"]
    assert [name for name in names if SECRET.search((FOLDER / name).read_text()) or "secrets:" in (FOLDER / name).read_text()] == []


def test_a_job_of_the_cluster_s_runners_is_defined_in_a_workflow_that_runs_as_it_is_on_main() -> None:
    """What a pull request or a tag starts is its own version of a file; a schedule and a button start main's."""
    for name in inside():
        assert set(triggers(name)) <= {"workflow_call", "schedule", "workflow_dispatch"}, name
    called = {found[1]: found[2] for _, _, job in jobs() if (found := OURS.fullmatch(job.get("uses", "")))}
    assert {called[f".github/workflows/{name}"] for name in inside() if "workflow_call" in triggers(name)} == {"@main"}


def test_the_runners_group_admits_exactly_the_workflows_with_such_jobs() -> None:
    runbook = (ROOT / "docs" / "runbooks" / "add-runner.md").read_text()
    admitted = re.findall(r"^ *highstreetly/platform/\.github/workflows/([\w-]+\.yml)@main,?$", runbook, re.MULTILINE)
    assert sorted(admitted) == sorted(inside())


def test_what_a_fork_can_call_on_main_refuses_a_fork() -> None:
    """A called job sees the caller's event, and the caller cannot edit it: a fork's is a pull request from another repository."""
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    assert {name: content.get("if") for name, content in inside().items() if "workflow_call" in triggers(name)} == {
        "deploy-environment.yml": "github.event_name == 'push' && startsWith(github.ref, 'refs/tags/')",
        "preview-environment.yml": own,
    }
    assert workflow("preview.yml")["jobs"]["preview"]["if"] == own


def test_secrets_are_only_those_of_docker_hub_and_of_who_takes_backups() -> None:
    found = {(name, secret) for name in NAMES for secret in SECRET.findall((FOLDER / name).read_text())}
    named = {(name, secret) for name, secret in found if name != "backup.yml"}
    assert {secret for _, secret in named} == {"dockerhub_username", "dockerhub_token", "platform_token"}
    assert {name for name, _ in named} == {f"build-{kind}.yml" for kind in ("api", "deploy-runner", "image", "migrations", "ui")}


def test_no_checkout_leaves_its_token_behind() -> None:
    checkouts = [step for _, _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert [step for step in checkouts if step.get("with", {}).get("persist-credentials") is not False] == []


def test_every_job_ends_by_itself() -> None:
    limits: dict[tuple[str, str], Any] = {
        (name, job): content.get("timeout-minutes") for name, job, content in jobs() if "uses" not in content
    }
    assert [where for where, minutes in limits.items() if not minutes or minutes > HOSTED_MINUTES_MAX] == []
