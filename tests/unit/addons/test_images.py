"""The images have the names that the charts ask for, come from their registries where they can, and else hold the pinned program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local import image_store
from local.addons import images, program_image
from local.toolchain import Toolchain
from local.toolchain.pins import read_pins
from ops.console import Step


@pytest.fixture
def ensured(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, Callable[[Step], None], bool]]:
    """What the image store was asked for: pins, maker and whether there is an official one, by tag."""
    asked: dict[str, tuple[str, Callable[[Step], None], bool]] = {}

    def ensure_image(tag: str, pins: str, make: Callable[[Step], None], *, official: bool) -> None:
        asked[tag] = (pins, make, official)

    monkeypatch.setattr(image_store, "ensure_image", ensure_image)
    return asked


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The files of each image that was built, by tag, and the hash it was labelled with."""
    seen: dict[str, dict[str, str]] = {}

    def build(tag: str, pins: str, context: Path, _step: Step) -> None:
        seen[tag] = {"pins": pins} | {path.name: path.read_text() for path in context.iterdir()}

    monkeypatch.setattr(image_store, "build", build)
    return seen


def test_the_names_are_those_that_the_charts_ask_for(
    toolchain: Toolchain, ensured: dict[str, tuple[str, Callable[[Step], None], bool]]
) -> None:
    names = images.ensure_addon_images(toolchain)
    assert names == [
        "docker.io/traefik:v3.7.13",
        "quay.io/jetstack/cert-manager-controller:v1.21.2",
        "quay.io/jetstack/cert-manager-webhook:v1.21.2",
        "quay.io/jetstack/cert-manager-cainjector:v1.21.2",
        "quay.io/jetstack/cert-manager-startupapicheck:v1.21.2",
        "docker.io/otel/opentelemetry-collector-contrib:0.160.0",
    ]
    assert list(ensured) == names
    assert all(official for _, _, official in ensured.values()), "the official image comes first"


def test_each_image_is_made_of_its_own_program(
    toolchain: Toolchain,
    ensured: dict[str, tuple[str, Callable[[Step], None], bool]],
    built: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for program in (images.IMAGES | images.LOAD_BALANCER_IMAGES | images.RUNNER_IMAGES).values():
        (tmp_path / program.tool).mkdir(exist_ok=True)
        (tmp_path / program.tool / program.name).write_text(f"the program {program.name}")
    monkeypatch.setattr(toolchain, "ensure", lambda names: {name: tmp_path / name for name in names})
    images.ensure_addon_images(toolchain)
    images.ensure_load_balancer_images(toolchain)
    images.ensure_runner_images(toolchain)
    for pins, make, _ in ensured.values():
        make(Step("making"))
        assert pins in {image["pins"] for image in built.values()}, "an image without its label is refused by the image store"
    webhook = built["quay.io/jetstack/cert-manager-webhook:v1.21.2"]
    assert webhook["webhook"] == "the program webhook"
    assert 'ENTRYPOINT ["/usr/local/bin/webhook"]' in webhook["Dockerfile"]
    controller = built["ghcr.io/actions/gha-runner-scale-set-controller:0.6.1"]
    assert 'ENTRYPOINT ["/manager"]' in controller["Dockerfile"], "the chart's command"
    assert {tag for tag, image in built.items() if "USER 65532:65532" not in image["Dockerfile"]} == {
        "quay.io/metallb/speaker:v0.16.1",
        "docker.io/otel/opentelemetry-collector-contrib:0.160.0",
    }


def test_another_version_of_a_tool_is_another_image(toolchain: Toolchain) -> None:
    traefik = program_image.Program("traefik", "traefik")
    before = program_image.pins(toolchain, traefik)
    toolchain.pins["traefik"] = read_pins()["traefik"].model_copy(update={"version": "v3.7.14"})
    assert program_image.pins(toolchain, traefik) != before


def test_another_user_is_another_image(toolchain: Toolchain) -> None:
    ours, roots = (program_image.Program("pebble", "pebble", user) for user in (program_image.NONROOT, program_image.ROOT))
    assert program_image.pins(toolchain, ours) != program_image.pins(toolchain, roots)


@pytest.mark.parametrize(
    "program",
    (images.IMAGES | images.LOAD_BALANCER_IMAGES | images.RUNNER_IMAGES).values(),
    ids=lambda program: f"{program.tool}-{program.name}",
)
def test_the_toolchain_has_every_program(program: program_image.Program) -> None:
    pin = read_pins()[program.tool]
    assert program.name in pin.programs or pin.pypi
