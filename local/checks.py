"""What a change must pass, in the order in which a mistake shows soonest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.estate import CHECKOUT
from local.toolchain import Toolchain
from local.trial import trial
from ops import console
from ops.errors import PlatformError
from ops.process import run

PYTHON_SOURCES = ("__main__.py", "cli.py", "settings", "components", "esxi", "alerts", "ops", "local", "docs", "tests")
LINT_REMEDY = "correct it, then make unit"
REAL_TESTS = (("tests/hosts", "tests/images"), ("tests/providers", "tests/nodes"), ("tests/e2e",))
"""One group after the other, the folders of a group side by side: of two at least one stays away from the trial estate's machines.
tests/e2e stops and destroys machines and measures waiting, so it is alone, and last."""


def run_checks(*, unit_only: bool, keep: bool = False) -> None:
    """Run lint, types and unit tests, then a trial estate's tests; raises PlatformError at the first stage that fails."""
    lint()
    pytest(["tests/unit"], {})
    if unit_only:
        return
    with trial(keep=keep) as estate:
        if estate.hs("up"):
            raise PlatformError("The trial estate did not come up.", why="Its output is above.", remedy="./hs up shows the same")
        for folders in REAL_TESTS:
            pytest(folders, estate.with_machines())


def lint() -> None:
    """Format, lint and types of all Python, and the workflows."""
    tools = Path(sys.executable).parent
    for title, command in (
        ("Format", ["ruff", "format", "--check", "--quiet", *PYTHON_SOURCES]),
        ("Lint", ["ruff", "check", "--quiet", *PYTHON_SOURCES]),
        ("Types", ["mypy", *PYTHON_SOURCES]),
    ):
        with console.step(title):
            run([tools / command[0], *command[1:]], what=f"{title} found something.", cwd=CHECKOUT, remedy=LINT_REMEDY)
    lint_workflows()


def lint_workflows() -> None:
    """Check the workflows with actionlint; without shellcheck, which some machines have and others do not."""
    toolchain = Toolchain()
    actionlint = toolchain.ensure(["actionlint"])["actionlint"] / "actionlint"
    toolchain.clean()
    with console.step("Workflows"):
        run([actionlint, "-no-color", "-shellcheck=", "-pyflakes="], what="Workflows found something.", cwd=CHECKOUT, remedy=LINT_REMEDY)


def pytest(folders: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run the tests of some folders at once; the first one's output is seen as it comes, the others' once all have ended.

    Raises PlatformError when a test failed.
    """
    first, *others = ([sys.executable, "-m", "pytest", folder] for folder in folders)
    with ThreadPoolExecutor() as pool:
        beside = [pool.submit(run, command, cwd=CHECKOUT, env=variables, check=False) for command in others]
        failed = bool(subprocess.run(first, cwd=CHECKOUT, env={**os.environ, **variables}, check=False).returncode)
    for ended in beside:
        console.out.print(ended.result().stdout, markup=False, highlight=False, soft_wrap=True)
        failed |= bool(ended.result().returncode)
    if failed:
        raise PlatformError("A test failed.", why="Its output is above.", remedy="make test, after correcting it")
