"""The operator's commands: they work on any environment, from any machine that can reach its cluster."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from ops import console
from ops.errors import EXIT_FAILED_RUN, InputError, PlatformError
from settings.errors import nearest
from settings.load import ESTATES, environments, estate_of, stacks

if TYPE_CHECKING:
    from ops.status import EnvironmentStatus

Environment = Annotated[str, typer.Argument(help="the environment: the name of a stack file, for example kind or live")]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="compare with reality first, and put back what somebody changed by hand (10 s more)")
]


EstateName = Annotated[str, typer.Option("--estate", help="with --all: local, or datacenter")]


WATCH_SECONDS = 2

preparations: list[Callable[[str], None]] = []
"""Called with the environment before a command works on it; the command line adds what makes the local estate reachable."""


def known_environment(name: str) -> str:
    """``name`` if it is an environment's; raises InputError with the nearest known one if not. Nothing is made reachable."""
    known = environments()
    if name in known:
        return name
    what = f"{name} is no environment: it holds what a cluster has once." if name in stacks() else f"There is no environment {name!r}."
    raise InputError(what, why=nearest(name, known), remedy="./hs status kind")


def require_environment(name: str) -> str:
    """``name`` if it is an environment's, which can be reached from then on; raises InputError with the nearest known one if not."""
    return _prepared(known_environment(name))


def require_stack(name: str) -> str:
    """``name`` if it is a stack's, also one that holds what a cluster has once; raises InputError with the nearest known one if not."""
    known = stacks()
    if name not in known:
        raise InputError(f"There is no stack {name!r}.", why=nearest(name, known), remedy="./hs status kind")
    return _prepared(name)


def _prepared(name: str) -> str:
    for prepare in preparations:
        prepare(name)
    return name


def read(environment: str) -> EnvironmentStatus:
    """The state of an environment with what is not healthy in it; raises InputError when its configuration is refused."""
    from ops.deploy import find, validated
    from ops.shipping import read_shipping
    from ops.status import read_status

    settings = validated(environment)
    with ThreadPoolExecutor(max_workers=2) as pool:
        findings, shipping = pool.submit(find, environment), pool.submit(read_shipping)
        found = read_status(settings)
        return replace(found, findings=findings.result(), shipping=shipping.result())


def read_all(environments: Sequence[str]) -> list[EnvironmentStatus]:
    """The states of several environments of one cluster, all asked at once; raises InputError when the configuration of one is refused."""
    from ops.deploy import validated
    from ops.shipping import read_shipping
    from ops.status import read_status

    asked = []
    with ThreadPoolExecutor(max_workers=len(environments) + 1) as pool:
        for environment in environments:  # each has variables of its own, which the threads must not wait for
            settings = validated(require_environment(environment))
            asked.append(pool.submit(read_status, settings, os.environ.get("PULUMI_BACKEND_URL", "")))
        shipping = pool.submit(read_shipping)
        return [replace(answer.result(), shipping=shipping.result()) for answer in asked]


def show(stack: str) -> None:
    """Print the state of an environment as a table; nothing for a stack that holds none."""
    from ops.status_table import one

    if stack in environments():
        console.out.print(one(read(stack)))


def environments_of(estate: str) -> list[str]:
    """The environments of an estate; raises InputError where there are none."""
    found = [name for name in environments() if estate_of(name) == estate]
    if not found:
        raise InputError(f"The estate {estate!r} has no environment.", why=nearest(estate, ESTATES), remedy="./hs status --estate local")
    return found


def status(
    environment: Annotated[str | None, typer.Argument(help="one environment in full; all of an estate side by side when left out")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="look again every two seconds, until Ctrl-C")] = False,
    estate: Annotated[str, typer.Option("--estate", help="whose environments, when none is named: local, or datacenter")] = "local",
) -> None:
    """Show what runs: services, UIs, databases, queues, releases, public names. Exit code 1 when anything that runs is not healthy."""
    from ops.status_table import one
    from ops.status_table_all import side_by_side

    if watch and as_json:
        raise InputError("--watch draws; it prints no JSON.", remedy="./hs status --json, as often as you like")
    names = [known_environment(environment)] if environment else environments_of(estate)
    single = len(names) == 1
    if single:
        require_environment(names[0])

    def look() -> list[EnvironmentStatus]:
        return [read(names[0])] if single else read_all(names)

    def draw(found: Sequence[EnvironmentStatus]) -> RenderableType:
        return one(found[0]) if single else side_by_side(found)

    found = look()
    if as_json:
        document = found[0].as_json() if environment else {"environments": [status.as_json() for status in found]}
        console.out.print_json(json.dumps(document))
    elif watch:
        watch_for_ever(draw(found), lambda: draw(look()))
    else:
        console.out.print(draw(found))
    raise typer.Exit(0 if all(status.healthy for status in found if single or status.deployed) else 1)


def watch_for_ever(first: RenderableType, look: Callable[[], RenderableType]) -> None:
    """Draw what is seen every two seconds, until Ctrl-C; a look that fails is said in its place, and the next one comes all the same."""
    with Live(first, console=console.out, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                drawn = look()
            except PlatformError as failed:
                drawn = Text(f"{failed}\nLooking again every {WATCH_SECONDS} s.")
            live.update(drawn, refresh=True)


def logs(
    service: Annotated[str, typer.Argument(help="a service or UI, for example orders-api")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="the environment")] = "kind",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="keep printing new lines")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many lines of each pod")] = 50,
) -> None:
    """Print the last lines of a service's pods."""
    from ops.logs import print_logs

    print_logs(require_environment(environment), service, follow=follow, lines=lines)


def urls(
    environment: Environment = "kind",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
) -> None:
    """List the public names of an environment and what each leads to."""
    from ops.deploy import validated
    from ops.urls import require_hosts, show_urls, targets

    settings = validated(require_environment(environment))
    found = targets(settings.catalogue, require_hosts(settings))
    if as_json:
        console.out.print_json(json.dumps(found))
    else:
        show_urls(found)


def verify(
    environment: Environment,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    wait: Annotated[int, typer.Option("--wait", min=0, help="seconds to wait for names and certificates that are not there yet")] = 90,
) -> None:
    """Check an environment from outside: names, certificates, HTTPS, and an order from the shop to the dashboard. Exit code 1 on any ✗."""
    from ops.deploy import validated
    from ops.verify import as_document, show_checks
    from ops.verify import verify as look

    checks = look(validated(require_environment(environment)), wait_seconds=wait)
    if as_json:
        console.out.print_json(json.dumps(as_document(environment, checks)))
    else:
        show_checks(environment, checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else EXIT_FAILED_RUN)


def preview(
    environment: Annotated[str | None, typer.Argument(help="the environment; left out with --all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print a comment for a pull request")] = False,
    refresh: Refresh = False,
    every: Annotated[bool, typer.Option("--all", help="every stack of an estate, each after what it stands on")] = False,
    estate: EstateName = "local",
    if_changed: Annotated[bool, typer.Option("--if-changed", help="say only so if the files are those of its last run")] = False,
) -> None:
    """Say what a deploy would change, in words. Nothing is changed."""
    from ops.all_stacks import say_all, tasks
    from ops.changes import as_json as document
    from ops.changes import markdown
    from ops.deploy import UNCHANGED
    from ops.preview import is_known
    from ops.preview import preview as look
    from ops.preview import show as show_changes

    if bool(environment) == every:
        raise InputError("Give an environment, or --all.", remedy="./hs preview kind, or ./hs preview --all")
    if every and (as_json or as_markdown or refresh):
        raise InputError("--all prints for a person and takes no other option.", remedy="./hs preview ENVIRONMENT --json, for each")
    if every or environment is None:
        say_all(tasks("preview", estate))
        return
    if if_changed and not refresh and is_known(require_stack(environment)):
        console.out.print(f"{environment} {UNCHANGED}.", markup=False)
        return
    changes = look(require_stack(environment), refresh=refresh)
    if as_json:
        console.out.print_json(json.dumps(document(environment, changes)))
    elif as_markdown:
        console.out.print(markdown(environment, changes), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        show_changes(environment, changes)


def drift(
    environment: Environment = "kind",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for other programs")] = False,
    repair: Annotated[bool, typer.Option("--fix", help="restore exactly what differs, after asking")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Say what somebody changed by hand since the last deploy; changes nothing without --fix. Exit code 1 when anything differs."""
    from ops.drift import as_document, show_drift
    from ops.drift import drift as look
    from ops.fix import fix

    if repair and as_json:
        raise InputError("--fix asks and tells; it prints no JSON.", remedy="./hs drift --json, then ./hs drift --fix")

    def confirm(question: str) -> None:
        if not yes:
            typer.confirm(question, abort=True)

    found = look(require_stack(environment))
    if repair and found:
        show_drift(environment, found)
        found = fix(environment, found, confirm)
    if as_json:
        console.out.print_json(json.dumps(as_document(environment, found)))
    else:
        show_drift(environment, found)
    raise typer.Exit(EXIT_FAILED_RUN if found else 0)


def report(environment: Environment) -> None:
    """Send what an environment promises (certificates, releases, drift, backups, queues, connections) to New Relic, for its alerts."""
    from ops.report import facts, send
    from settings.load import log_shipping_of
    from settings.log_shipping import LICENSE_KEY

    name = require_environment(environment)
    shipping = log_shipping_of(estate_of(name))
    key = os.environ.get(f"HIGHSTREETLY_{LICENSE_KEY.upper()}", "")
    if shipping is None or not key:
        why = "the licence key is not here" if shipping else "the stack of its cluster has no log_shipping"
        raise InputError(
            f"{name} reports to nobody.", why=why, remedy=f"set HIGHSTREETLY_{LICENSE_KEY.upper()}; see docs/runbooks/see-logs.md"
        )
    [seen] = read_all([name])
    for line in seen.unknown:
        console.err.print(f"  not known, and not reported: {line}", markup=False, soft_wrap=True)
    found = facts(seen)
    with console.step(f"Reporting {len(found)} facts of {name}"):
        send(name, found, shipping, key)


def add_commands(app: typer.Typer) -> None:
    """Add the operator's commands to the command line."""
    app.command()(status)
    app.command()(logs)
    app.command()(urls)
    app.command()(verify)
    app.command()(preview)
    app.command()(drift)
    app.command()(report)


__all__ = ["add_commands", "known_environment", "require_environment", "require_stack"]
