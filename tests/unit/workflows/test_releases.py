"""Tags lead to the right runner in the right order, and what the workflows call is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.core
import typer.main
import yaml
from hypothesis import given, settings

from cli import app
from local.github.filters import starts
from local.github.image import ENVIRONMENT
from local.github.runner import IMAGE
from ops.tags import parse_tag
from settings.environment import Runners, RunnerSet
from settings.load import stacks
from tests.unit.ops.test_tags import versions
from tests.unit.workflows.files import FOLDER, NAMES, ROOT, inside, jobs, scripts, triggers, workflow

HOSTED = "ubuntu-24.04"
DEPLOY = (FOLDER / "deploy.yml").read_text()
NAMED = re.compile(r"startsWith\(github\.ref_name, '([a-z0-9]+)/'\)")
SHARED = ["live", "test", "dev"]
"""The environments that GitHub's runners serve; kind is a laptop's."""


def environments() -> list[str]:
    """Every stack that holds an environment."""
    found = []
    for name in stacks(ROOT):
        config: Any = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
        found += [name] if "highstreetly:environment" in config else []
    return found


def deploys() -> dict[str, dict[str, Any]]:
    """The jobs of deploy.yml that deploy, by the environment they give."""
    return {job["with"]["environment"]: job for job in workflow("deploy.yml")["jobs"].values() if "with" in job}


def test_every_environment_has_its_job_and_every_job_its_environment() -> None:
    assert sorted(deploys()) == environments()
    assert {f"startsWith(github.ref_name, '{name}/')" for name in deploys()} == {job["if"] for job in deploys().values()}


def test_a_tag_of_no_environment_gets_the_machine_without_credentials() -> None:
    unknown = workflow("deploy.yml")["jobs"]["unknown"]
    assert sorted(NAMED.findall(unknown["if"])) == environments()
    assert re.sub(NAMED, "x", unknown["if"]) == " && ".join(["!x"] * len(environments()))
    assert unknown["runs-on"] == HOSTED


@pytest.mark.parametrize("name", environments())
@settings(max_examples=25)
@given(versions)
def test_every_tag_that_deploys_starts_the_workflow(name: str, version: str) -> None:
    assert starts(DEPLOY, str(parse_tag(f"{name}/{version}", environments())))


@pytest.mark.parametrize("tag", ["1.0.0", "v1", "live", "live/x/1.0.0"])
def test_what_cannot_be_a_release_s_tag_starts_nothing(tag: str) -> None:
    assert not starts(DEPLOY, tag)


def test_a_tag_starts_one_workflow() -> None:
    assert [name for name in NAMES if starts((FOLDER / name).read_text(), "live/1.0.0")] == ["deploy.yml"]


def test_every_job_runs_where_it_belongs() -> None:
    where = {(name, job): content["runs-on"] for name, job, content in jobs() if "runs-on" in content}
    ours = {
        ("backup.yml", "backup"): "highstreetly-${{ matrix.environment }}",
        ("deploy-environment.yml", "deploy"): "highstreetly-${{ inputs.environment }}",
        ("drift.yml", "look"): "highstreetly-${{ matrix.environment }}",
        ("report.yml", "report"): "highstreetly-${{ matrix.environment }}",
        ("preview-environment.yml", "preview"): "highstreetly-${{ inputs.environment }}",
        ("reconcile.yml", "reconcile"): "highstreetly-${{ matrix.environment }}",
        ("rollback.yml", "rollback"): "highstreetly-${{ inputs.environment }}",
    }
    assert {job: runner for job, runner in where.items() if runner != HOSTED} == ours


def test_whatever_names_the_environments_names_all_that_are_shared() -> None:
    matrices = [content["strategy"]["matrix"]["environment"] for _, _, content in jobs() if "strategy" in content]
    choice = triggers("rollback.yml")["workflow_dispatch"]["inputs"]["environment"]
    assert choice["type"] == "choice"
    assert [*matrices, choice["options"]] == [SHARED] * 6
    assert sorted([*SHARED, "kind"]) == environments()


def test_nothing_that_changes_an_environment_is_cancelled_or_dropped_and_deploys_wait_for_each_other() -> None:
    groups = {
        ("deploy-environment.yml", "deploy"): "deploy-${{ inputs.environment }}",
        ("reconcile.yml", "reconcile"): "deploy-${{ matrix.environment }}",
        ("rollback.yml", "rollback"): "rollback-${{ inputs.environment }}",
        ("build-image.yml", "build"): "build-${{ inputs.name }}-${{ inputs.version }}",
    }
    for name, job, content in jobs():
        if (name, job) in groups:
            assert content["concurrency"] == {"group": groups[name, job], "cancel-in-progress": False, "queue": "max"}
            assert "concurrency" not in workflow(name), "a group of the whole workflow would hold environments up for each other"


def test_however_busy_an_environment_is_a_runner_is_left_for_its_rollback() -> None:
    """Of each queue one job is at work at a time, so there are runners for all of them."""
    queues = {(content.get("concurrency") or workflow(name)["concurrency"])["group"] for name, content in inside().items()}
    assert len({queue.replace("matrix.", "inputs.") for queue in queues}) <= RunnerSet().max_runners


def test_a_queue_has_a_length_that_github_knows_and_cancels_nothing() -> None:
    """actionlint 1.7.12 does not know `queue`, so its values are held here: `max` forbids `cancel-in-progress`."""
    found = [part for part in [*(content for _, _, content in jobs()), *map(workflow, NAMES)] if "concurrency" in part]
    assert {part["concurrency"].get("queue", "single") for part in found} == {"single", "max"}
    assert [part for part in found if part["concurrency"].get("queue") == "max" and part["concurrency"]["cancel-in-progress"]] == []


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Every call of ./hs in a script: workflow, command, options."""
    for name, script in scripts():
        for line in re.findall(r"\./hs ([^\n;|&>]+)", script):
            command, *words = shlex.split(line)
            yield name, command, {word for word in words if word.startswith("-")}


@pytest.mark.parametrize(("name", "command", "options"), list(calls()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_that_a_workflow_calls_is_there_with_its_options(name: str, command: str, options: set[str]) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert command in group.commands, f"{name}: ./hs {command}"
    assert options <= {option for parameter in group.commands[command].params for option in parameter.opts}


def test_the_commands_are_these() -> None:
    assert sorted({(name, command) for name, command, _ in calls()}) == [
        ("backup.yml", "backup"),
        ("deploy-environment.yml", "deploy"),
        ("deploy.yml", "deploy"),
        ("drift.yml", "drift"),
        ("preview-environment.yml", "preview"),
        ("reconcile.yml", "reconcile"),
        ("report.yml", "report"),
        ("rollback.yml", "rollback"),
    ]


def test_a_backup_is_taken_and_then_restored_each_day_of_one_environment_after_the_other() -> None:
    """Less often, and the alarm on its age is raised (settings/alerts.py)."""
    (schedule,) = triggers("backup.yml")["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", schedule["cron"])
    job = workflow("backup.yml")["jobs"]["backup"]
    assert job["strategy"]["max-parallel"] == 1
    assert job["steps"][-1]["run"].split("\n")[:2] == ['./hs backup "$ENVIRONMENT"', './hs backup verify "$ENVIRONMENT"']


def test_what_returns_to_an_earlier_commit_or_looks_for_tags_has_all_of_them() -> None:
    for name in ("rollback.yml", "reconcile.yml"):
        (job,) = workflow(name)["jobs"].values()
        (checkout,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["fetch-depth"] == 0


def test_a_rollback_is_confirmed_before_anything_else() -> None:
    first, *_ = workflow("rollback.yml")["jobs"]["rollback"]["steps"]
    assert first["run"].startswith('test "$CONFIRM" = "$ENVIRONMENT" ||')


@pytest.mark.parametrize("kind", ["api", "ui", "migrations"])
def test_an_image_kind_has_a_dockerfile_and_hands_everything_on(kind: str) -> None:
    assert (ROOT / "images" / kind / "Dockerfile").is_file()
    inputs = triggers(f"build-{kind}.yml")["workflow_call"]["inputs"]
    (job,) = workflow(f"build-{kind}.yml")["jobs"].values()
    assert job["with"] == {"kind": kind} | {name: f"${{{{ inputs.{name} }}}}" for name in inputs}
    secrets = triggers("build-image.yml")["workflow_call"]["secrets"]
    assert job["secrets"] == {name: f"${{{{ secrets.{name} }}}}" for name in secrets}


def test_the_runners_image_is_built_from_what_it_is_made_of_under_the_name_that_they_have() -> None:
    (job,) = [job for job in workflow("build-deploy-runner.yml")["jobs"].values() if "with" in job]
    given = job["with"]
    assert f"highstreetly/{given['name']}:{given['version']}" == IMAGE == Runners.model_fields["image"].default
    assert (ROOT / "images" / given["kind"] / "Dockerfile").is_file()
    paths = triggers("build-deploy-runner.yml")["push"]["paths"]
    assert {path.removeprefix(f"{given['context']}/") for path in paths} == {"images/deploy-runner/**", *ENVIRONMENT}


def test_every_image_kind_is_known_to_the_build() -> None:
    (sources,) = [step["run"] for step in workflow("build-image.yml")["jobs"]["build"]["steps"] if step.get("id") == "sources"]
    kinds = {workflow(name)["jobs"]["image"]["with"]["kind"] for name in NAMES if name.startswith("build-") and name != "build-image.yml"}
    assert set(re.findall(r"^ *([a-z-]+)\)$", sources, re.MULTILINE)) == kinds
