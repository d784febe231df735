"""How causes are told: a paragraph each, what shows it, and the next command; or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ops import console
from ops.errors import InputError
from ops.why.cause import Cause
from ops.why.facts import Facts
from settings.errors import nearest
from settings.load import Settings
from settings.public import public_hosts

AFFECTED_SHOWN = 12
SEEN_SHOWN = 4
LINE_LENGTH_MAX = 400


def require_known(settings: Settings, service: str) -> None:
    """Raise InputError with the nearest known name for one that nobody knows: no service, UI, migration or public name."""
    assert settings.environment is not None
    hosts = [host.host for host in public_hosts(settings.catalogue, settings.environment)]
    migrations = [f"{context}-migration" for context in settings.catalogue.contexts]
    known = [*(workload.name for workload in settings.catalogue.workloads()), *migrations, *hosts]
    if service not in known:
        raise InputError(
            f"There is no service, UI, migration or public name {service!r} in {settings.stack}.",
            why=nearest(service, known),
            remedy=f"./hs why --environment {settings.stack} looks at all of them",
        )


def about(causes: Sequence[Cause], facts: Facts, service: str) -> list[Cause]:
    """The causes that touch a service: its own, and those that it is affected by. Its context's database and queues are its own."""
    context = next((workload.context for workload in facts.workloads() if workload.name == service), "")
    own = {service} | ({f"{context}-migration", f"{facts.environment}_{context}"} if context else set())
    queues = (f"{context}.",) if context and service.endswith("-receiver") else ()
    return [cause for cause in causes if cause.names & own or any(name.startswith(queues) for name in cause.names if queues)]


def paragraph(cause: Cause, now: datetime) -> str:
    """A cause as one paragraph: what fails, since when, on what it depends, what it breaks, which release touched it."""
    place = f"{cause.subject} (pod {cause.pod})" if cause.pod else cause.subject
    parts = [f"{place}: {cause.sentence}."]
    if cause.since:
        parts.append(f"Since {cause.since:%Y-%m-%d %H:%M:%S} UTC ({age(now, cause.since)}).")
    if cause.dependency and cause.dependency not in cause.sentence:
        parts.append(f"It depends on {cause.dependency}.")
    if cause.affected:
        more = len(cause.affected) - AFFECTED_SHOWN
        names = ", ".join(cause.affected[:AFFECTED_SHOWN]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"Fails because of it: {names}.")
    if cause.release:
        parts.append(f"{cause.release[:1].upper()}{cause.release[1:]}.")
    return " ".join(parts)


def age(now: datetime, since: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{seconds} s ago"


def evidence(cause: Cause) -> list[str]:
    """What shows a cause, a line each."""
    seen = [f"seen: {line}" for line in cause.seen[:SEEN_SHOWN]]
    if len(cause.seen) > SEEN_SHOWN:
        seen.append(f"seen: {len(cause.seen) - SEEN_SHOWN} more signs of it (--json shows them)")
    lines = seen + [f"event: {line}" for line in cause.events] + [f"log: {line}" for line in cause.log]
    return [line if len(line) <= LINE_LENGTH_MAX else f"{line[:LINE_LENGTH_MAX]} …" for line in lines]


def show(causes: Sequence[Cause], facts: Facts, service: str = "") -> None:
    """Print the causes, what shows each, and the next command."""
    what = service or facts.environment
    if not causes:
        console.out.print(f"[green]✓[/green] {what}: nothing is wrong.")
    for number, cause in enumerate(causes):
        if number:
            console.out.print()
        console.out.print("[red]✗[/red]", end=" ")
        console.out.print(paragraph(cause, facts.now), markup=False, soft_wrap=True)
        for line in evidence(cause):
            console.out.print(f"    {line}", markup=False, soft_wrap=True, style="dim")
        console.out.print(f"  next: {cause.next}", markup=False, soft_wrap=True, style="bold")
    for line in facts.unknown:
        console.out.print(f"  not known: {line}", markup=False, soft_wrap=True, style="yellow")


def as_document(causes: Sequence[Cause], facts: Facts, service: str = "") -> dict[str, object]:
    """What `./hs why --json` prints.

    - environment; service: the one asked about, or null; healthy: whether nothing is wrong
    - causes: [{kind, subject, cause, since, pod, events, log, seen, dependency, affected, release, next}]
    - unknown: what could not be asked, in words
    """
    return {
        "environment": facts.environment,
        "service": service or None,
        "healthy": not causes,
        "causes": [cause.as_json() for cause in causes],
        "unknown": list(facts.unknown),
    }


__all__ = ["about", "age", "as_document", "evidence", "paragraph", "require_known", "show"]
