"""Fixtures of the add-ons' tests: a toolchain whose compiler only hands out the folders of Go modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.addons.charts import CHARTS, RUNNER_CHARTS, versions
from local.toolchain import Toolchain
from local.toolchain.pins import GO_MODULES, read_pins

COMPILER = """#!/bin/sh
# Stands for `go`: says its version, and answers `go mod download -json MODULE@VERSION` from a file.
echo "$*" >>"$COMPILER_LOG"
case "$1" in
version) echo "go version go1.99.0 linux/amd64" ;;
*) cat "$COMPILER_ANSWERS/$(echo "$4" | tr / _)" ;;
esac
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder for each chart's Go module, with a chart in it that states no version."""
    for name, (_, path) in (CHARTS | RUNNER_CHARTS).items():
        templates = tmp_path / "modules" / name / path / "templates"
        templates.mkdir(parents=True)
        (templates / "deployment.yaml").write_text(f"# {name}\n")
        (templates / "deployment.yaml").chmod(0o444)  # as Go's module cache keeps its files
        (templates.parent / "Chart.yaml").write_text(
            f"name: {name}\nversion: v0.0.0\nappVersion: v0.0.0\ndependencies: [{{version: 0.0.0}}]\n"
        )
        (templates.parent / "Chart.yaml").chmod(0o444)
    return tmp_path / "modules"


@pytest.fixture
def downloads(tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only `go` on PATH, which knows the committed sums; returns the file in which it writes down what it was asked."""
    go, answers, log = tmp_path / "path" / "go", tmp_path / "answers", tmp_path / "compiler.log"
    for folder in (go.parent, answers):
        folder.mkdir()
    go.write_text(COMPILER)
    go.chmod(0o755)
    log.touch()
    sums = [line.split() for line in (GO_MODULES / "charts" / "go.sum").read_text().splitlines()]
    for name, (module, _) in CHARTS.items():
        version = versions(GO_MODULES)[name]
        total = next(words[2] for words in sums if words[:2] == [module, version])
        answer = json.dumps({"Dir": str(modules / name), "Sum": total})
        (answers / f"{module}@{version}".replace("/", "_")).write_text(answer)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    monkeypatch.setenv("COMPILER_LOG", str(log))
    monkeypatch.setenv("COMPILER_ANSWERS", str(answers))
    return log


@pytest.fixture
def toolchain(tmp_path: Path, downloads: Path) -> Toolchain:  # noqa: ARG001 - the compiler must be there
    """The committed pins, with a cache of their own."""
    return Toolchain(read_pins(), tmp_path / "cache")
