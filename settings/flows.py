"""Which workload talks to which, derived from the catalogue alone: what the network policies allow and the pictures show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from settings.catalogue import Catalogue, Workload

Machine = Literal["postgres", "rabbitmq"]


@dataclass(frozen=True, order=True)
class Flow:
    """A connection that one workload may open to another workload or to a data machine."""

    source: str
    target: str


def workload_flows(catalogue: Catalogue) -> list[Flow]:
    """Connections between workloads: each `calls` entry is one, to that context's API."""
    return sorted({Flow(workload.name, f"{called}-api") for workload in catalogue.workloads() for called in workload.calls})


def machine_flows(catalogue: Catalogue) -> list[Flow]:
    """Connections to the data machines: every API and receiver uses its database and the broker."""
    return sorted(Flow(workload.name, machine) for workload in catalogue.workloads() for machine in machines_of(workload))


def machines_of(workload: Workload) -> Iterator[Machine]:
    """The data machines that a workload connects to; a UI uses none."""
    if workload.role != "ui":
        yield "postgres"
        yield "rabbitmq"


def callers_of(catalogue: Catalogue, name: str) -> list[str]:
    """The workloads that may connect to the workload called ``name``."""
    return [flow.source for flow in workload_flows(catalogue) if flow.target == name]
