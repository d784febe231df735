"""What every environment contains, asserted on the four real stack files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.components.recorder import Recorded, Recorder

CONTEXTS = ("identity", "shops", "orders", "payments", "subscriptions")
SERVICES = {f"{context}-api" for context in CONTEXTS} | {f"{context}-receiver" for context in CONTEXTS if context != "identity"}
UIS = {"shop", "dashboard", "operator"}


def pod(workload: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = workload.spec["template"]["spec"]
    return found


def containers(recorder: Recorder) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (owner.name, pod(owner), container)
        for owner in [*recorder.of("Deployment"), *recorder.of("Job")]
        for container in [*pod(owner)["containers"], *pod(owner).get("initContainers", [])]
    ]


def test_an_environment_runs_nine_services_and_three_uis(environment: Recorder) -> None:
    assert {found.metadata["name"] for found in environment.of("Deployment")} == SERVICES | UIS
    assert {found.metadata["name"] for found in environment.of("Service")} == SERVICES | UIS
    assert len(SERVICES) == 9


def test_an_environment_has_a_database_a_broker_user_and_a_migration_for_each_context(environment: Recorder) -> None:
    names = {found.inputs["name"].split("_")[1] for found in environment.of("Database") if "name" in found.inputs}
    assert names == set(CONTEXTS)
    assert {found.inputs["name"].split("_")[1] for found in environment.of("User")} == set(CONTEXTS)
    assert len(environment.of("Job")) == len(CONTEXTS)


def test_the_namespace_enforces_pod_security_restricted(environment: Recorder) -> None:
    kubernetes = [found for found in environment.of("Namespace") if found.type.startswith("kubernetes:")]
    [namespace] = [found for found in kubernetes if found.metadata["labels"]["app.kubernetes.io/component"] == "environment"]
    assert namespace.metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_container_is_restricted(environment: Recorder) -> None:
    for name, spec, container in containers(environment):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"]["drop"] == ["ALL"], name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert spec["automountServiceAccountToken"] is False, name


def test_every_container_says_what_it_needs(environment: Recorder) -> None:
    for name, _, container in containers(environment):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
        assert set(container["resources"]["limits"]) == {"memory"}, name


def test_every_deployment_is_probed_and_never_loses_a_pod_before_its_successor_is_ready(environment: Recorder) -> None:
    for deployment in environment.of("Deployment"):
        container = pod(deployment)["containers"][0]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), deployment.name
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > 0, deployment.name
        assert deployment.spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}, deployment.name


def test_only_services_are_ready_by_their_database_and_broker(live: Recorder) -> None:
    paths = {d.metadata["name"]: pod(d)["containers"][0]["readinessProbe"]["httpGet"]["path"] for d in live.of("Deployment")}
    assert {name for name, path in paths.items() if path == "/health/ready"} == SERVICES


def test_a_workload_with_several_pods_has_a_disruption_budget_and_one_with_a_single_pod_has_none(
    live: Recorder, run_stack: Callable[..., Recorder]
) -> None:
    assert {found.metadata["name"] for found in live.of("PodDisruptionBudget")} == SERVICES | UIS
    assert run_stack("dev").of("PodDisruptionBudget") == []


def test_a_service_gets_its_own_context_s_secrets_and_no_other(environment: Recorder) -> None:
    for deployment in environment.of("Deployment"):
        name = deployment.metadata["name"]
        secrets = [source["secretRef"]["name"] for source in pod(deployment)["containers"][0].get("envFrom", [])]
        if name in UIS:
            assert secrets == []
        else:
            context = name.split("-")[0]
            webhooks = [f"{context}-webhooks"] if name in ("payments-api", "subscriptions-api") else []
            assert [secret.rsplit("-", 1)[0] for secret in secrets] == [f"{context}-database", f"{context}-broker", *webhooks]


def test_the_owner_s_password_reaches_the_migration_only(environment: Recorder) -> None:
    for job in environment.of("Job"):
        sources = pod(job)["containers"][0]["envFrom"]
        assert [source["secretRef"]["name"].rsplit("-", 1)[0] for source in sources] == [f"{job.name.split('-')[0]}-migrations"]
    for deployment in environment.of("Deployment"):
        assert "migrations" not in str(pod(deployment))


def test_no_password_stands_outside_a_secret(environment: Recorder) -> None:
    for found in environment.resources:
        if found.type.endswith((":Secret", ":Role", ":User", ":RandomPassword")) or found.type.startswith("pulumi:providers:"):
            continue
        assert "generated-" not in str(found.inputs), found.name
        assert "canary-" not in str(found.inputs), found.name


@pytest.mark.parametrize(("stack", "protected"), [("live", True), ("test", True), ("dev", True), ("kind", False)])
def test_data_is_protected_everywhere_but_on_a_laptop(stack: str, protected: bool, run_stack: Callable[..., Recorder]) -> None:
    recorder = run_stack(stack)
    data = [found for found in [*recorder.of("Database"), *recorder.of("VHost")] if not found.type.startswith("platform:")]
    assert [bool(recorder.options_of(found).protect) for found in data] == [protected] * (len(CONTEXTS) + 1)


def test_images_are_the_environment_s_version_of_each_workload(live: Recorder) -> None:
    images = {d.metadata["name"]: pod(d)["containers"][0]["image"] for d in live.of("Deployment")}
    assert images["orders-api"] == "highstreetly/orders-api:1.0.0"
    assert images["shop"] == "highstreetly/shop:1.0.0"


def test_one_service_can_differ_in_image_and_replicas(run_stack: Callable[..., Recorder]) -> None:
    recorder = run_stack("live", services={"orders-api": {"image": "highstreetly/orders-api@sha256:" + "a" * 64, "replicas": 5}})
    orders = recorder.one("Deployment", "orders-api")
    assert pod(orders)["containers"][0]["image"].endswith("a" * 64)
    assert orders.spec["replicas"] == 5
    assert recorder.one("Deployment", "shops-api").spec["replicas"] == 3


def test_two_environments_share_no_name_but_the_cluster_s(run_stack: Callable[..., Recorder]) -> None:
    def names(recorder: Recorder) -> set[str]:
        kinds = ("Database", "Role", "User", "VHost")
        found = {f"{kind}/{r.inputs['name']}" for kind in kinds for r in recorder.of(kind) if "name" in r.inputs}
        return found | {f"{r.type}/{r.metadata.get('namespace')}" for r in recorder.resources if r.inputs.get("metadata")} - {
            "kubernetes:core/v1:Namespace/None"
        }

    assert names(run_stack("test")) & names(run_stack("dev")) == set()


def test_the_administrator_is_a_member_of_an_owner_role_before_it_owns_a_database(environment: Recorder) -> None:
    joined = {found.inputs["grantRole"]: found for found in environment.of("GrantRole")}
    owned = {found.inputs["owner"]: found for found in environment.of("Database") if "owner" in found.inputs}
    assert {found.inputs["role"] for found in joined.values()} == {"platform"}
    assert joined.keys() == owned.keys()
    assert len(owned) == len(CONTEXTS)
    for owner, database in owned.items():
        assert environment.goes_before(database) == {joined[owner].name}


def test_the_cluster_stack_holds_no_environment(run_stack: Callable[..., Recorder]) -> None:
    recorder = run_stack("cluster")
    assert recorder.of("Deployment") == []
    assert {found.metadata["name"]: found.inputs["value"] for found in recorder.of("PriorityClass")} == {
        "live": 1_000_000,
        "test": 100_000,
        "dev": 10_000,
    }
