"""`./hs inventory`: what Ansible, and a person's ssh, need to know of the datacenter's machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from ops.errors import InputError
from settings.datacenter.load import DATACENTER

preparations: dict[str, Callable[[], None]] = {}
"""By stack, what makes its state reachable; the command line adds the local estate's."""


def show_inventory(
    stack: Annotated[str, typer.Argument(help="a stack of esxi/")] = DATACENTER,
    every: Annotated[bool, typer.Option("--list", help="all groups and hosts, as Ansible asks for them; the same without it")] = False,
    host: Annotated[str, typer.Option("--host", help="one host's variables, as Ansible asks for them")] = "",
    ssh: Annotated[bool, typer.Option("--ssh-config", help="an OpenSSH configuration instead")] = False,
    start: Annotated[str, typer.Option("--autostart", help="a script instead, which has that ESXi host start its machines in order")] = "",
) -> None:
    """Print Ansible's inventory of a datacenter, made from its stack's outputs. Nothing is changed."""
    from ops.autostart import autostart
    from ops.inventory import inventory, read_outputs, ssh_config

    if sum((every, bool(host), ssh, bool(start))) > 1:
        raise InputError("Give one of --list, --host, --ssh-config and --autostart.", remedy="./hs inventory --help")
    preparations.get(stack, lambda: None)()
    outputs = read_outputs(stack)
    if ssh or start:
        typer.echo(ssh_config(outputs) if ssh else autostart(outputs, start), nl=False)
        return
    found = inventory(outputs)
    hosts = found["_meta"]["hostvars"]
    if host and host not in hosts:
        raise InputError(f"{stack} has no machine {host!r}.", why=f"It has: {', '.join(hosts)}", remedy=f"./hs inventory {stack}")
    typer.echo(json.dumps(hosts[host] if host else found, indent=2))


def add_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("inventory")(show_inventory)


__all__ = ["add_commands", "preparations"]
