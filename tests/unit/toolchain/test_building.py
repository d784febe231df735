"""What building promises: nothing half-made, nothing made twice, only what was pinned, and its disk given back."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from local.toolchain import Toolchain
from ops.errors import PlatformError
from tests.unit.toolchain.conftest import builds, write_program

DEADLINE_SECONDS = 30


def start(toolchain: Toolchain) -> multiprocessing.process.BaseProcess:
    """Another run that wants the tool."""
    process = multiprocessing.get_context("fork").Process(target=toolchain.ensure, args=(["tool"],))
    process.start()
    return process


def wait_for_the_compiler(log: Path) -> None:
    """Return when the compiler is building."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not builds(log):
        assert time.monotonic() < deadline, "the compiler was not started"
        time.sleep(0.01)


def test_two_runs_at_once_build_once(toolchain: Toolchain, compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPILER_SECONDS", "0.3")
    runs = [start(toolchain), start(toolchain)]
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    assert builds(compiler) == 1
    assert (toolchain.entry("tool") / "bin" / "tool").exists()


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_that_looks_finished_and_the_next_run_makes_it(
    toolchain: Toolchain, compiler: Path, monkeypatch: pytest.MonkeyPatch, interruption: signal.Signals
) -> None:
    monkeypatch.setenv("COMPILER_SECONDS", "3")
    run = start(toolchain)
    wait_for_the_compiler(compiler)
    assert run.pid
    os.kill(run.pid, interruption)
    run.join()
    assert run.exitcode != 0
    assert not toolchain.entry("tool").exists()
    monkeypatch.delenv("COMPILER_SECONDS")
    program = toolchain.ensure(["tool"])["tool"] / "tool"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "built\n"
    assert sorted(path.name for path in toolchain.entry("tool").iterdir()) == ["bin", "source.txt"]
    assert not list(toolchain.entry("tool").parent.glob(".*.partial-*"))


def test_the_disk_that_building_used_is_given_back(toolchain: Toolchain) -> None:
    toolchain.ensure(["tool"])
    assert toolchain.builder.work.exists()
    toolchain.clean()
    assert not toolchain.builder.work.exists()
    assert (toolchain.entry("tool") / "bin" / "tool").exists()


def test_the_folder_of_a_run_that_still_builds_is_left_alone(toolchain: Toolchain, compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPILER_SECONDS", "1")
    run = start(toolchain)
    wait_for_the_compiler(compiler)
    assert toolchain.builder.clean() == 0
    assert toolchain.builder.work.exists()
    run.join()
    assert run.exitcode == 0
    toolchain.builder.clean()
    assert not toolchain.builder.work.exists()


@pytest.mark.parametrize(("came", "accepted"), [("h1:right=", True), ("h1:wrong=", False)])
def test_files_of_a_module_are_used_only_when_a_committed_sum_states_it(
    toolchain: Toolchain, tmp_path: Path, came: str, accepted: bool
) -> None:
    answer = json.dumps({"Dir": str(tmp_path / "kit"), "Sum": came})
    go = write_program(tmp_path / "other" / "go", f"#!/bin/sh\necho 'go: downloading example.com/kit v1.0.0'\necho '{answer}'\n")
    if accepted:
        assert toolchain.builder.module_folder(go, "example.com/kit@v1.0.0") == tmp_path / "kit"
    else:
        with pytest.raises(PlatformError, match="is not the one that was pinned"):
            toolchain.builder.module_folder(go, "example.com/kit@v1.0.0")
