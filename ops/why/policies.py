"""Whether the cluster's NetworkPolicies let a connection through, and which of them does not. Pure functions.

A connection passes when the policies at its source allow it out and those at its target allow it in; a pod that no policy selects for a
direction is open in it: https://kubernetes.io/docs/concepts/services-networking/network-policies/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ops.network_rules import NAMESPACE_LABEL, rule_changes
from ops.why.facts import Facts
from ops.why.pods import NAME, Item, name_of, workload_of
from settings.catalogue import Workload
from settings.flows import Flow, machine_flows, workload_flows

PART_OF = {"app.kubernetes.io/part-of": "highstreetly"}
EGRESS, INGRESS = "Egress", "Ingress"
DNS_PORT = 53


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod by its labels, or an address outside the cluster."""

    name: str
    labels: Mapping[str, str] | None = None
    namespace: str = ""
    address: str = ""


CLUSTER_DNS = Peer("kube-dns", {"k8s-app": "kube-dns"}, "kube-system")


@dataclass(frozen=True)
class Verdict:
    """Whether a connection is let through; ``culprit`` is the workload whose policy does not, ``direction`` which way."""

    allowed: bool
    culprit: str = ""
    direction: str = ""


def workload_peer(name: str, environment: str) -> Peer:
    """A workload's pods."""
    return Peer(name, {NAME: name, **PART_OF}, environment)


def verdict(policies: Sequence[Item], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> Verdict:
    """Whether ``source`` may connect to ``target`` at ``port``."""
    if not _allows(policies, EGRESS, source, target, port, protocol):
        return Verdict(False, source.name, EGRESS)
    if (
        target.labels is not None
        and target.namespace == source.namespace
        and not _allows(policies, INGRESS, target, source, port, protocol)
    ):
        return Verdict(False, target.name, INGRESS)
    return Verdict(True)


def _allows(policies: Sequence[Item], direction: str, here: Peer, there: Peer, port: int, protocol: str) -> bool:
    selecting = [policy for policy in policies if _applies(policy, direction) and _matches(policy["spec"].get("podSelector"), here.labels)]
    word, peers = ("egress", "to") if direction == EGRESS else ("ingress", "from")
    rules = [rule for policy in selecting for rule in policy["spec"].get(word) or []]
    return not selecting or any(
        _has_port(rule.get("ports"), port, protocol) and _has_peer(rule.get(peers), there, here.namespace) for rule in rules
    )


def _applies(policy: Item, direction: str) -> bool:
    spec = policy["spec"]
    return direction in (spec.get("policyTypes") or [INGRESS, *([EGRESS] if "egress" in spec else [])])


def _has_port(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    if not ports:
        return True
    for one in ports:
        begin = one.get("port")
        if one.get("protocol", "TCP") != protocol:
            continue
        # A port by name is that of the pods' own definition; ours are numbers, so a name is somebody's, and is given the benefit.
        if begin is None or isinstance(begin, str) or int(begin) <= port <= int(one.get("endPort", begin)):
            return True
    return False


def _has_peer(peers: Sequence[Mapping[str, Any]] | None, there: Peer, namespace: str) -> bool:
    return not peers or any(_is_peer(peer, there, namespace) for peer in peers)


def _is_peer(peer: Mapping[str, Any], there: Peer, namespace: str) -> bool:
    block = peer.get("ipBlock")
    if block:
        excluded = list(block.get("except") or [])
        return bool(there.address) and _inside(there.address, block["cidr"]) and not any(_inside(there.address, one) for one in excluded)
    if there.labels is None:
        return False
    selector = peer.get("namespaceSelector")
    if selector is None and there.namespace != namespace:
        return False
    if selector is not None and not _matches(selector, {NAMESPACE_LABEL: there.namespace}):
        return False
    return _matches(peer.get("podSelector"), there.labels)


def _inside(address: str, cidr: str) -> bool:
    return ip_address(address) in ip_network(cidr, strict=False)


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    if labels is None:
        return False
    wanted = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted.items()) and all(_holds(one, labels) for one in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), str(expression["operator"])
    values: list[str] = expression.get("values") or []
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    return (value is not None) == (operator == "Exists")


@dataclass(frozen=True)
class Blocked:
    """A flow that the catalogue declares and the cluster's policies do not let through."""

    flow: Flow
    target: Peer
    port: int
    verdict: Verdict


def declared(facts: Facts) -> list[tuple[Flow, Peer, int]]:
    """Every flow that the catalogue declares, its target and port; every workload and migration may ask the cluster's DNS besides."""
    catalogue = facts.catalogue
    if catalogue is None:
        return []
    workloads: dict[str, Workload] = {workload.name: workload for workload in catalogue.workloads()}
    found = [(flow, workload_peer(flow.target, facts.environment), workloads[flow.target].port) for flow in workload_flows(catalogue)]
    for flow in machine_flows(catalogue):
        for machine, endpoint in facts.machines.items():
            if machine == flow.target:
                found.append((flow, Peer(machine, address=endpoint.address), endpoint.port))
    return found


def blocked(facts: Facts) -> list[Blocked]:
    """The declared flows of workloads that are deployed which the policies, as they are in the cluster, do not let through."""
    deployed = {name_of(item) for item in facts.of("Deployment")}
    policies = facts.of("NetworkPolicy")
    found = []
    for flow, target, port in declared(facts):
        if flow.source not in deployed or (target.namespace == facts.environment and target.name not in deployed):
            continue
        protocol = "UDP" if target is CLUSTER_DNS else "TCP"
        seen = verdict(policies, workload_peer(flow.source, facts.environment), target, port, protocol)
        if not seen.allowed:
            found.append(Blocked(flow, target, port, seen))
    return found


def own_rules(facts: Facts, workload: str) -> str:
    """What the cluster's policy of a workload allows, in words: what shows that a flow is not among it."""
    policies = [policy for policy in facts.of("NetworkPolicy") if _selects_only(policy, workload)]
    if not policies:
        return f"there is no NetworkPolicy of {workload}; default-deny holds"
    rules = [change.name for policy in policies for change in rule_changes({}, policy)]
    return f"NetworkPolicy {workload_of(policies[0])} allows {', '.join(rules) or 'nothing'}"


def _selects_only(policy: Item, workload: str) -> bool:
    return bool(((policy["spec"].get("podSelector") or {}).get("matchLabels") or {}).get(NAME) == workload)


__all__ = ["CLUSTER_DNS", "DNS_PORT", "Blocked", "Peer", "Verdict", "blocked", "declared", "own_rules", "verdict", "workload_peer"]
