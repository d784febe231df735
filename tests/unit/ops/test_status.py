"""An environment is healthy only when everything that the catalogue names is there, ready and migrated."""

from __future__ import annotations

from typing import Any

import yaml

from ops.status import DatabaseStatus, EnvironmentStatus, WorkloadStatus, workload_statuses
from settings.catalogue import Catalogue
from settings.load import ROOT


def catalogue() -> Catalogue:
    return Catalogue.model_validate(yaml.safe_load((ROOT / "catalogue.yaml").read_text()))


def deployment(name: str, *, available: int = 1, updated: int = 1, generation: int = 1, observed: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": generation, "labels": {"app.kubernetes.io/version": "1.0.0"}},
        "spec": {"replicas": 1},
        "status": {"availableReplicas": available, "updatedReplicas": updated, "observedGeneration": observed},
    }


def status(**changes: Any) -> EnvironmentStatus:
    healthy: dict[str, Any] = {
        "environment": "kind",
        "services": [WorkloadStatus("orders-api", "api", True, "1.0.0")],
        "uis": [WorkloadStatus("shop", "ui", True, "1.0.0")],
        "databases": [DatabaseStatus("kind_orders", "2", "2")],
        "vhost": "kind",
    }
    return EnvironmentStatus(**(healthy | changes))


def test_every_workload_of_the_catalogue_is_reported_also_when_it_is_not_deployed() -> None:
    found = workload_statuses(catalogue(), [deployment("orders-api")])
    assert len(found) == 12
    assert [workload.name for workload in found if workload.ready] == ["orders-api"]


def test_a_rollout_that_the_controller_has_not_seen_yet_is_not_ready() -> None:
    [found] = [w for w in workload_statuses(catalogue(), [deployment("orders-api", generation=2)]) if w.name == "orders-api"]
    assert not found.ready


def test_old_pods_alone_are_not_ready() -> None:
    [found] = [w for w in workload_statuses(catalogue(), [deployment("orders-api", updated=0)]) if w.name == "orders-api"]
    assert not found.ready


def test_healthy_needs_every_part() -> None:
    assert status().healthy
    assert not status(services=[WorkloadStatus("orders-api", "api", False, "1.0.0")]).healthy
    assert not status(databases=[DatabaseStatus("kind_orders", "1", "2")]).healthy
    assert not status(vhost="").healthy
    assert not status(services=[], uis=[]).healthy


def test_a_database_migrated_further_than_this_checkout_is_healthy() -> None:
    assert DatabaseStatus("kind_orders", "10", "9").up_to_date


def test_the_json_has_the_documented_shape() -> None:
    found = status().as_json()
    service = {"name": "orders-api", "kind": "api", "ready": True, "version": "1.0.0", "replicas": "", "restarts": 0}
    assert found["services"] == [service]
    assert found["databases"] == [{"name": "kind_orders", "migrated_to": "2"}]
    assert {"environment", "services", "uis", "databases", "vhost", "healthy"} <= set(found)
