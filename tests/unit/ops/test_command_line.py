"""What ./hs leaves with, and what it prints when something fails."""

from __future__ import annotations

import pytest
import typer

import cli
from ops.errors import EXIT_BAD_INPUT, EXIT_FAILED_RUN, InputError, PlatformError


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 0),
        (typer.Exit(0), 0),
        (typer.Exit(1), 1),
        (typer.Exit(7), 7),
        (PlatformError("it failed"), EXIT_FAILED_RUN),
        (InputError("it cannot be used"), EXIT_BAD_INPUT),
        (KeyboardInterrupt(), cli.INTERRUPTED),
        (typer.Abort(), cli.INTERRUPTED),
    ],
    ids=repr,
)
def test_every_end_of_a_command_has_its_exit_code(end: BaseException | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def work() -> None:
        """End as the case says."""
        if end:
            raise end

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr("sys.argv", ["./hs"])
    assert cli.main() == code
