"""./hs: the operator's commands (ops) and the local estate's (local) under one name."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from local import cli as local_cli
from local.environment import prepare, prepare_machines
from ops import cli as ops_cli
from ops import console, inventory_cli, up_cli
from ops.backup import cli as backup_cli
from ops.diagram import cli as diagram_cli
from ops.errors import EXIT_BAD_INPUT, InputError, PlatformError
from ops.releases import cli as releases_cli
from ops.why import cli as why_cli

app = typer.Typer(
    help="highstreet.ly's platform: the local estate, deployments, and what runs where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
up_cli.add_commands(app)
local_cli.add_commands(app)
ops_cli.add_commands(app)
releases_cli.add_commands(app)
inventory_cli.add_commands(app)
why_cli.add_commands(app)
diagram_cli.add_commands(app)
backup_cli.add_commands(app)
ops_cli.preparations.append(prepare)
up_cli.bringers["local"] = local_cli.up
inventory_cli.preparations["local"] = prepare_machines

INTERRUPTED = 130
"""The exit code of a program ended by Ctrl-C (128 + SIGINT)."""


def main() -> int:
    """Run the command line; a failure is told in three parts, never as a stack trace."""
    try:
        left = app(standalone_mode=False, prog_name="./hs")
    except typer.Exit as ended:
        return ended.exit_code
    except PlatformError as error:
        console.show_error(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        console.err.print("Interrupted. The same command continues from here.")
        return INTERRUPTED
    except TyperException as usage:
        console.show_error(InputError(usage.format_message(), remedy=f"./hs {' '.join(sys.argv[1:2])} --help"))
        return EXIT_BAD_INPUT
    return left if isinstance(left, int) else 0  # a command that raises typer.Exit comes back as its code


__all__ = ["app", "main"]

if __name__ == "__main__":
    sys.exit(main())
