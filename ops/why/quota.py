"""Pods that the cluster refuses to make: an exhausted quota, or a rule that they break. Pure functions.

A controller whose pod is refused says so in its condition ReplicaFailure, and in events FailedCreate:
https://kubernetes.io/docs/concepts/policy/resource-quotas/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.why.cause import Cause, Kind
from ops.why.facts import Facts
from ops.why.pods import Item, last_seen, moment, name_of, workload_of

FAILED_CREATE = "FailedCreate"
FRESH = timedelta(minutes=5)
"""An event this old still counts where nothing else tells; a controller tries again within minutes."""
_EXCEEDED = re.compile(r"exceeded quota: (?P<name>\S+), requested: (?P<requested>\S+), used: (?P<used>\S+), limited: (?P<limited>\S+)")


@dataclass(frozen=True)
class Refusal:
    """A controller that may not make its pods."""

    workload: str
    owner: str
    message: str
    since: datetime | None
    event: str = ""


def refusals(facts: Facts) -> Iterator[Refusal]:
    """The controllers that may not make their pods at this moment."""
    if not facts.has_workloads:
        yield from _by_events(facts)
        return
    for replicas in facts.of("ReplicaSet"):
        failure = next((c for c in replicas.get("status", {}).get("conditions", []) if c["type"] == "ReplicaFailure"), None)
        lacking = replicas["spec"].get("replicas", 0) > replicas.get("status", {}).get("replicas", 0)
        if failure and failure["status"] == "True" and lacking:
            message = str(failure.get("message", ""))
            yield Refusal(workload_of(replicas), name_of(replicas), message, moment(failure.get("lastTransitionTime")))
    for job in facts.of("Job"):
        status = job.get("status", {})
        if not status.get("active") and not any(c["status"] == "True" for c in status.get("conditions", [])):
            yield from _newest_event(facts, job)


def _newest_event(facts: Facts, owner: Item) -> Iterator[Refusal]:
    events = [event for event in _events(facts) if event["involvedObject"].get("name") == name_of(owner)]
    if events:
        event = max(events, key=lambda one: str(last_seen(one) or ""))
        yield Refusal(workload_of(owner), name_of(owner), str(event["message"]), moment(event.get("firstTimestamp")), _words(event))


def _events(facts: Facts) -> list[Item]:
    return [event for event in facts.of("Event") if event.get("reason") == FAILED_CREATE and event.get("type") == "Warning"]


def _by_events(facts: Facts) -> Iterator[Refusal]:
    """Where only pods and events are known: a fresh event, after which its controller made no pod."""
    for event in _events(facts):
        owner, seen = str(event["involvedObject"].get("name", "")), last_seen(event)
        if seen is None or facts.now - seen > FRESH:
            continue
        pods = [pod for pod in facts.of("Pod") if owner in [one["name"] for one in pod["metadata"].get("ownerReferences", [])]]
        if not any((moment(pod["metadata"].get("creationTimestamp")) or seen) > seen for pod in pods):
            workload = owner.rpartition("-")[0] or owner
            yield Refusal(workload, owner, str(event["message"]), moment(event.get("firstTimestamp")), _words(event))


def _words(event: Item) -> str:
    return f"{event['reason']}: {' '.join(str(event['message']).split())}"


def quota_causes(facts: Facts) -> list[Cause]:
    """A cause for each controller that may not make its pods; those of one quota have one root."""
    return [_cause(facts, refusal) for refusal in refusals(facts)]


def _cause(facts: Facts, refusal: Refusal) -> Cause:
    exceeded = _EXCEEDED.search(refusal.message)
    events = (refusal.event,) if refusal.event else tuple(_words(e) for e in _events(facts) if e["involvedObject"]["name"] == refusal.owner)
    seen = (f"{refusal.owner}: {' '.join(refusal.message.split())}",)
    if exceeded is None:
        sentence = f"the cluster refuses to make its pods: {_reason(refusal.message)}"
        return Cause(
            kind=Kind.REFUSED, subject=refusal.workload, sentence=sentence, since=refusal.since, events=events[-1:], seen=seen,
            next=f"./hs drift {facts.environment}", root=f"refused:{_reason(refusal.message)}",
        )  # fmt: skip
    name = exceeded["name"].rstrip(",")
    stack = f"Pulumi.{facts.environment}.yaml"
    return Cause(
        kind=Kind.QUOTA,
        subject=refusal.workload,
        sentence=f"the quota {name!r} of the namespace is exhausted, so no more pods can be made: {', '.join(_shortages(exceeded))}",
        since=refusal.since,
        events=events[-1:],
        seen=(*seen, *_quota_status(facts, name)),
        dependency=f"ResourceQuota {name}",
        next=f"{facts.refresh}, where {stack} allows enough (highstreetly:environment.quota)",
        root=f"quota:{name}",
    )


def _reason(message: str) -> str:
    found = re.search(r"is forbidden: (.+)", message) or re.search(r"Error creating: (.+)", message)
    return " ".join((found[1] if found else message).split())


def _shortages(exceeded: re.Match[str]) -> list[str]:
    requested, used, limited = (_amounts(exceeded[key].rstrip(",")) for key in ("requested", "used", "limited"))
    return [f"{name}: {used.get(name, '?')} of {limited.get(name, '?')} used, {amount} more wanted" for name, amount in requested.items()]


def _amounts(text: str) -> dict[str, str]:
    return {name: amount for name, _, amount in (part.partition("=") for part in text.split(",")) if amount}


def _quota_status(facts: Facts, name: str) -> tuple[str, ...]:
    found: Mapping[str, Mapping[str, str]] = next((q.get("status", {}) for q in facts.of("ResourceQuota") if name_of(q) == name), {})
    used = [f"{key} {found.get('used', {}).get(key, '0')} of {hard}" for key, hard in found.get("hard", {}).items() if hard != "0"]
    return (f"ResourceQuota {name}: {', '.join(used)}",) if used else ()


__all__ = ["Refusal", "quota_causes", "refusals"]
