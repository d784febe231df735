"""An environment is healthy only when everything that the catalogue names is there, ready and migrated."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
import yaml

from ops import stack_secrets
from ops import status as module
from ops.errors import PlatformError
from ops.servers import Broker, DatabaseAnswer, ask_broker
from ops.status import (
    NOT_DEPLOYED,
    NOT_RELEASED,
    DatabaseStatus,
    EnvironmentStatus,
    Releases,
    WorkloadStatus,
    as_released,
    database_statuses,
    read_status,
    workload_statuses,
)
from settings.catalogue import Catalogue
from settings.load import ROOT, Settings
from tests.unit.ops.releases.makers import release


def catalogue() -> Catalogue:
    return Catalogue.model_validate(yaml.safe_load((ROOT / "catalogue.yaml").read_text()))


def deployment(name: str, *, available: int = 1, updated: int = 1, pods: int = 1, generation: int = 1, observed: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": generation, "labels": {"app.kubernetes.io/version": "1.0.0"}},
        "spec": {"replicas": 1},
        "status": {"replicas": pods, "availableReplicas": available, "updatedReplicas": updated, "observedGeneration": observed},
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


def test_an_old_pod_that_serves_beside_a_new_one_that_does_not_start_is_not_ready() -> None:
    [found] = [w for w in workload_statuses(catalogue(), [deployment("orders-api", pods=2)]) if w.name == "orders-api"]
    assert (found.ready, found.replicas) == (False, "1/1")


def test_what_somebody_scaled_to_no_pods_is_not_ready() -> None:
    scaled = deployment("orders-api", available=0, updated=0, pods=0) | {"spec": {"replicas": 0}}
    [found] = [w for w in workload_statuses(catalogue(), [scaled]) if w.name == "orders-api"]
    assert (found.ready, found.replicas) == (False, "0/0")


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


def test_a_broker_that_could_not_be_asked_is_unknown_and_not_unhealthy() -> None:
    found = status(vhost=None)
    assert found.healthy
    assert "its administrator's password is not here" in " ".join(found.unknown)
    assert status().unknown == []


def test_a_cluster_that_does_not_answer_is_unknown_and_nothing_raises(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_words: str) -> list[dict[str, Any]]:
        raise PlatformError("The cluster did not answer.")

    monkeypatch.setattr(module, "get_items", away)
    monkeypatch.setattr(module, "ask_broker", lambda _settings: Broker(version="4.2.0"))
    monkeypatch.setattr(module, "read_hosts", lambda _settings: [])
    found = read_status(settings, "file:///nowhere")
    assert not found.healthy
    assert {workload.replicas for workload in (*found.services, *found.uis)} == {"not known"}
    assert found.databases == []
    assert found.vhost == "kind"
    assert "The cluster did not answer." in found.unknown[0]


def test_a_state_that_does_not_answer_is_told_apart_from_a_book_without_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_url: str) -> None:
        raise PlatformError("The state does not answer.")

    monkeypatch.setattr(module, "open_state", away)
    assert module.read_releases("kind", "postgres://away").unknown == "The state does not answer."


def test_what_is_in_the_checkout_and_not_in_the_release_is_not_unhealthy() -> None:
    absent = WorkloadStatus("loyalty-api", "api", False, "", NOT_DEPLOYED)
    new = DatabaseStatus("kind_loyalty", "", "1")
    runs = status(services=[*status().services, absent], databases=[*status().databases, new])
    assert not runs.healthy
    found = as_released(replace(runs, releases=Releases(release(4))))
    assert [service.replicas for service in found.services] == ["", NOT_RELEASED]
    assert [database.name for database in found.databases] == ["kind_orders"]
    assert found.healthy
    gone = replace(runs, services=[WorkloadStatus("orders-api", "api", False, "", NOT_DEPLOYED)], releases=Releases(release(4)))
    assert not as_released(gone).healthy, "it was released, and somebody deleted it"


def test_a_script_that_is_merged_and_not_released_is_not_awaited(settings: Settings) -> None:
    labels = {"app.kubernetes.io/name": "orders-migration"}

    def job(made: str, newest: str) -> dict[str, Any]:
        metadata = {"labels": labels, "creationTimestamp": made, "annotations": {"platform.highstreet.ly/newest": newest}}
        return {"kind": "Job", "metadata": metadata}

    jobs = [job("2026-07-01T10:00:00Z", "000.5"), job("2026-07-01T09:00:00Z", "000.9")]
    found = {one.name: one for one in database_statuses(settings, jobs, {"orders": DatabaseAnswer(migrated_to="000.5")})}
    assert (found["kind_orders"].expected, found["kind_orders"].up_to_date) == ("000.5", True)
    assert found["kind_shops"].expected == settings.migrations["shops"].newest, "without a Job the checkout says it"


def encrypted(settings: Settings) -> Settings:
    """The settings as a runner has them: the stack file holds the password encrypted."""
    return replace(settings, secrets={**settings.secrets, "rabbitmq_admin_password": None})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands for the engine: answers with a code and two outputs, and records what it was asked."""
    asked: list[list[str]] = []

    def answering(code: int, out: str, err: str = "") -> list[list[str]]:
        def run(command: list[str], **_more: Any) -> subprocess.CompletedProcess[str]:
            asked.append(command)
            return subprocess.CompletedProcess(command, code, out, err)

        monkeypatch.setattr("ops.stack_secrets.subprocess.run", run)
        return asked

    stack_secrets._decrypted.cache_clear()
    yield answering
    stack_secrets._decrypted.cache_clear()


def test_an_encrypted_secret_is_asked_of_the_engine_once(settings: Settings, engine: Any) -> None:
    asked = engine(0, "canary\n", "warning: a new version is available")
    assert [stack_secrets.secret_of(encrypted(settings), "rabbitmq_admin_password") for _ in range(2)] == ["canary", "canary"]
    [command] = asked
    assert command[:4] == ["pulumi", "config", "get", "highstreetly:rabbitmq_admin_password"]
    assert "canary" not in command


def test_a_given_secret_needs_no_engine(settings: Settings, engine: Any) -> None:
    asked = engine(0, "another")
    assert stack_secrets.secret_of(settings, "rabbitmq_admin_password") == settings.secrets["rabbitmq_admin_password"]
    assert asked == []


def test_without_a_passphrase_the_broker_is_not_asked(settings: Settings, engine: Any) -> None:
    engine(255, "", "error: incorrect passphrase")
    assert not ask_broker(encrypted(settings)).asked
