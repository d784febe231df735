"""GitHub's place, for an estate that is up: the image on the nodes, the repository, and a warm runner for each environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from local import environment
from local.cluster import cluster
from local.estate import Estate
from local.github import repository, runner
from local.github.image import ensure_image
from local.toolchain import Toolchain
from ops.console import step
from ops.machines import CONFIGURATION_VARIABLE as SSH_CONFIGURATION
from ops.process import run
from settings.load import LOCAL_SETTINGS_VARIABLE

NOT_FOR_A_POD = ("PATH", "PULUMI_HOME", "KUBECONFIG", SSH_CONFIGURATION)
"""What the image has itself, and what a pod does without: with no kubeconfig, kubectl and the engine use its service account."""
INGRESS = "traefik"
"""The ingress controller's namespace and service (components/ingress_controller.py)."""
SETTINGS, AUTHORITY, ACME_ROOT = "settings.yaml", "ca.crt", "acme-root.pem"


def start(estate: Estate, toolchain: Toolchain, plugins: Mapping[str, str], environments: Sequence[str], backend: str) -> Path:
    """Have all of it and return the repository, which takes pushes; a second call replaces the waiting pods and nothing else.

    ``backend`` is PULUMI_BACKEND_URL of the runners: `postgres://…`, as a pod's own files end with it. Namespace and service accounts come
    from the cluster's stack. Raises PlatformError with what could not be had.
    """
    cluster.load_images(estate, [ensure_image(toolchain, plugins)])
    place = repository.create(estate, toolchain.path())
    ingress = _ingress_address()
    with step(f"Starting a runner for {', '.join(environments)}"):
        for name in environments:
            runner.ensure(place / "runners", name, variables(estate, backend), files(estate, ingress))
        runner.ensure(place / "runners", runner.HOSTED, {}, {})
    return place


def variables(estate: Estate, backend: str) -> dict[str, str]:
    """A runner's environment variables: the estate's, with the paths that hold in a pod."""
    found = environment.variables(estate, "", "")
    kept = {name: value for name, value in found.items() if name not in NOT_FOR_A_POD}
    kept |= {"PULUMI_BACKEND_URL": backend, LOCAL_SETTINGS_VARIABLE: f"{runner.SETTINGS_FOLDER}/{SETTINGS}"}
    return {name: _in_the_pod(estate, value) for name, value in kept.items()}


def files(estate: Estate, ingress: str) -> dict[str, str]:
    """A runner's files: the local settings of an environment, and the certificates that they name.

    The cluster half is left out: a runner changes environments. Public names lead to ``ingress``, the address of the ingress controller
    inside the cluster, because the loopback address of this machine is not the pod's.
    """
    settings = yaml.safe_load(estate.local_settings.read_text())["environment"]
    settings["public"] |= {"address": ingress, "http_port": 80, "https_port": 443}
    text = yaml.safe_dump({"environment": settings}, sort_keys=False)
    found = {AUTHORITY: estate.secrets.ca_certificate, ACME_ROOT: estate.acme_root}
    return {SETTINGS: _in_the_pod(estate, text), **{name: path.read_text() for name, path in found.items()}}


def _in_the_pod(estate: Estate, text: str) -> str:
    """The text with the certificates' paths as they are in the pod."""
    for name, path in {AUTHORITY: estate.secrets.ca_certificate, ACME_ROOT: estate.acme_root}.items():
        text = text.replace(str(path), f"{runner.SETTINGS_FOLDER}/{name}")
    return text


def _ingress_address() -> str:
    """The ingress controller's address inside the cluster."""
    form = "jsonpath={.spec.clusterIP}"
    return run(["kubectl", "get", "service", INGRESS, "--namespace", INGRESS, "--output", form]).stdout.strip()


__all__ = ["files", "start", "variables"]
