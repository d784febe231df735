"""The commands of backups: backup (take, list, verify) and restore."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console
from ops.cli import Environment, require_environment
from ops.errors import EXIT_FAILED_RUN, InputError
from ops.releases.cli import DryRun, Yes
from settings import Settings

if TYPE_CHECKING:
    from ops.backup.record import Records

DEFAULT = "kind"
LIST, VERIFY = "list", "verify"
ACTIONS = (LIST, VERIFY)
"""First words that are no environments."""


def action_of(words: list[str]) -> tuple[str, str]:
    """(what to do, the environment) of the words after `./hs backup`; nothing to do is to take one. Raises InputError for more words."""
    action = words[0] if words and words[0] in ACTIONS else ""
    rest = words[1:] if action else words
    if len(rest) > 1:
        raise InputError(f"{rest[1]!r} is one word too many.", remedy="./hs backup kind, ./hs backup list kind or ./hs backup verify kind")
    return action, rest[0] if rest else DEFAULT


def backup(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="(list|verify) ENVIRONMENT", help="take a backup, list them, or restore the newest aside and compare"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="a full backup of PostgreSQL instead of an incremental one")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="with list: print JSON for other programs")] = False,
) -> None:
    """Back an environment up now, list its backups, or verify the newest: one that was restored counts. Exit code 1 for a damaged one."""
    from ops.backup.record import Records
    from ops.backup.take import take
    from ops.backup.verify import verify
    from ops.state import open_state

    action, environment = action_of(words or [])
    if (full and action) or (as_json and action != LIST):
        raise InputError("--full is for taking a backup, --json for listing them.", remedy="./hs backup --help")
    require_environment(environment)
    state = open_state(os.environ.get("PULUMI_BACKEND_URL", ""))
    if action == LIST:
        list_backups(environment, Records(state, environment), as_json=as_json)
        return
    if action == VERIFY:
        found = verify(environment, state)
        for failure in found.failures:
            console.out.print(f"✗ {failure}", markup=False, soft_wrap=True)
        console.out.print(f"Backup {found.number} of {environment}: {found.outcome}", markup=False)
        raise typer.Exit(EXIT_FAILED_RUN if found.failures else 0)
    taken = take(environment, state, full=full)
    console.out.print(
        f"Backup {taken.number} of {environment} is taken in {taken.seconds or 0:.0f} s; it counts when it was restored: "
        f"./hs backup verify {environment}",
        markup=False,
        soft_wrap=True,
    )


def list_backups(environment: str, records: Records, *, as_json: bool) -> None:
    """Print an environment's backups, for a person or another program."""
    from ops.backup.show import as_document, show

    found = records.all()
    if as_json:
        console.out.print_json(json.dumps(as_document(environment, found)))
    else:
        show(environment, found)


def restore(
    environment: Environment,
    at: Annotated[str, typer.Option("--at", help="a time with its zone, for example 2026-11-23T14:00:00Z")] = "",
    dump: Annotated[str, typer.Option("--from", help="a dump, a folder of dumps, or a release's number: what was there before it")] = "",
    context: Annotated[list[str] | None, typer.Option("--context", help="only this context's database; may be given again")] = None,
    older_schema: Annotated[bool, typer.Option("--older-schema", help="also where the services that run expect newer migrations")] = False,
    again: Annotated[bool, typer.Option("--again", help="also where the same was restored already")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Restore an environment's databases to a time, or from a dump. What they replace is kept beside them until somebody drops it."""
    from ops.backup.dumps import before_release, dumps, identity
    from ops.backup.moments import parse, written
    from ops.backup.restore import Source
    from ops.backup.restore import restore as bring_back
    from ops.releases.cli import book_of
    from ops.releases.databases import dump_folder

    if bool(at) == bool(dump):
        raise InputError("Give a time, or a dump.", remedy="./hs restore live --at 2026-11-23T14:00:00Z, or ./hs restore live --from 12")
    moment = parse(at) if at else None
    asked = context or []

    def source(settings: Settings) -> Source:
        past = moment or before_release(dump, environment, dump_folder(), book_of(environment).releases())
        if past and not moment:
            console.out.print(
                f"The dumps of release {dump} are not here. The backups hold what was there before it migrated, at {written(past)}.",
                markup=False,
                soft_wrap=True,
            )
        if past:
            return Source(moment=past)
        chosen = dumps(dump, environment, list(settings.catalogue.contexts), asked, dump_folder())
        return Source(dumps=chosen, names={name: identity(chosen, name) for name in chosen})

    def confirm(question: str) -> None:
        if not yes:
            typer.confirm(question, abort=True)

    bring_back(
        require_environment(environment),
        source,
        contexts=asked,
        confirm=confirm,
        dry_run=dry_run,
        older_schema=older_schema,
        again=again,
    )


def add_commands(app: typer.Typer) -> None:
    """Add the commands of backups to the command line."""
    app.command()(backup)
    app.command()(restore)


__all__ = ["action_of", "add_commands"]
