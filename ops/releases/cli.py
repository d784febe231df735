"""The release commands: deploy, rollback, history, hold, resume."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from ops import console
from ops.cli import Environment, Refresh, require_environment
from ops.errors import InputError
from ops.releases.book import Book
from ops.state import open_state

Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what it would change, and change nothing")]


def book_of(environment: str) -> Book:
    """The records of an environment, without taking its turn."""
    return Book(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), environment)


def deploy(
    environment: Annotated[str | None, typer.Argument(help="the environment; deploys the commit that is checked out")] = None,
    tag: Annotated[str, typer.Option("--tag", help="deploy the commit of this tag, for example test/1.4.0")] = "",
    reason: Annotated[str, typer.Option("--reason", help="why it need not be verified elsewhere first; is recorded")] = "",
    no_dump: Annotated[bool, typer.Option("--no-dump", help="do not dump the databases that are migrated")] = False,
    refresh: Refresh = False,
    dry_run: DryRun = False,
) -> None:
    """Deploy an environment as a release: check, dump, migrate, roll out, verify, record. The same commit twice changes nothing."""
    from ops.releases.deploy import deploy as roll_out
    from ops.tags import parse_tag, tag_of_ref
    from settings.load import environments

    if bool(environment) == bool(tag):
        raise InputError("Give an environment, or --tag.", remedy="./hs deploy test, or ./hs deploy --tag test/1.4.0")
    name = parse_tag(tag, environments()).environment if tag else str(environment)
    roll_out(require_environment(name), tag=tag_of_ref(tag), reason=reason, dump=not no_dump, refresh=refresh, dry_run=dry_run)


def rollback(
    environment: Environment,
    to: Annotated[str, typer.Option("--to", help="a release's number or tag, as ./hs history shows them")] = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Return an environment to an earlier release, the last verified one by default. Databases are never migrated down."""
    from ops.releases.rollback import rollback as go_back

    def confirm(question: str) -> None:
        typer.confirm(question, abort=True)

    go_back(require_environment(environment), to=to, confirm=None if yes else confirm, dry_run=dry_run)


def history(
    environment: Environment, as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False
) -> None:
    """List an environment's releases, also failed ones, with what each changed."""
    from ops.releases.history import as_document, show_history

    book = book_of(require_environment(environment))
    if as_json:
        console.out.print_json(json.dumps(as_document(environment, book.releases(), book.hold())))
    else:
        show_history(environment, book.releases(), book.hold())


def hold(environment: Environment, reason: Annotated[str, typer.Argument(help="why, for whoever pushes a tag meanwhile")]) -> None:
    """Keep tags from deploying an environment until ./hs resume. People still can."""
    placed = book_of(require_environment(environment)).set_hold(reason)
    console.out.print(f"{environment} is {placed}", markup=False, soft_wrap=True)


def resume(environment: Environment) -> None:
    """Let tags deploy an environment again."""
    book = book_of(require_environment(environment))
    held = book.hold()
    book.end_hold()
    console.out.print(f"{environment} is no longer {held}" if held else f"{environment} was not held.", markup=False, soft_wrap=True)


def reconcile(environment: Annotated[str | None, typer.Argument(help="one environment; all that have tags when left out")] = None) -> None:
    """Deploy the tags that never produced a release, or whose run was killed: the newest of each environment; the others are named."""
    from ops.reconcile import reconcile as catch_up
    from ops.reconcile import tags_of
    from ops.releases.deploy import deploy as roll_out

    names = [environment] if environment else sorted({found.tag.environment for found in tags_of()})
    catch_up([require_environment(name) for name in names], roll_out)


def add_commands(app: typer.Typer) -> None:
    """Add the release commands to the command line."""
    for command in (deploy, rollback, history, hold, resume, reconcile):
        app.command()(command)
