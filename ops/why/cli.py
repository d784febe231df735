"""`./hs why`: why something is not healthy, and what to type next."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ops import console
from ops.cli import require_environment
from ops.errors import EXIT_FAILED_RUN, InputError
from settings.load import environments


def why(
    service: Annotated[
        str | None, typer.Argument(help="a service, UI, migration (orders-migration) or public name; without it everything")
    ] = None,
    environment: Annotated[str, typer.Option("--environment", "-e", help="the environment")] = "kind",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
) -> None:
    """Say why something is not healthy: cause, since when, what shows it, the release that touched it, the next command.

    Exit code 0: nothing is wrong. 1: something is. 2: there is no such environment or service.
    """
    from ops.deploy import validated
    from ops.why.gather import gather
    from ops.why.judge import causes
    from ops.why.report import about, as_document, require_known, show

    settings = validated(require_environment(environment))
    if service in environments():
        raise InputError(f"{service} is an environment.", remedy=f"./hs why --environment {service}")
    if service is not None:
        require_known(settings, service)
    facts = gather(settings)
    found = causes(facts)
    if service is not None:
        found = about(found, facts, service)
    if as_json:
        console.out.print_json(json.dumps(as_document(found, facts, service or "")))
    else:
        show(found, facts, service or "")
    raise typer.Exit(EXIT_FAILED_RUN if found else 0)


def add_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(why)


__all__ = ["add_commands"]
