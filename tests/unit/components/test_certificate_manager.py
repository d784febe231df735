"""cert-manager's package makes the release that the program means, whichever plugin runs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.certificate_manager import NAMESPACE
from local.providers.kubernetes_cert_manager.release import ARGUMENTS, release_options
from tests.unit.components.recorder import Recorded, Recorder


@pytest.fixture(scope="module", params=["cluster", "kind"])
def recorder(request: pytest.FixtureRequest, run_stack: Callable[..., Recorder]) -> Recorder:
    """Each of the two stacks that install it."""
    found: Recorder = run_stack(request.param)
    return found


@pytest.fixture
def installed(recorder: Recorder) -> Recorded:
    """The package's component, as the program declares it."""
    [found] = recorder.of("CertManager")
    return found


def test_no_value_of_the_chart_stands_where_the_package_drops_it(installed: Recorded) -> None:
    values = installed.inputs["helmOptions"]["values"]
    assert values.keys() & ARGUMENTS == set()
    assert values["crds"] == {"enabled": True, "keep": True}


def test_the_release_has_what_the_package_has_arguments_for(installed: Recorded) -> None:
    values = release_options(installed.inputs)["values"]
    assert values["global"] == {"leaderElection": {"namespace": NAMESPACE}}
    assert values["prometheus"] == {"enabled": False}
    limits = [values["resources"]["limits"], values["webhook"]["resources"]["limits"], values["cainjector"]["resources"]["limits"]]
    assert limits == [{"memory": "256Mi"}] * 3


def test_an_oci_reference_and_a_folder_are_looked_for_in_no_repository(installed: Recorded) -> None:
    assert installed.inputs["helmOptions"]["chart"].startswith(("oci://", "/"))
    assert release_options(installed.inputs)["repository_opts"] == {"repo": ""}


def test_it_brings_a_provider_of_its_own_so_that_no_other_plugin_of_kubernetes_is_asked_for(recorder: Recorder) -> None:
    assert [found.name for found in recorder.of("kubernetes") if found.name.startswith("cert-manager")] == ["cert-manager-kubernetes"]


def test_a_provider_is_the_same_by_a_deploy_and_by_hand(recorder: Recorder) -> None:
    # The SDK takes what is not said from the variable PULUMI_K8S_ENABLE_PATCH_FORCE, which a deploy sets.
    providers = recorder.of("kubernetes")
    assert providers
    assert {str(found.inputs.get("enablePatchForce")).lower() for found in providers} == {"true"}
