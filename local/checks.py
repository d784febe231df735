"""What a change must pass, in the order in which a mistake shows soonest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from local.estate import CHECKOUT
from ops import console
from ops.errors import PlatformError
from ops.process import run

PYTHON_SOURCES = ("__main__.py", "cli.py", "settings", "components", "ops", "local", "tests")


def run_checks() -> None:
    """Run lint, types and unit tests, then everything that needs the estate; stops at the first that fails."""
    lint()
    pytest("tests/unit")


def lint() -> None:
    """Format, lint and types of all Python."""
    tools = Path(sys.executable).parent
    for title, command in (
        ("Format", ["ruff", "format", "--check", "--quiet", *PYTHON_SOURCES]),
        ("Lint", ["ruff", "check", "--quiet", *PYTHON_SOURCES]),
        ("Types", ["mypy", *PYTHON_SOURCES]),
    ):
        with console.step(title):
            run([tools / command[0], *command[1:]], what=f"{title} found something.", cwd=CHECKOUT, remedy="make unit, after correcting it")


def pytest(*words: str) -> None:
    """Run pytest with its own output; raises PlatformError when a test failed."""
    if subprocess.run([sys.executable, "-m", "pytest", *words], cwd=CHECKOUT, check=False).returncode:
        raise PlatformError("A test failed.", why="Its output is above.", remedy=f"./.venv/bin/python -m pytest {' '.join(words)} -x")
