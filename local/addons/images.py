"""The images that the add-ons' charts name: the official ones, else made here by the same name."""

from __future__ import annotations

from local.addons import program_image
from local.addons.program_image import ROOT, Program
from local.toolchain import Toolchain

IMAGES = {
    "docker.io/traefik": Program("traefik", "traefik"),
    "quay.io/jetstack/cert-manager-controller": Program("cert-manager", "controller"),
    "quay.io/jetstack/cert-manager-webhook": Program("cert-manager", "webhook"),
    "quay.io/jetstack/cert-manager-cainjector": Program("cert-manager", "cainjector"),
    "quay.io/jetstack/cert-manager-startupapicheck": Program("cert-manager", "startupapicheck"),
    "docker.io/otel/opentelemetry-collector-contrib": Program("otelcol", "otelcol", user=ROOT),
}
"""Each image by its name in a chart, without the tag, which is the tool's version; and the program in it."""
LOAD_BALANCER_IMAGES = {
    "quay.io/metallb/controller": Program("metallb", "controller"),
    "quay.io/metallb/speaker": Program("metallb", "speaker", user=ROOT),  # the chart gives it NET_RAW, which only root has at once
}

RUNNER_IMAGES = {
    "ghcr.io/actions/gha-runner-scale-set-controller": Program("actions-runner-controller", "manager", folder=""),
}
"""Without the listener, which starts only once GitHub has answered."""


def ensure_addon_images(toolchain: Toolchain) -> list[str]:
    """Have the engine hold every image that ingress, certificates and log shipper need, and return their names: each belongs on every node.

    Raises PlatformError for one that can neither be pulled nor made.
    """
    return _ensure(toolchain, IMAGES)


def ensure_load_balancer_images(toolchain: Toolchain) -> list[str]:
    """The same for MetalLB. What is made here announces addresses on the nodes' own network (layer 2); BGP needs the official images."""
    return _ensure(toolchain, LOAD_BALANCER_IMAGES)


def ensure_runner_images(toolchain: Toolchain) -> list[str]:
    """The same for actions-runner-controller."""
    return _ensure(toolchain, RUNNER_IMAGES)


def _ensure(toolchain: Toolchain, images: dict[str, Program]) -> list[str]:
    tags = []
    for repository, program in images.items():
        tags.append(f"{repository}:{toolchain.pins[program.tool].version}")
        program_image.ensure(toolchain, program, tags[-1], official=True)
    return tags


__all__ = [
    "IMAGES",
    "LOAD_BALANCER_IMAGES",
    "RUNNER_IMAGES",
    "ensure_addon_images",
    "ensure_load_balancer_images",
    "ensure_runner_images",
]
