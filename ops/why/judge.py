"""From facts to causes: signs with one root are one cause, and what follows from another cause is not told as its own. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ops.why.cause import ORDER, Cause, Kind, merged
from ops.why.dependencies import blocked_cause
from ops.why.facts import Facts
from ops.why.machines import behind_causes, machine_causes, queue_causes, receiver_of
from ops.why.policies import Blocked, blocked
from ops.why.public import public_causes
from ops.why.quota import quota_causes
from ops.why.releases import next_after, release_words, touching
from ops.why.workloads import deployment_causes, pod_causes, unexplained

DATA_ROLES = ("api", "receiver")
MACHINES = ("postgres", "rabbitmq")
NEEDS = "needs:"
REJECTED = "rabbitmq:rejected"
FOLLOW_QUEUES = (Kind.QUEUE, Kind.SCALED, Kind.DEAD_LETTERS)


def causes(facts: Facts) -> list[Cause]:
    """Why an environment is not healthy, what others depend on first; empty where nothing is wrong."""
    found = [_cluster(facts), *fold(machine_causes(facts))] if facts.cluster_trouble else _from_signs(facts)
    found = [_with_release(facts, cause) for cause in found]
    return sorted(found, key=lambda cause: (ORDER.index(cause.kind), cause.subject))


def _cluster(facts: Facts) -> Cause:
    words = " ".join(facts.cluster_trouble.split())
    return Cause(
        kind=Kind.CLUSTER, subject="the cluster", sentence="the cluster's API server does not answer, so nothing else can be seen",
        seen=(words,), next="./hs doctor" if facts.local else "kubectl cluster-info", root="cluster",
    )  # fmt: skip


def _from_signs(facts: Facts) -> list[Cause]:
    signs = [
        *machine_causes(facts), *_blocked(facts), *quota_causes(facts), *pod_causes(facts), *queue_causes(facts),
        *deployment_causes(facts), *public_causes(facts),
    ]  # fmt: skip
    found = fold(signs)
    found += [cause for cause in behind_causes(facts) if not _is_explained(cause, found)]
    found = subsumed(facts, found)
    return found + list(unexplained(facts, found))


def _blocked(facts: Facts) -> list[Cause]:
    """A cause for each workload whose policy keeps out what the catalogue declares."""
    by_culprit: dict[str, list[Blocked]] = {}
    for one in blocked(facts):
        by_culprit.setdefault(one.verdict.culprit, []).append(one)
    return [blocked_cause(facts, flows) for flows in by_culprit.values()]


def _is_explained(cause: Cause, found: Sequence[Cause]) -> bool:
    return any(cause.subject in other.names for other in found)


def fold(signs: Iterable[Cause]) -> list[Cause]:
    """Signs with one root as one cause, in the order in which each root came first."""
    found: dict[str, Cause] = {}
    for number, sign in enumerate(signs):
        root = sign.root or f"#{number}"
        found[root] = merged(found[root], sign) if root in found else replace(sign, root=root)
    return list(found.values())


def subsumed(facts: Facts, found: Sequence[Cause]) -> list[Cause]:
    """The causes without those that follow from another one, which then names them as affected."""
    behind = {cause.root: other.root for cause in found if (other := _behind(facts, cause, found))}
    tops = {cause.root: _top(cause.root, behind) for cause in found}
    result = {cause.root: cause for cause in found if tops[cause.root] == cause.root}
    for cause in found:
        top = tops[cause.root]
        if top != cause.root:
            result[top] = merged(result[top], cause)
    return list(result.values())


def _top(root: str, behind: Mapping[str, str]) -> str:
    """The end of a chain; of two that blame each other, the first by name."""
    chain = [root]
    while (root := behind.get(root, "")) and root not in chain:
        chain.append(root)
    return min(chain[chain.index(root) :]) if root else chain[-1]


def _behind(facts: Facts, cause: Cause, others: Sequence[Cause]) -> Cause | None:
    """The cause that another one follows from; None for one that stands by itself."""
    rest = [other for other in others if other.root != cause.root]
    if cause.kind is Kind.NOT_READY and not cause.dependency:
        return _first(other for other in rest if _breaks(facts, other, cause.subject))
    if cause.root.startswith(NEEDS):
        return _first(other for other in rest if other.subject == cause.root.removeprefix(NEEDS))
    if cause.root == REJECTED:
        return _first(other for other in rest if other.kind is Kind.QUEUE)
    if cause.kind is Kind.QUEUE:
        receiver = receiver_of(cause.subject)
        return _first(other for other in rest if receiver in other.names and other.kind not in FOLLOW_QUEUES)
    if cause.kind is Kind.SCALED:
        return _first(other for other in rest if other.kind is Kind.QUEUE and cause.subject in other.names)
    if cause.kind is Kind.MISSING:
        contexts = {workload.name: workload.context for workload in facts.workloads()}
        migration = f"{contexts.get(cause.subject, '')}-migration"
        return _first(other for other in rest if migration in other.names and other.kind is not Kind.MISSING)
    return None


def _breaks(facts: Facts, other: Cause, workload: str) -> bool:
    """Whether a cause keeps a workload from being ready: its machine is away, or its connections are kept out."""
    users = {one.name for one in facts.workloads() if one.role in DATA_ROLES}
    return (other.root in MACHINES and workload in users) or (other.kind is Kind.NETWORK and workload in other.names)


def _first(found: Iterable[Cause]) -> Cause | None:
    return next(iter(found), None)


def _with_release(facts: Facts, cause: Cause) -> Cause:
    found = touching(facts, cause)
    words = release_words(*found) if found else ""
    return replace(cause, release=words, next=next_after(facts, cause, found[0] if found else None))


__all__ = ["causes", "fold", "subsumed"]
