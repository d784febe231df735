"""The network policies hold exactly the flows that the catalogue implies."""

from __future__ import annotations

import itertools
from typing import Any

import yaml

from settings.catalogue import Catalogue
from settings.flows import Flow, machine_flows, workload_flows
from tests.unit.components.recorder import ROOT, Recorder

NAME = "app.kubernetes.io/name"
POSTGRES, RABBITMQ = ("10.10.0.31/32", 5432), ("10.10.0.32/32", 5671)


def catalogue() -> Catalogue:
    return Catalogue.model_validate(yaml.safe_load((ROOT / "catalogue.yaml").read_text()))


def policies(recorder: Recorder) -> dict[str, dict[str, Any]]:
    found = {p.metadata["name"]: p.spec for p in recorder.of("NetworkPolicy")}
    found.pop("default-deny")
    return found


def egress_workloads(spec: dict[str, Any]) -> set[str]:
    peers = [peer for rule in spec.get("egress", []) for peer in rule["to"]]
    return {peer["podSelector"]["matchLabels"][NAME] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer}


def ingress_workloads(spec: dict[str, Any]) -> set[str]:
    return {peer["podSelector"]["matchLabels"][NAME] for rule in spec.get("ingress", []) for peer in rule["from"]}


def test_both_sides_of_every_connection_between_workloads_follow_the_catalogue(live: Recorder) -> None:
    specs = policies(live)
    names = [workload.name for workload in catalogue().workloads()]
    implied = set(workload_flows(catalogue()))
    for source, target in itertools.product(names, names):
        opened = target in egress_workloads(specs[source]), source in ingress_workloads(specs[target])
        assert opened == ((Flow(source, target) in implied),) * 2, f"{source} to {target}"


def test_machines_are_reached_by_services_and_migrations_only(live: Recorder) -> None:
    specs = policies(live)
    implied = set(machine_flows(catalogue()))
    for name, spec in specs.items():
        blocks = {
            (peer["ipBlock"]["cidr"], rule["ports"][0]["port"]) for rule in spec["egress"] for peer in rule["to"] if "ipBlock" in peer
        }
        if name.endswith("-migration"):
            assert blocks == {POSTGRES}, name
        else:
            expected = {block for machine, block in (("postgres", POSTGRES), ("rabbitmq", RABBITMQ)) if Flow(name, machine) in implied}
            assert blocks == expected, name


def test_the_namespace_denies_what_no_policy_allows(environment: Recorder) -> None:
    deny = environment.one("NetworkPolicy", "default-deny")
    assert deny.spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_policy_names_both_directions(environment: Recorder) -> None:
    for policy in environment.of("NetworkPolicy"):
        if policy.metadata["namespace"] == "traefik":
            continue  # the ingress controller reaches every environment
        assert policy.spec["policyTypes"] == ["Ingress", "Egress"], policy.name
