"""The stand-in for cert-manager's component makes the release that the official one makes."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pulumi_kubernetes.helm.v3
import pulumi_kubernetes_cert_manager

from local.providers.kubernetes_cert_manager import VERSION
from local.providers.kubernetes_cert_manager.release import ARGUMENTS, OPTIONS, release_options, snake_case
from local.providers.packages import version_of


def test_the_version_is_that_of_the_installed_sdk() -> None:
    folder = Path(pulumi_kubernetes_cert_manager.__file__ or "").parent
    assert json.loads((folder / "pulumi-plugin.json").read_text())["version"] == VERSION == version_of("kubernetes-cert-manager")


def properties_of(cls: type) -> set[str]:
    """The names on the wire of an SDK class's properties."""
    found = {name: prop for name, prop in vars(cls).items() if isinstance(prop, property)}
    return {getattr(prop.fget, "_pulumi_name", None) or name for name, prop in found.items()}


def test_every_option_of_the_sdk_is_an_argument_of_a_release() -> None:
    known = set(inspect.signature(pulumi_kubernetes.helm.v3.ReleaseArgs.__init__).parameters)
    wire = properties_of(pulumi_kubernetes_cert_manager.ReleaseArgs)
    assert len(wire) > 25
    assert {snake_case(name) for name in wire} <= known


def test_the_arguments_are_the_sdks() -> None:
    assert properties_of(pulumi_kubernetes_cert_manager.CertManagerArgs) == {*ARGUMENTS, OPTIONS}


def test_what_is_said_as_an_argument_comes_before_the_value_of_the_same_name() -> None:
    options = release_options({"installCRDs": True, "helmOptions": {"values": {"installCRDs": False, "replicas": 2}}})
    assert options["values"] == {"installCRDs": True, "replicas": 2}


def test_a_value_of_the_name_of_an_argument_that_is_not_given_comes_to_nothing() -> None:
    options = release_options({"resources": {}, "helmOptions": {"values": {"extraEnv": ["lost"], "resources": "lost", "crds": "kept"}}})
    assert options["values"] == {"resources": {}, "crds": "kept"}


def test_without_options_it_is_the_chart_of_the_official_repository() -> None:
    options = release_options({})
    assert (options["chart"], options["repository_opts"]) == ("cert-manager", {"repo": "https://charts.jetstack.io"})


def test_a_chart_of_ones_own_is_looked_for_in_no_repository_where_that_is_said() -> None:
    options = release_options({"helmOptions": {"chart": "/charts/cert-manager", "repositoryOpts": {"repo": ""}, "skipAwait": True}})
    assert options == {"chart": "/charts/cert-manager", "repository_opts": {"repo": ""}, "skip_await": True, "values": {}}
    for unsaid in ({}, {"caFile": "ca.crt"}):
        options = release_options({"helmOptions": {"chart": "/charts/cert-manager", "repositoryOpts": unsaid}})
        assert options["repository_opts"] == {**unsaid, "repo": "https://charts.jetstack.io"}
