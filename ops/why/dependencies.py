"""What a program's trouble means for the environment: which machine, name or flow is the cause behind it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from ops.why.cause import Cause, Kind
from ops.why.facts import Endpoint, Facts
from ops.why.pods import name_of
from ops.why.policies import CLUSTER_DNS, DNS_PORT, Blocked, Peer, declared, own_rules, verdict, workload_peer
from ops.why.trouble import Fault, Trouble, fault_of
from settings.flows import Flow, Machine

KINDS: dict[Machine, Kind] = {"postgres": Kind.DATABASE, "rabbitmq": Kind.BROKER}
CHECKS: dict[str, Machine] = {"database": "postgres", "broker": "rabbitmq"}
PORTS: dict[int, Machine] = {5432: "postgres", 5671: "rabbitmq"}
TITLES: dict[Machine, str] = {"postgres": "the database server", "rabbitmq": "the broker"}
UNITS: dict[Machine, str] = {"postgres": "postgresql", "rabbitmq": "rabbitmq-server"}
OF_ONE_CONTEXT = (Fault.AUTHENTICATION, Fault.MISSING)
"""Faults of one context's access; the others are the whole machine's."""
WORDS = {
    Fault.CERTIFICATE: "shows a certificate that is not trusted, or no longer",
    Fault.CONNECTIONS: "has no connection left to give (too many are open)",
    Fault.AUTHENTICATION: "refuses the user or the password of {context}",
    Fault.MISSING: "does not have what {context} asks for",
    Fault.STARTING: "is starting or stopping",
    Fault.REFUSED: "refuses connections: nothing listens there",
    Fault.TIMEOUT: "does not answer: connections time out",
    Fault.REJECTED: "takes no more messages",
    Fault.NAME: "cannot be found: its name has no address",
}
SESSIONS = "SELECT datname, usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC"


@dataclass(frozen=True)
class Complaint:
    """A workload says that it cannot have something it needs."""

    workload: str
    trouble: Trouble
    evidence: Cause
    """What is known of the workload itself; its events and lines show the complaint."""


def machine_of(facts: Facts, trouble: Trouble) -> Machine | None:
    """The data machine that a trouble is about; None where it is about something else."""
    for machine, endpoint in facts.machines.items():
        if trouble.host == endpoint.address and trouble.port in (0, endpoint.port):
            return machine
    if trouble.check in CHECKS and trouble.fault is not Fault.NAME:
        return CHECKS[trouble.check]
    return PORTS.get(trouble.port)


def cause_behind(facts: Facts, complaint: Complaint) -> Cause | None:
    """The cause of a complaint, which may be many workloads' at once; None where it is the workload's own affair."""
    trouble = complaint.trouble
    machine = machine_of(facts, trouble)
    if machine and trouble.fault is Fault.REJECTED:
        return _from(complaint, Kind.BROKER, "rabbitmq", _machine_words(facts, machine, trouble.fault, ""), root="rabbitmq:rejected")
    if machine:
        return _machine(facts, machine, complaint)
    if trouble.fault is Fault.NAME:
        return _name(facts, complaint)
    if trouble.fault in (Fault.REFUSED, Fault.TIMEOUT) and trouble.host:
        return _elsewhere(facts, complaint)
    return None


def _machine(facts: Facts, machine: Machine, complaint: Complaint) -> Cause:
    fault = complaint.trouble.fault
    context = complaint.workload.rpartition("-")[0] or complaint.workload
    away = any(probe_fault in (Fault.REFUSED, Fault.TIMEOUT) for probe_fault in probe_faults(facts, machine))
    if fault is Fault.TIMEOUT and not away and machine in facts.machines:
        endpoint = facts.machines[machine]
        found = _blocked_or_lost(facts, complaint, Peer(machine, address=endpoint.address), endpoint.port, str(endpoint))
        if found:
            return found
    words = _machine_words(facts, machine, fault, context)
    root = machine_root(machine, fault, context)
    subject = machine_subject(facts, machine, fault, context)
    return _from(
        complaint, KINDS[machine], subject, words, root=root, dependency=place(facts, machine), next=machine_command(facts, machine, fault)
    )


def _blocked_or_lost(facts: Facts, complaint: Complaint, target: Peer, port: int, title: str) -> Cause | None:
    """A policy in the way, or what lies between the cluster and a machine that answers from here."""
    source = workload_peer(complaint.workload, facts.environment)
    seen = verdict(facts.of("NetworkPolicy"), source, target, port)
    if not seen.allowed:
        return blocked_cause(facts, [Blocked(Flow(source.name, target.name), target, port, seen)], complaint)
    answers = target.labels is None and probes(facts, target.name) and not probe_faults(facts, target.name)
    if not answers:
        return None
    words = f"{title} answers from here but not from the pods, though the NetworkPolicies allow it: a firewall or a route is in the way"
    return _from(complaint, Kind.NETWORK, target.name, words, root=f"path:{target.name}", dependency=title)


def blocked_cause(facts: Facts, flows: Sequence[Blocked], complaint: Complaint | None = None) -> Cause:
    """Connections that one workload's policy does not let through; all of ``flows`` have that culprit."""
    culprit = flows[0].verdict.culprit
    meant = all(_is_declared(facts, found.flow) for found in flows)
    words = ", ".join(dict.fromkeys(_flow_words(found) for found in flows))
    why = "although the catalogue declares it: somebody changed the policy" if meant else "and the catalogue declares no such flow"
    sources = tuple(dict.fromkeys(found.flow.source for found in flows))
    return Cause(
        kind=Kind.NETWORK,
        subject=culprit,
        sentence=f"the network policies do not let {words} through, {why}",
        since=complaint.evidence.since if complaint else None,
        pod=complaint.evidence.pod if complaint else "",
        events=complaint.evidence.events if complaint else (),
        log=complaint.evidence.log if complaint else (),
        seen=(own_rules(facts, culprit),),
        dependency=", ".join(dict.fromkeys(found.flow.target for found in flows)),
        affected=tuple(source for source in sources if source != culprit),
        next=facts.refresh if meant else f"{facts.deploy}, with the flow in catalogue.yaml (calls)",
        root=f"policy:{culprit}",
    )


def _is_declared(facts: Facts, flow: Flow) -> bool:
    known = {found for found, _, _ in declared(facts)}
    contexts = facts.catalogue.contexts if facts.catalogue else {}
    return flow in known or flow in {Flow(f"{context}-migration", "postgres") for context in contexts}


def _flow_words(found: Blocked) -> str:
    address = f" {found.target.address}" if found.target.address and found.target.address != found.flow.target else ""
    return f"{found.flow.source} → {found.flow.target}{address} (port {found.port})"


def _name(facts: Facts, complaint: Complaint) -> Cause:
    trouble = complaint.trouble
    source = workload_peer(complaint.workload, facts.environment)
    seen = verdict(facts.of("NetworkPolicy"), source, CLUSTER_DNS, DNS_PORT, "UDP")
    if not seen.allowed:
        return blocked_cause(facts, [Blocked(Flow(source.name, CLUSTER_DNS.name), CLUSTER_DNS, DNS_PORT, seen)], complaint)
    if any(words in trouble.line for words in ("no such host", "not known", "UnknownHostException", "not found in upstream")):
        name = trouble.host or "a name"
        evidence = complaint.evidence
        words = f"{evidence.sentence}: the name {name} does not exist"
        return _from(complaint, Kind.DNS, complaint.workload, words, root=f"name:{name}", dependency=name)
    words = f"the cluster's name service does not answer{f' for {trouble.host}' if trouble.host else ''}"
    command = "kubectl --namespace kube-system get pods --selector k8s-app=kube-dns"
    return _from(complaint, Kind.DNS, CLUSTER_DNS.name, words, root="cluster dns", dependency="kube-dns", next=command)


def _elsewhere(facts: Facts, complaint: Complaint) -> Cause | None:
    """Another service, or something outside."""
    trouble = complaint.trouble
    services = {str(item["spec"].get("clusterIP", "")): name_of(item) for item in facts.of("Service")}
    workloads = {workload.name: workload for workload in facts.workloads()}
    name = services.get(trouble.host) or _service_of(trouble.host, facts.environment)
    where = f"{trouble.host}:{trouble.port}" if trouble.port else trouble.host
    if name in workloads:
        target, port = workload_peer(name, facts.environment), workloads[name].port
        found = _blocked_or_lost(facts, complaint, target, port, name) if trouble.fault is Fault.TIMEOUT else None
        words = f"{complaint.evidence.sentence}: it cannot reach {name} ({trouble.fault})"
        own = complaint.evidence
        return found or _from(complaint, own.kind, own.subject, words, root=f"needs:{name}", dependency=name)
    if trouble.fault is Fault.TIMEOUT and _is_address(trouble.host) and trouble.port:
        found = _blocked_or_lost(facts, complaint, Peer(where, address=trouble.host), trouble.port, where)
        if found:
            return found
    words = f"{complaint.evidence.sentence}: it cannot reach {where} ({trouble.fault})"
    return _from(complaint, complaint.evidence.kind, complaint.workload, words, root=f"{complaint.workload}:{where}", dependency=where)


def _service_of(host: str, environment: str) -> str:
    """The Service behind a name that the cluster's own name service gives; nothing for a name from outside, whatever its first word."""
    name, _, rest = host.partition(".")
    return name if rest in ("", environment) or rest.startswith(f"{environment}.svc") else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _from(
    complaint: Complaint,
    kind: Kind,
    subject: str,
    sentence: str,
    *,
    root: str,
    dependency: str = "",
    next: str = "",  # noqa: A002 - the field's name
) -> Cause:
    own = complaint.evidence
    return Cause(
        kind=kind,
        subject=subject,
        sentence=sentence,
        since=own.since,
        pod=own.pod if subject == own.subject else "",
        events=own.events,
        log=(complaint.trouble.line,) if complaint.trouble.line else own.log,
        seen=own.seen if not complaint.trouble.line else (),
        dependency=dependency,
        affected=() if subject == complaint.workload else (complaint.workload,),
        next=next,
        root=root,
    )


def machine_root(machine: Machine, fault: Fault, context: str) -> str:
    """What makes troubles with a machine one: the whole machine's, or one context's."""
    return f"{machine}:{context}" if fault in OF_ONE_CONTEXT else machine


def machine_subject(facts: Facts, machine: Machine, fault: Fault | None, context: str) -> str:
    """What fails: the machine, or one context's database on it."""
    return f"{facts.environment}_{context}" if machine == "postgres" and fault in OF_ONE_CONTEXT else machine


def place(facts: Facts, machine: Machine) -> str:
    """A machine in words, with its address where that is known."""
    endpoint: Endpoint | None = facts.machines.get(machine)
    return str(endpoint) if endpoint else TITLES[machine]


def _machine_words(facts: Facts, machine: Machine, fault: Fault, context: str) -> str:
    return f"{place(facts, machine)} {WORDS[fault].format(context=context)}"


def probes(facts: Facts, machine: str) -> bool:
    """Whether a machine was asked from here."""
    return bool(facts.databases) if machine == "postgres" else machine == "rabbitmq" and facts.broker.asked


def probe_faults(facts: Facts, machine: str) -> list[Fault | None]:
    """What came of asking a machine from here, without what went well; None is a message that nobody knows."""
    troubles = [database.trouble for database in facts.databases] if machine == "postgres" else [facts.broker.trouble]
    return [fault_of(trouble) for trouble in troubles if trouble]


def machine_command(facts: Facts, machine: Machine, fault: Fault) -> str:
    """What to type when a data machine fails."""
    endpoint = facts.machines.get(machine)
    if fault in OF_ONE_CONTEXT:
        return facts.refresh
    if fault is Fault.CERTIFICATE:
        return facts.deploy if facts.local else "ansible-playbook ansible/site.yml"
    if fault is Fault.CONNECTIONS:
        return f'psql --command "{SESSIONS}" on {place(facts, machine)}'
    if facts.local or endpoint is None:
        return facts.deploy
    return f"ssh deploy@{endpoint.address} sudo systemctl status {UNITS[machine]}"


__all__ = [
    "KINDS",
    "WORDS",
    "Complaint",
    "blocked_cause",
    "cause_behind",
    "machine_command",
    "machine_of",
    "machine_root",
    "machine_subject",
    "place",
    "probe_faults",
    "probes",
]
