"""The local estate's commands: up, down, doctor, load, env, trust, github, test, bench, restore-server."""

from __future__ import annotations

from typing import Annotated

import typer

from local.estate import Estate
from ops import console
from ops.errors import InputError

LOOK_SECONDS = 20
"""How long `up` looks for names and certificates that are on their way; they come by themselves, whether anybody looks or not."""

Stack = Annotated[str, typer.Argument(help="a stack of the local estate: kind, or one of your own")]


def up(stack: str, *, refresh: bool, if_changed: bool) -> None:
    """Bring the local estate up with one of its stacks on it (`./hs up`)."""
    from local.environment import require_local
    from local.up import up as bring_up
    from ops.cli import show

    require_local(stack)
    if bring_up(Estate.load(), stack, refresh=refresh, if_changed=if_changed):
        look_from_outside(stack)
        show(stack)


def look_from_outside(stack: str) -> None:
    """Verify a stack that is public and print what is not well yet; that breaks no deploy."""
    from ops.deploy import validated
    from ops.verify import show_checks, verify

    settings = validated(stack)
    if settings.environment and settings.environment.public:
        wrong = [check for check in verify(settings, wait_seconds=LOOK_SECONDS) if not check.ok]
        if wrong:
            show_checks(stack, wrong)


def down(yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False) -> None:
    """Remove all that `up` made: the cluster, the machines with their data, the network, state and secrets. The cache stays."""
    from local.up import down as take_down
    from local.up import what_down_deletes

    estate = Estate.load()
    doomed = what_down_deletes(estate)
    if doomed and not yes:
        console.out.print("This deletes", *(f"  {line}" for line in doomed), sep="\n", markup=False)
        typer.confirm("Delete them?", abort=True)
    take_down(estate)


def destroy(
    stack: Annotated[str, typer.Argument(help="the stack whose services, names, databases and vhost are deleted")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Delete everything of one stack of the local estate; the cluster, the machines and other stacks stay."""
    from local.environment import prepare, require_local
    from ops.deploy import destroy as delete
    from ops.deploy import validated

    require_local(stack)
    prepare(stack)
    contexts = ", ".join(f"{stack}_{context}" for context in validated(stack).catalogue.contexts)
    if not yes:
        console.out.print(
            f"This deletes all services of {stack}, its public names, the vhost {stack} and the databases {contexts}.", markup=False
        )
        console.out.print(
            f"The namespace {stack} stays with its certificates alone; kubectl delete namespace {stack} removes them too.", markup=False
        )
        typer.confirm("Delete them?", abort=True)
    delete(stack)


def doctor() -> None:
    """Look at what this machine needs and at the estate; changes nothing."""
    from local.doctor import doctor as examine

    examine(Estate.load())


def load(
    service: Annotated[str, typer.Argument(help="a service or UI, for example orders-api")],
    image: Annotated[str | None, typer.Argument(help="an image of the local engine, for example my-orders:dev")] = None,
    back: Annotated[bool, typer.Option("--back", help="run the reference image again")] = False,
) -> None:
    """Run your own build as one service of the local environment, and back."""
    from local.environment import prepare
    from local.load import load as load_image

    if bool(image) == back:
        raise InputError("Give an image, or --back.", remedy="./hs load orders-api my-orders:dev")
    prepare("kind")
    load_image(Estate.load(), service, image)


def env(stack: Stack = "kind") -> None:
    """Print the environment variables of the local estate for a shell: eval "$(./hs env)"; then pulumi and kubectl work by hand."""
    from local.environment import exports, require_up, variables
    from local.toolchain import Toolchain

    estate, toolchain = Estate.load(), Toolchain()
    require_up(estate)
    print(exports(variables(estate, str(toolchain.pulumi_home()), toolchain.path(), stack), estate.secrets.dir))  # noqa: T201 - for the shell, not for a person


def trust(
    remove: Annotated[bool, typer.Option("--remove", help="take it away again, also after ./hs down")] = False,
    system: Annotated[bool, typer.Option("--system", help="this machine's own store instead; needs root")] = False,
) -> None:
    """Make your browsers trust the local estate's certificates. Run it again when the estate was made anew."""
    from local.trust import trust as treat

    for line in treat(Estate.load(), remove=remove, system=system):
        console.out.print(line, markup=False, soft_wrap=True)


def github() -> None:
    """Start GitHub's place on the local estate: a repository whose pushed tags run the workflows, and a checkout to push them from."""
    from local.github.serve import serve

    console.out.print(serve(Estate.load()), markup=False, soft_wrap=True)


def run_tests(
    unit: Annotated[bool, typer.Option("--unit", help="only lint, types and unit tests: four minutes, no cluster")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave the trial estate up, to look at")] = False,
) -> None:
    """Run everything that a change must pass, on a trial estate of its own beside yours."""
    from local.checks import run_checks

    run_checks(unit_only=unit, keep=keep)


def bench() -> None:
    """Measure start, update and memory of the local estate and print a table; on a trial estate of its own."""
    from local.bench import run_bench

    run_bench()


def restore_server(
    at: Annotated[str, typer.Option("--at", help="a time with its zone, for example 2026-11-23T14:00:00Z, or latest")] = "latest",
) -> None:
    """Fill a new database machine of the local estate from its backups. A machine whose data has served is never restored over."""
    from datetime import UTC, datetime

    from local.environment import prepare
    from local.machines.restore import restore, target

    wanted = target(at, datetime.now(UTC))
    prepare("kind")
    restore(Estate.load(), wanted)


def add_commands(app: typer.Typer) -> None:
    """Add the local estate's commands to the command line."""
    for command in (down, destroy, doctor, load, env, trust, github, bench):
        app.command()(command)
    app.command(name="test")(run_tests)
    app.command(name="restore-server")(restore_server)
