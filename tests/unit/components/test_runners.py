"""The datacenter's runners: one scale set for each environment, named as workflows call it, with its own deployer and its own secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from components.runners import SCALE_SET_LENGTH_MAX, controller_values, scale_set, scale_set_values
from settings.environment import ClusterSettings, Runners
from settings.vocabulary import NAME_LENGTH_MAX
from tests.unit.components.recorder import ROOT, Recorded, Recorder

ENVIRONMENTS = ("live", "test", "dev")
CHARTS = "oci://ghcr.io/actions/actions-runner-controller-charts"


@pytest.fixture(scope="module")
def cluster(run_stack: Callable[..., Recorder]) -> Recorder:
    return run_stack("cluster")


def releases(cluster: Recorder) -> dict[str, Recorded]:
    return {found.inputs["name"]: found for found in cluster.of("Release") if found.inputs["chart"].startswith(CHARTS)}


def secrets(cluster: Recorder) -> dict[str, dict[str, str]]:
    """The content of the Secrets beside the runners, by name."""
    return {
        found.metadata["name"]: found.inputs["stringData"]["value"]
        for found in cluster.of("Secret")
        if found.metadata.get("namespace") == "arc-runners"
    }


def settings(**changes: Any) -> Runners:
    return Runners.model_validate(
        {"github_config_url": "https://github.com/highstreetly", "environments": {"live": {"min_runners": 1}, "dev": {}}} | changes
    )


def runner(found: Runners, environment: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(pod, its one container) of an environment's runners."""
    pod = scale_set_values(found, environment)["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def test_each_environment_has_a_scale_set_beside_one_controller(cluster: Recorder) -> None:
    found = releases(cluster)
    assert set(found) == {"arc-gha-rs-controller", *(f"highstreetly-{name}" for name in ENVIRONMENTS)}
    assert {release.inputs["version"] for release in found.values()} == {"0.14.2"}, "the controller deletes scale sets of another version"
    assert found["arc-gha-rs-controller"].inputs["namespace"] == "arc-systems"
    assert {found[scale_set(name)].inputs["namespace"] for name in ENVIRONMENTS} == {"arc-runners"}


def test_workflows_call_the_runners_by_their_scale_set_s_name() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy-environment.yml").read_text())
    named = workflow["jobs"]["deploy"]["runs-on"].replace("${{ inputs.environment }}", "live")
    assert named == scale_set("live") == scale_set_values(settings(), "live")["runnerScaleSetName"]


def test_runners_join_a_group_of_the_organisation_whose_workflows_are_limited(cluster: Recorder) -> None:
    values = releases(cluster)[scale_set("live")].inputs["values"]
    assert (values["githubConfigUrl"], values["runnerGroup"]) == ("https://github.com/highstreetly", "highstreetly-platform")
    assert scale_set_values(settings(group="Default"), "live")["runnerGroup"] == "Default"


def test_no_environment_s_name_makes_a_scale_set_s_too_long() -> None:
    assert len(scale_set("a" * NAME_LENGTH_MAX)) <= SCALE_SET_LENGTH_MAX


def test_a_runner_deploys_as_its_own_environment_s_deployer_with_its_own_secrets() -> None:
    for environment in ("live", "dev"):
        pod, container = runner(settings(), environment)
        assert pod["serviceAccountName"] == f"deployer-{environment}"
        assert pod["automountServiceAccountToken"] is True
        assert container["envFrom"] == [{"secretRef": {"name": f"deployer-{environment}"}}]


def test_what_a_runner_signs_in_with_is_its_environment_s_alone(cluster: Recorder) -> None:
    for environment in ENVIRONMENTS:
        assert secrets(cluster)[f"deployer-{environment}"] == {
            "PULUMI_BACKEND_URL": "canary-runner_backend_url",
            "PULUMI_CONFIG_PASSPHRASE": f"canary-runner_passphrase_{environment}",
            "HIGHSTREETLY_NEW_RELIC_LICENSE_KEY": "canary-new_relic_license_key",
        }


def test_the_github_app_is_one_secret_that_the_controller_reads(cluster: Recorder) -> None:
    keys = ("github_app_id", "github_app_installation_id", "github_app_private_key")
    assert secrets(cluster)["github-app"] == {key: f"canary-{key}" for key in keys}
    assert scale_set_values(settings(), "live")["githubConfigSecret"] == "github-app"


def test_no_secret_stands_in_a_chart_s_values(cluster: Recorder) -> None:
    for found in cluster.resources:
        if not found.type.endswith(":Secret") and not found.type.startswith("pulumi:providers:"):
            assert "canary-" not in str(found.inputs), found.name


def test_runners_are_restricted_and_say_what_they_need() -> None:
    pod, container = runner(settings(), "live")
    for found in (pod["securityContext"], controller_values()["podSecurityContext"]):
        assert found["runAsNonRoot"] is True
        assert found["seccompProfile"] == {"type": "RuntimeDefault"}
    for found in (container["securityContext"], controller_values()["securityContext"]):
        assert found["allowPrivilegeEscalation"] is False
        assert found["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2048Mi"}}


def test_a_listener_too_is_restricted() -> None:
    listener = scale_set_values(settings(), "live")["listenerTemplate"]["spec"]
    assert listener["securityContext"]["runAsNonRoot"] is True
    assert [container["name"] for container in listener["containers"]] == ["listener"], "another name would be a second container"
    assert listener["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_runners_are_cold_unless_the_settings_warm_them() -> None:
    numbers = {name: scale_set_values(settings(), name) for name in ("live", "dev")}
    assert {name: (values["minRunners"], values["maxRunners"]) for name, values in numbers.items()} == {"live": (1, 6), "dev": (0, 6)}


def test_the_controller_has_rights_in_the_runners_namespace_instead_of_the_cluster() -> None:
    assert controller_values()["flags"]["watchSingleNamespace"] == "arc-runners"
    assert scale_set_values(settings(), "live")["controllerServiceAccount"] == {
        "namespace": "arc-systems",
        "name": "arc-gha-rs-controller",
    }


@pytest.mark.parametrize(("namespace", "ports"), [("arc-runners", {22, 53, 80, 443, 5432, 6443, 15671}), ("arc-systems", {53, 443, 6443})])
def test_nobody_connects_to_a_runner_and_it_to_the_named_ports_only(cluster: Recorder, namespace: str, ports: set[int]) -> None:
    (policy,) = [found for found in cluster.of("NetworkPolicy") if found.metadata["namespace"] == namespace]
    assert policy.spec["podSelector"] == {}
    assert set(policy.spec["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in policy.spec
    assert {port["port"] for rule in policy.spec["egress"] for port in rule["ports"]} == ports
    labels = cluster.one("Namespace", namespace).metadata["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_scale_sets_go_before_what_they_need_to_go(cluster: Recorder) -> None:
    for name in ENVIRONMENTS:
        needed = {"arc-gha-rs-controller-release", "github-app-secret", f"deployer-{name}-secret", f"deployer-{name}-binding"}
        assert cluster.goes_before(releases(cluster)[scale_set(name)]) == needed


def test_without_a_repository_there_are_deployers_and_no_runners_of_github(
    run_stack: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ClusterSettings.model_validate

    def validate(raw: Any) -> ClusterSettings:
        return original(raw | {"runners": {"environments": {"dev": {}}}})

    monkeypatch.setattr(ClusterSettings, "model_validate", validate)
    accounts_only = run_stack("cluster")
    assert releases(accounts_only) == {}
    assert secrets(accounts_only) == {}
    assert {found.metadata["name"] for found in accounts_only.of("ServiceAccount")} == {"log-shipper", "deployer-dev"}
    assert "arc-systems" not in {found.metadata["name"] for found in accounts_only.of("Namespace")}
