"""The workflow files, parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir())

OURS = re.compile(r"(?:\./|highstreetly/platform/)(\.github/workflows/[\w-]+\.yml)(@main)?")
"""A workflow of this repository as another one calls it: of the same commit, or as it is on main."""

Mapping = dict[str, Any]


@cache
def workflow(name: str) -> Mapping:
    """A workflow; its triggers are under `on`, which YAML 1.1 reads as true."""
    document: Any = yaml.safe_load((FOLDER / name).read_text())
    return {"on" if key is True else key: value for key, value in document.items()}


def triggers(name: str) -> Mapping:
    """A workflow's events, each with what it says about them."""
    found: Mapping = workflow(name)["on"]
    return found


def jobs() -> Iterator[tuple[str, str, Mapping]]:
    """Every job: its workflow, its name, what it says."""
    for name in NAMES:
        for job, content in workflow(name)["jobs"].items():
            yield name, job, content


def inside() -> dict[str, Mapping]:
    """The jobs that the cluster's runners take, by the workflow that defines them."""
    return {name: content for name, _, content in jobs() if str(content.get("runs-on")).startswith("highstreetly-")}


def steps() -> Iterator[tuple[str, str, Mapping]]:
    """Every step: its workflow, its job's name, what it says."""
    for name, job, content in jobs():
        for step in content.get("steps", ()):
            yield name, job, step


def scripts() -> Iterator[tuple[str, str]]:
    """Every shell script of a step: its workflow and its text."""
    for name, _, step in steps():
        if "run" in step:
            yield name, step["run"]
