"""`./hs diagram`: the platform as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console
from ops.cli import known_environment, read, require_environment
from ops.errors import InputError, PlatformError

if TYPE_CHECKING:
    from ops.status import EnvironmentStatus


def diagram(
    environment: Annotated[str | None, typer.Argument(help="one environment's picture alone")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the folder to write to, instead of docs/pictures")] = None,
    live: Annotated[bool, typer.Option("--live", help="mark what is not healthy at this moment; needs an environment")] = False,
) -> None:
    """Draw the estate and its environments as SVG, from the catalogue, the stack files and the datacenter's description."""
    from ops.diagram.pictures import FOLDER, one, pictures
    from settings import SettingsError
    from settings.load import ROOT

    if live and (not environment or not output):
        raise InputError("--live takes an environment and --output.", remedy="./hs diagram kind --live --output /tmp/pictures")
    name = known_environment(environment) if environment else ""
    bad = not_healthy(read(require_environment(name))) if live else []
    try:
        found = {f"{name}.svg": one(name, bad=bad)} if name else pictures()
    except SettingsError as refused:
        why = "\n".join(str(mistake) for mistake in refused.mistakes)
        raise InputError("The pictures cannot be drawn.", why=why, remedy="correct these lines, then run the same command again") from None
    folder = output or ROOT / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in found.items():
        (folder / file).write_text(text)
        console.out.print(str(folder / file), markup=False, soft_wrap=True)


def not_healthy(status: EnvironmentStatus) -> list[str]:
    """The workloads and databases to mark; raises PlatformError where the cluster does not say which."""
    from ops.status import NOT_RELEASED

    if status.cluster_trouble:
        raise PlatformError(f"What of {status.environment} is not healthy is not known.", why=status.cluster_trouble, remedy="./hs doctor")
    workloads = [workload.name for workload in (*status.services, *status.uis) if not workload.ready and workload.replicas != NOT_RELEASED]
    return workloads + [database.name for database in status.databases if not database.up_to_date]


def add_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(diagram)


__all__ = ["add_commands"]
