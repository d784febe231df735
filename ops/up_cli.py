"""`./hs up`: one stack, or every stack of an estate in order."""

from __future__ import annotations

from typing import Annotated, Protocol

import typer

from ops import console
from ops.cli import EstateName, Refresh, require_stack
from ops.errors import InputError
from settings.load import environments, estate_of, stacks

DEFAULT = "kind"


class Bringer(Protocol):
    """Brings one stack up, with what it stands on."""

    def __call__(self, stack: str, *, refresh: bool, if_changed: bool) -> None: ...


bringers: dict[str, Bringer] = {}
"""By estate, where a stack takes more than its program's run; the command line adds the local estate's."""


def up(
    stack: Annotated[
        str | None,
        typer.Argument(help="kind unless you say another: a stack of the local estate, or what the datacenter's cluster has once"),
    ] = None,
    refresh: Refresh = False,
    every: Annotated[bool, typer.Option("--all", help="every stack of an estate, each after what it stands on")] = False,
    estate: EstateName = "local",
    if_changed: Annotated[bool, typer.Option("--if-changed", help="leave the stack alone if its files are those of its last run")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask before the datacenter's machines are changed")] = False,
) -> None:
    """Bring the local estate up and deploy a stack on it. Run it again after any change, or after Ctrl-C."""
    if every:
        up_all(stack, estate, refresh=refresh, yes=yes)
        return
    name = stack or DEFAULT
    bring = bringers.get(estate_of(name), up_shared) if name in stacks() else up_shared
    bring(name, refresh=refresh, if_changed=if_changed)


def up_all(stack: str | None, estate: str, *, refresh: bool, yes: bool) -> None:
    """Bring every stack of an estate up; the datacenter's after asking, because its machines are among them."""
    from ops.all_stacks import LOCAL, run_all, tasks

    if stack:
        raise InputError("--all takes no stack.", remedy=f"./hs up {stack}, or ./hs up --all")
    planned = tasks("up", estate, refresh=refresh)
    if estate != LOCAL and not yes:
        console.out.print("This runs, in this order", *(f"  {task}" for task in planned), sep="\n", markup=False)
        typer.confirm("Run it?", abort=True)
    run_all(planned)


def up_shared(stack: str, *, refresh: bool, if_changed: bool) -> None:
    """Deploy what a datacenter's cluster has once: no environment, so no release and no tag. Raises InputError for an environment."""
    from ops.deploy import up as deploy

    require_stack(stack)
    if stack in environments():
        raise InputError(
            f"{stack} is no stack of the local estate.",
            why="An environment that others use changes by releases.",
            remedy=f"./hs deploy {stack}, or git push origin {stack}/VERSION",
        )
    deploy(stack, refresh=refresh, if_changed=if_changed)


def add_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(up)


__all__ = ["add_commands", "bringers"]
