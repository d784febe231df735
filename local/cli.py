"""The local estate's commands: up, down, doctor, load, env, test, bench."""

from __future__ import annotations

from typing import Annotated

import typer


def run_tests(
    _unit: Annotated[bool, typer.Option("--unit", help="only lint, types and unit tests: under a minute, no cluster")] = False,
) -> None:
    """Run everything that a change must pass."""
    from local.checks import run_checks

    run_checks()


def add_commands(app: typer.Typer) -> None:
    """Add the local estate's commands to the command line."""
    app.command(name="test")(run_tests)
