"""Gathering the facts of an environment: everything is asked at once, and what is late is left out and named."""

from __future__ import annotations

import base64
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from ops.deployed import newest_values
from ops.errors import PlatformError
from ops.hosts import read_hosts
from ops.kubernetes import get_items, kubectl
from ops.releases.book import Book
from ops.releases.record import Release
from ops.servers import Broker, ask_broker, ask_database
from ops.state import open_state
from ops.why.answers import answer_of
from ops.why.cause import Kind
from ops.why.facts import Database, Endpoint, Facts, Line
from ops.why.masks import mask
from ops.why.pods import Item, ailment_of, moment, name_of, workload_of
from settings.flows import Machine
from settings.load import Settings

KINDS = (
    "pods", "events", "deployments.apps", "replicasets.apps", "jobs.batch", "resourcequotas", "networkpolicies.networking.k8s.io",
    "services", "secrets",
)  # fmt: skip
LOG_LINES = 40
OURS = "app.kubernetes.io/part-of=highstreetly"
PATIENCE_SECONDS = 6.0
"""What has not answered by then is named as unknown. Where everything answers, all of it together takes about a second."""
PODS_ASKED_MAX = 6
"""Unhealthy pods whose previous run and readiness endpoint are asked for; each is one request to the API server."""
_PREFIX = re.compile(
    r"\[pod/(?P<pod>[^/\]]+)/(?P<container>[^\]]+)\] (?:(?P<at>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) ?)?(?P<text>.*)"
)

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """A question under way, in a thread that ends with the program: nobody waits for a machine that is away."""

    def __init__(self, name: str, ask: Callable[[], Answer]) -> None:
        self.name = name
        self.ask = ask
        self.found: list[Answer] = []
        self.failure: PlatformError | None = None
        self.thread = threading.Thread(target=self._run, name=f"asking for {name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.found.append(self.ask())
        except PlatformError as failed:
            self.failure = failed

    def answer(self, default: Answer, deadline: float, unknown: list[str]) -> Answer:
        """What came of it; the default, and a line in ``unknown``, where that is nothing."""
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if self.found:
            return self.found[0]
        late = f"no answer within {PATIENCE_SECONDS:.0f} s"
        unknown.append(f"{self.name}: {self.failure.what if self.failure else late}")
        return default


def gather(settings: Settings) -> Facts:
    """Ask the cluster, the databases, the broker, the name server and the book of releases; never raises for one that does not answer."""
    assert settings.environment is not None
    deadline, unknown = time.monotonic() + PATIENCE_SECONDS, list[str]()
    objects = Question("the cluster's objects", lambda: get_objects(settings.stack))
    logs = Question("logs", lambda: get_lines(settings.stack))
    hosts = Question("DNS and certificates", lambda: read_hosts(settings))
    broker = Question("the broker", lambda: ask_broker(settings))
    releases = Question("releases", lambda: get_releases(settings.stack))
    items, trouble = objects.answer(([], "no answer"), deadline, [])
    databases = [
        Question(f"the database of {context}", _database(settings, context, url))
        for context, url in sorted(newest_values(items, "DATABASE_URL").items())
    ]
    facts = Facts(
        environment=settings.stack,
        now=datetime.now(UTC),
        items=items,
        has_workloads=not trouble,
        catalogue=settings.catalogue,
        machines=endpoints(settings),
        local=settings.estate == "local",
        cluster_trouble=trouble,
    )
    previous, answers = ask_pods(facts, deadline, unknown)
    facts = replace(
        facts,
        lines=logs.answer({}, deadline, [] if trouble else unknown),
        previous=previous,
        answers=answers,
        databases=[found for asked in databases for found in asked.answer([], deadline, unknown)],
        broker=broker.answer(Broker(asked=False), deadline, unknown),
        hosts=hosts.answer([], deadline, unknown),
        releases=releases.answer([], deadline, unknown),
    )
    if not facts.broker.asked and "the broker" not in " ".join(unknown):
        unknown.append("the broker: its administrator's password is not here (HIGHSTREETLY_RABBITMQ_ADMIN_PASSWORD)")
    return masked(replace(facts, unknown=tuple(unknown)), secrets_of(items, settings))


def endpoints(settings: Settings) -> dict[Machine, Endpoint]:
    """Where the data machines listen."""
    assert settings.environment is not None
    postgres, rabbitmq = settings.environment.postgres, settings.environment.rabbitmq
    return {
        "postgres": Endpoint(address=str(postgres.address), port=postgres.port, title="the database server"),
        "rabbitmq": Endpoint(address=str(rabbitmq.address), port=rabbitmq.port, title="the broker"),
    }


def get_objects(namespace: str) -> tuple[list[Item], str]:
    """(a namespace's objects, why the cluster did not give them); Secrets are left out for who may not read them."""
    try:
        return list(get_items(namespace, *KINDS)), ""
    except PlatformError as failed:
        if "orbidden" not in failed.why:
            return [], failed.why or failed.what
    try:
        return list(get_items(namespace, *KINDS[:-1])), ""
    except PlatformError as failed:
        return [], failed.why or failed.what


def get_lines(namespace: str) -> dict[tuple[str, str], list[Line]]:
    """The last lines of every pod of the platform in a namespace, by (pod, container); one call for all."""
    words = ["--prefix", "--timestamps", "--all-containers", "--ignore-errors", f"--tail={LOG_LINES}"]
    output = kubectl("logs", "--namespace", namespace, "--selector", OURS, *words, check=False, timeout_seconds=PATIENCE_SECONDS)
    return parse_lines(output.splitlines())


def parse_lines(output: Iterable[str]) -> dict[tuple[str, str], list[Line]]:
    """What `kubectl logs --prefix --timestamps` printed, by (pod, container); what bears no prefix is kubectl's own."""
    found: dict[tuple[str, str], list[Line]] = {}
    for text in output:
        line = _PREFIX.fullmatch(text)
        if line:
            found.setdefault((line["pod"], line["container"]), []).append(Line(line["text"], moment(line["at"])))
    return found


def ask_pods(facts: Facts, deadline: float, unknown: list[str]) -> tuple[dict[tuple[str, str], list[Line]], dict[str, str]]:
    """(the last lines of crashed runs, what readiness endpoints answer) of the first unhealthy pods, one of each workload."""
    crashed: dict[tuple[str, str], Question[list[Line]]] = {}
    unready: dict[str, Question[str]] = {}
    asked_of: set[str] = set()
    for pod in facts.pods():
        ailment = ailment_of(pod, facts.of("Event"))
        if ailment is None or not ailment.container or workload_of(pod) in asked_of or len(asked_of) >= PODS_ASKED_MAX:
            continue
        asked_of.add(workload_of(pod))
        name, container = name_of(pod), ailment.container
        if ailment.previous:
            crashed[name, container] = Question(f"the crashed run of {name}", _previous(facts.environment, name, container))
        elif ailment.kind is Kind.NOT_READY:
            unready[name] = Question(f"the readiness endpoint of {name}", _readiness(facts.environment, pod))
    previous = {key: asked.answer([], deadline, unknown) for key, asked in crashed.items()}
    return {key: lines for key, lines in previous.items() if lines}, {
        n: asked.answer("", deadline, unknown) for n, asked in unready.items()
    }


def _previous(namespace: str, pod: str, container: str) -> Callable[[], list[Line]]:
    def ask() -> list[Line]:
        words = ["--prefix", "--timestamps", "--previous", f"--tail={LOG_LINES}"]
        output = kubectl(
            "logs", pod, "--namespace", namespace, "--container", container, *words, check=False, timeout_seconds=PATIENCE_SECONDS
        )
        return parse_lines(output.splitlines()).get((pod, container), [])

    return ask


def _readiness(namespace: str, pod: Item) -> Callable[[], str]:
    return lambda: answer_of(namespace, pod)


def _database(settings: Settings, context: str, url: str) -> Callable[[], list[Database]]:
    def ask() -> list[Database]:
        answer = ask_database(url, settings.ca_certificate_path)
        migrations = settings.migrations.get(context)
        expected = migrations.newest if migrations else ""
        name = urlsplit(url).path.lstrip("/") or f"{settings.stack}_{context}"
        found = Database(context=context, name=name, trouble=answer.trouble, migrated_to=answer.migrated_to, expected=expected)
        return [found]

    return ask


def get_releases(environment: str) -> list[Release]:
    """The environment's releases, oldest first; raises PlatformError where their book cannot be opened."""
    return Book(open_state(os.environ.get("PULUMI_BACKEND_URL", "")), environment).releases()


def secrets_of(items: Iterable[Item], settings: Settings) -> list[str]:
    """Every secret value that a log could hold: those of the namespace's Secrets, the passwords within them, the stack's own."""
    found = [value for value in settings.secrets.values() if isinstance(value, str)]
    for item in items:
        if item.get("kind") != "Secret" or str(item.get("type", "")).startswith("kubernetes.io/tls"):
            continue
        for value in (item.get("data") or {}).values():
            text = base64.b64decode(value).decode(errors="replace")
            password = re.search(r"://[^:/@]*:([^@]+)@", text)
            found += [password[1]] if password else [text]
    return found


def masked(facts: Facts, secrets: Sequence[str]) -> Facts:
    """The facts without any secret in what programs wrote or answered; the Secrets themselves are left out."""

    def clean(lines: dict[tuple[str, str], Sequence[Line]]) -> dict[tuple[str, str], Sequence[Line]]:
        return {key: [replace(line, text=mask(line.text, secrets)) for line in found] for key, found in lines.items()}

    items = [
        {**item, "message": mask(str(item.get("message", "")), secrets)} if item.get("kind") == "Event" else item
        for item in facts.items
        if item.get("kind") != "Secret"
    ]
    return replace(
        facts,
        items=items,
        lines=clean(dict(facts.lines)),
        previous=clean(dict(facts.previous)),
        answers={pod: mask(answer, secrets) for pod, answer in facts.answers.items()},
        databases=[replace(database, trouble=mask(database.trouble, secrets)) for database in facts.databases],
        broker=replace(facts.broker, trouble=mask(facts.broker.trouble, secrets)),
        unknown=tuple(mask(line, secrets) for line in facts.unknown),
    )


__all__ = ["gather", "masked", "parse_lines", "secrets_of"]
