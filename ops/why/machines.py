"""The causes that asking the data machines shows: an unreachable server, a database that is behind, full queues, dead letters. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ops.deployed import brings_to
from ops.servers import Queue
from ops.why.cause import Cause, Kind
from ops.why.dependencies import KINDS, WORDS, machine_command, machine_root, machine_subject, place
from ops.why.facts import Database, Facts
from ops.why.pods import is_ready, workload_of
from ops.why.trouble import Fault, fault_of
from settings.flows import Machine
from settings.migrations import order

INBOX, DEAD = ".inbox", ".dead"
BACKLOG = 10_000
"""Messages that wait although somebody consumes: more than an hour's work of a receiver at three a second."""
DATA_ROLES = ("api", "receiver")


def machine_causes(facts: Facts) -> Iterator[Cause]:
    """What asking PostgreSQL and RabbitMQ from here showed."""
    for database in facts.databases:
        if database.trouble:
            yield from _trouble(facts, "postgres", database.trouble, database)
    broker = facts.broker
    if broker.asked and broker.trouble:
        yield from _trouble(facts, "rabbitmq", broker.trouble, None)
    if broker.asked and not broker.trouble and not broker.vhost:
        yield _broker(facts, f"{place(facts, 'rabbitmq')} has no vhost {facts.environment}", "its vhosts do not hold it", "rabbitmq:vhost")
    for alarm in broker.alarms:
        sentence = f"{place(facts, 'rabbitmq')} stops everybody who publishes: {alarm}"
        yield _broker(facts, sentence, f"its nodes report: {alarm}", "rabbitmq:alarm")


def _broker(facts: Facts, sentence: str, seen: str, root: str) -> Cause:
    return Cause(kind=Kind.BROKER, subject="rabbitmq", sentence=sentence, seen=(seen,), root=root, next=facts.refresh)


def _trouble(facts: Facts, machine: Machine, message: str, database: Database | None) -> Iterator[Cause]:
    fault = fault_of(message)
    if fault in (None, Fault.TIMEOUT, Fault.NAME) and _serves(facts):
        return  # the way from here is broken, not the machine: its users are well
    context = database.context if database else ""
    words = WORDS[fault].format(context=context) if fault else "does not answer"
    yield Cause(
        kind=KINDS[machine],
        subject=machine_subject(facts, machine, fault, context),
        sentence=f"{place(facts, machine)} {words}",
        seen=(f"asked from here: {' '.join(message.split())}",),
        dependency=place(facts, machine),
        next=machine_command(facts, machine, fault or Fault.TIMEOUT),
        root=machine_root(machine, fault or Fault.TIMEOUT, context),
    )


def _serves(facts: Facts) -> bool:
    """Whether a service that uses the machines is ready: it says so only after it has asked them."""
    users = {workload.name for workload in facts.workloads() if workload.role in DATA_ROLES}
    return any(workload_of(pod) in users and is_ready(pod) for pod in facts.pods())


def behind_causes(facts: Facts) -> Iterator[Cause]:
    """Databases that have not had the scripts which the deployed release needs."""
    for database in facts.databases:
        wanted = _wanted(facts, database)
        if database.trouble or not wanted or order_of(database.migrated_to) >= order_of(wanted):
            continue
        yield Cause(
            kind=Kind.MIGRATION,
            subject=f"{database.context}-migration",
            sentence=f"the database {database.name} has had its scripts up to {database.migrated_to or 'none'}, not up to {wanted}",
            seen=(f"flyway_schema_history of {database.name}: {database.migrated_to or 'nothing'}",),
            dependency=database.name,
            next=facts.deploy,
            root=f"{database.context}-migration:behind",
        )


def _wanted(facts: Facts, database: Database) -> str:
    """The version that the release which is deployed brings a database to; the checkout's where that cannot be seen."""
    return brings_to(facts.of("Job"), database.context) or database.expected


def order_of(version: str) -> tuple[int, ...]:
    """A version as Flyway compares it; before all others where there is none."""
    return order(version) if version else ()


def queue_causes(facts: Facts) -> Iterator[Cause]:
    """Queues that are full, that nobody empties, or that hold what nobody could take."""
    contexts = facts.catalogue.contexts if facts.catalogue else {}
    for queue in facts.broker.queues:
        if queue.ready and queue.name.endswith((INBOX, DEAD)) and queue.name.partition(".")[0] not in contexts:
            yield _left_over(facts, queue)
        elif queue.name.endswith(DEAD):
            if queue.ready + queue.unacknowledged:
                yield _dead(facts, queue)
        elif queue.full_words:
            alone = "; nothing consumes it" if not queue.consumers else ""
            yield _queue(facts, queue, f"is full: {queue.full_words}{alone}; whoever publishes to it is refused")
        elif queue.ready and not queue.consumers:
            yield _queue(facts, queue, f"holds {queue.ready} messages, and nothing consumes it")
        elif queue.ready >= BACKLOG:
            yield _queue(facts, queue, f"holds {queue.ready} messages: {receiver_of(queue.name)} does not keep up")


def receiver_of(queue: str) -> str:
    """The receiver whose queue it is."""
    return f"{queue.partition('.')[0]}-receiver"


def _queue(facts: Facts, queue: Queue, words: str) -> Cause:
    receiver = receiver_of(queue.name)
    deployment = facts.deployment(receiver)
    missing = facts.has_workloads and (deployment is None or deployment["spec"].get("replicas") == 0)
    reason = f" ({receiver} has no pods)" if missing else ""
    seen = f"{queue.name}: {queue.ready} ready, {queue.unacknowledged} underway, {queue.consumers} consumers, limit {queue.limit or 'none'}"
    return Cause(
        kind=Kind.QUEUE,
        subject=queue.name,
        sentence=f"the queue {queue.name} {words}{reason}",
        seen=(seen,),
        log=_lines(facts, receiver, queue.name),
        affected=(receiver,),
        next=facts.refresh if missing else f"./hs logs {receiver} --environment {facts.environment}",
        root=f"queue:{queue.name}",
    )


def _left_over(facts: Facts, queue: Queue) -> Cause:
    """A queue of a context that left the catalogue: it is still bound to what it subscribed to, and grows for ever."""
    return Cause(
        kind=Kind.QUEUE,
        subject=queue.name,
        sentence=f"the queue {queue.name} is left over from a context that is not in the catalogue; nobody will take its "
        f"{queue.ready} messages",
        seen=(f"{queue.name}: {queue.ready} messages, {queue.consumers} consumers",),
        next=f"rabbitmqctl delete_queue --vhost {facts.environment} {queue.name} on the broker's machine, when nobody needs the messages",
        root=f"queue:{queue.name}",
    )


def _dead(facts: Facts, queue: Queue) -> Cause:
    receiver, count = receiver_of(queue.name), queue.ready + queue.unacknowledged
    return Cause(
        kind=Kind.DEAD_LETTERS,
        subject=queue.name,
        sentence=f"{count} message{'s' if count > 1 else ''} that {receiver} could not take lie{'' if count > 1 else 's'} in {queue.name}",
        seen=(f"{queue.name}: {count} messages",),
        log=_lines(facts, receiver, queue.name),
        affected=(receiver,),
        next=f"./hs logs {receiver} --environment {facts.environment} --lines 500",
        root=f"queue:{queue.name}",
    )


def _lines(facts: Facts, workload: str, word: str) -> tuple[str, ...]:
    """The workload's latest lines that name something."""
    lines = [line.text for pod in facts.pods(workload) for line in facts.log_of(pod) if word in line.text]
    return tuple(lines[-2:])


__all__ = ["BACKLOG", "behind_causes", "machine_causes", "queue_causes", "receiver_of"]
