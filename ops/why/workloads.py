"""The causes of services, UIs and migrations that are not well, from their pods, their logs and their Deployments. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from ops.deployed import is_rolled_out, is_unreleased
from ops.releases.choose import current
from ops.why.cause import Cause, Kind
from ops.why.dependencies import Complaint, cause_behind
from ops.why.facts import Facts, Line
from ops.why.flyway import is_edited, sql_failure, telling_lines
from ops.why.images import registry_of
from ops.why.pods import Ailment, Item, ailment_of, component_of, is_ready, moment, name_of, owners_of, warnings_of, workload_of
from ops.why.trouble import latest

RECENT = timedelta(minutes=5)
"""What a running pod wrote before that says nothing of how it is now."""
LINES_SHOWN = 8
FLYWAY_LINES_SHOWN = 12
STARTING = timedelta(seconds=90)
MIGRATION = "migration"
NO_NODE = "cannot be scheduled: "


def pod_causes(facts: Facts) -> Iterator[Cause]:
    """The cause of every pod that is not well."""
    newest = _newest_jobs(facts)
    for pod in facts.pods():
        if component_of(pod) == MIGRATION and not _is_current(pod, newest):
            continue
        ailment = ailment_of(pod, facts.of("Event"))
        if ailment:
            yield _cause(facts, pod, ailment)


def _newest_jobs(facts: Facts) -> dict[str, Item]:
    """The newest Job of each migration: what an older one met is over, and so is what it met itself before it was complete."""
    found: dict[str, Item] = {}
    for job in sorted(facts.of("Job"), key=lambda item: str(item["metadata"].get("creationTimestamp", ""))):
        found[workload_of(job)] = job
    return found


def _is_current(pod: Item, newest: dict[str, Item]) -> bool:
    job = newest.get(workload_of(pod))
    if job is None:
        return True
    complete = any(one["type"] == "Complete" and one["status"] == "True" for one in job.get("status", {}).get("conditions", []))
    return not complete and ("Job", name_of(job)) in owners_of(pod)


def _cause(facts: Facts, pod: Item, ailment: Ailment) -> Cause:
    workload, lines = workload_of(pod), telling(facts, pod, ailment)
    own = Cause(
        kind=ailment.kind,
        subject=workload,
        sentence=ailment.sentence,
        since=ailment.since,
        pod=name_of(pod),
        events=tuple(warnings_of(name_of(pod), facts.of("Event"))),
        log=tuple(lines[-LINES_SHOWN:]),
        seen=(ailment.seen, *_answer(facts, pod, ailment)),
        dependency=registry_of(ailment.image) if ailment.image else "",
        root=f"{workload}:{ailment.kind}" if ailment.kind is not Kind.UNSCHEDULED else f"unscheduled:{shortage(ailment.sentence)}",
    )
    if component_of(pod) == MIGRATION and ailment.kind in (Kind.CRASH, Kind.NOT_READY):
        failure = sql_failure(lines)
        if failure:
            edited = f"{facts.deploy}, after the script is restored and the change put into a new one" if is_edited(lines) else ""
            return replace(own, kind=Kind.MIGRATION, sentence=failure, log=telling_lines(lines)[:FLYWAY_LINES_SHOWN], next=edited)
        own = replace(own, kind=Kind.MIGRATION, sentence=f"the migration {own.sentence}")
    if ailment.kind in (Kind.CRASH, Kind.NOT_READY):
        for trouble in latest(lines):
            behind = cause_behind(facts, Complaint(workload, trouble, own))
            if behind:
                return behind
    if ailment.kind is Kind.UNSCHEDULED and own.sentence.startswith(NO_NODE):
        return replace(own, sentence=f"{NO_NODE}{shortage(ailment.sentence)}")
    return _with_survivors(facts, own)


def telling(facts: Facts, pod: Item, ailment: Ailment) -> list[str]:
    """The lines that may show why: all of a run that ended, only the latest of one that goes on."""
    if not ailment.container:
        return []
    lines = facts.log_of(pod, ailment.container, previous=ailment.previous)
    return [line.text for line in lines if ailment.kind is not Kind.NOT_READY or _is_recent(facts, line)]


def _is_recent(facts: Facts, line: Line) -> bool:
    return line.at is None or facts.now - line.at <= RECENT


def _answer(facts: Facts, pod: Item, ailment: Ailment) -> tuple[str, ...]:
    answer = facts.answers.get(name_of(pod), "")
    return (f"its readiness check answers {answer}",) if answer and ailment.kind is Kind.NOT_READY else ()


def _with_survivors(facts: Facts, own: Cause) -> Cause:
    """With how many pods of the workload serve on: a rollout that fails takes nothing away."""
    ready = sum(is_ready(pod) for pod in facts.pods(own.subject))
    return replace(own, seen=(*own.seen, f"{ready} other pod{'s' if ready > 1 else ''} of {own.subject} serve on")) if ready else own


def shortage(message: str) -> str:
    """What a pod without a node lacks, without how many nodes lack it: the same words for every pod that lacks the same."""
    message = message.removeprefix(NO_NODE).partition(" preemption:")[0]
    message = re.sub(r"^\d+/\d+ nodes are available: ", "", message)
    parts = [part.strip().rstrip(".") for part in re.split(r", (?=\d+ )", message) if part.strip()]
    words = sorted({re.sub(r"^\d+ ", "", part) for part in parts})
    return ", ".join(word.replace("node(s)", "the nodes") for word in words)


def deployment_causes(facts: Facts) -> Iterator[Cause]:
    """What is missing altogether, or was scaled to nothing."""
    if not facts.has_workloads:
        return
    release = current(facts.releases)
    names = [workload.name for workload in facts.workloads()]
    wanted = [name for name in names if facts.deployment(name) or not is_unreleased(name, release)]
    missing = [name for name in wanted if facts.deployment(name) is None]
    for name in missing:
        everything = len(missing) == len(wanted)
        yield Cause(
            kind=Kind.MISSING,
            subject=name,
            sentence="nothing of the environment is deployed" if everything else "is in the catalogue but not deployed",
            seen=(f"there is no Deployment {name}",) if not everything else ("the namespace holds no Deployment of the catalogue",),
            next=facts.deploy,
            root="nothing deployed" if everything else f"{name}:missing",
        )
    for workload in facts.workloads():
        deployment = facts.deployment(workload.name)
        if deployment is not None and deployment["spec"].get("replicas") == 0:
            yield Cause(
                kind=Kind.SCALED,
                subject=workload.name,
                sentence="was scaled to no pods at all: every stack file gives it one at least",
                seen=(f"Deployment {workload.name}: replicas 0",),
                next=facts.refresh,
                root=f"{workload.name}:scaled",
            )


def unexplained(facts: Facts, explained: Sequence[Cause]) -> Iterator[Cause]:
    """What is not rolled out and has no cause so far: starting, or a controller that has not acted."""
    names = {name for cause in explained for name in cause.names}
    for workload in facts.workloads():
        deployment = facts.deployment(workload.name)
        if deployment is None or workload.name in names or is_rolled_out(deployment):
            continue
        status = deployment.get("status", {})
        conditions = [f"{c['type']} {c['status']}: {c.get('message', '')}" for c in status.get("conditions", [])]
        began = next((moment(c.get("lastTransitionTime")) for c in status.get("conditions", []) if c["status"] == "False"), None)
        counted = f"{status.get('availableReplicas', 0)} of {deployment['spec'].get('replicas', 1)} pods available"
        made = [moment(pod["metadata"].get("creationTimestamp")) for pod in facts.pods(workload.name)]
        describe = f"kubectl describe deployment {workload.name} --namespace {facts.environment}"
        young = any(begin and facts.now - begin < STARTING for begin in made)
        yield Cause(
            kind=Kind.NOT_READY,
            subject=workload.name,
            sentence="is starting" if young else "is not rolled out, and its pods do not say why",
            since=began,
            seen=(counted, *conditions),
            next=f"./hs status {facts.environment}" if young else describe,
            root=f"{workload.name}:rollout",
        )


__all__ = ["deployment_causes", "pod_causes", "shortage", "telling", "unexplained"]
