"""The roles' shape: what a reader may rely on, without running them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ANSIBLE = Path(__file__).parents[3] / "ansible"
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
TASK_FILES = sorted((ANSIBLE / "roles").glob("*/tasks/*.yml"))


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", ROLES)
def test_every_public_variable_is_described_and_every_described_one_has_a_default(role: str) -> None:
    defaults = load(ANSIBLE / "roles" / role / "defaults" / "main.yml")
    described = load(ANSIBLE / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    options = set().union(*(entry["options"] for entry in described.values()))
    assert set(defaults) <= options
    assert set(described["main"]["options"]) <= set(defaults)


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_their_roles_name(role: str) -> None:
    files = [ANSIBLE / "roles" / role / kind / "main.yml" for kind in ("defaults", "vars")]
    names = [name for file in files for name in load(file)]
    assert [name for name in names if not re.match(f"^(__)?{role}_", name)] == []


@pytest.mark.parametrize("role", ROLES)
def test_the_main_task_file_is_an_index(role: str) -> None:
    tasks = load(ANSIBLE / "roles" / role / "tasks" / "main.yml")
    assert {key for task in tasks for key in task} <= {"name", "tags", "ansible.builtin.import_tasks"}


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ANSIBLE)))
def test_task_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 90


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """All tasks of a file, those in blocks too."""
    found = []
    for task in load(path):
        found += [task, *task.get("block", [])]
    return found


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ANSIBLE)))
def test_a_task_that_handles_a_password_keeps_it_out_of_the_log(path: Path) -> None:
    for task in tasks_of(path):
        if "admin_password" in yaml.safe_dump(task) and "ansible.builtin.assert" not in task:
            assert task.get("no_log") is True, task["name"]


def test_no_password_is_an_argument_of_a_command() -> None:
    for path in TASK_FILES:
        for task in tasks_of(path):
            command = task.get("ansible.builtin.command") or task.get("ansible.builtin.shell") or ""
            words = {key: value for key, value in command.items() if key != "stdin"} if isinstance(command, dict) else command
            assert "password" not in yaml.safe_dump(words).replace("change_password", ""), task["name"]
