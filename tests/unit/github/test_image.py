"""The runner's image: the local one is as the production one is, and holds what a checkout looks for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from local.estate import CHECKOUT
from local.github import image, runner
from local.toolchain import Toolchain
from local.up import STAND_IN_PLUGINS

PRODUCTION = (CHECKOUT / "images" / "deploy-runner" / "Dockerfile").read_text()
LOCAL = (image.FOLDER / "Dockerfile").read_text()


def _instructions(dockerfile: str, word: str) -> list[str]:
    return [line for line in dockerfile.replace("\\\n", "").splitlines() if line.startswith(f"{word} ")]


def _variables(dockerfile: str) -> dict[str, str]:
    return dict(word.split("=", 1) for line in _instructions(dockerfile, "ENV") for word in line.split()[1:])


def test_both_images_have_the_same_variables_user_and_folder() -> None:
    assert _variables(LOCAL) == _variables(PRODUCTION)
    assert len(_variables(LOCAL)) == 6
    for dockerfile in (LOCAL, PRODUCTION):
        assert _instructions(dockerfile, "USER")[-1] == f"USER {runner.USER}"
        assert _instructions(dockerfile, "WORKDIR")[-1] == "WORKDIR /home/runner"


def test_production_s_versions_are_those_of_the_platform() -> None:
    arguments = dict(line.removeprefix("ARG ").split("=", 1) for line in _instructions(PRODUCTION, "ARG"))
    assert arguments["KUBECTL_VERSION"] == Toolchain().pins["kubectl"].version
    database = yaml.safe_load((CHECKOUT / "ansible" / "roles" / "postgres" / "defaults" / "main.yml").read_text())
    assert database["postgres_vendor_version"] == f"{arguments['POSTGRES_VERSION']}.*"
    assert re.fullmatch(r"ghcr\.io/actions/actions-runner:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", arguments["RUNNER"])


def test_production_s_build_finds_the_engine_and_every_plugin_among_the_pins() -> None:
    engine, plugins = re.findall(r"sed -n '(s/\^pulumi[^']*)'", PRODUCTION)

    def found(expression: str) -> list[str]:
        lines = subprocess.run(
            ["sed", "-n", expression, image.REQUIREMENTS / "requirements.txt"], capture_output=True, text=True, check=True
        )
        return lines.stdout.splitlines()

    pins = Toolchain().pins
    assert found(engine) == [pins["pulumi"].version.removeprefix("v")]
    wanted = {**STAND_IN_PLUGINS, "kubernetes": pins[image.KUBERNETES].version.removeprefix("v")}
    lines = [line.split() for line in found(plugins)]
    assert {line[0]: line[1] for line in lines} == wanted
    assert [line[0] for line in lines if line[2:] == ["verse"]] == ["esxi-native"], "whose plugins are not Pulumi's own"


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A toolchain whose tools are there, each an empty program, and whose Pulumi home holds nothing."""
    found = Toolchain(cache=tmp_path / "cache")
    monkeypatch.setattr(found, "on_path", lambda _name: None)
    for name in (*image.TOOLS, image.KUBERNETES):
        folder = found.entry(name) / "bin"
        folder.mkdir(parents=True)
        for program in found.pins[name].programs or (name,):
            (folder / program).touch()
    return found


def test_the_build_is_given_the_tools_the_pins_and_the_stand_ins_sources(toolchain: Toolchain, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    image.write_context(context, toolchain, {"random": "4.21.4", "rabbitmq": "3.5.3"})
    assert {path.name for path in (context / "bin").iterdir()} >= {"pulumi", "pulumi-language-python", "kubectl", "act"}
    assert [path.name for path in (context / "plugins").iterdir()] == ["resource-kubernetes-v4.34.2"]
    assert 'ARG STAND_INS="rabbitmq=3.5.3 random=4.21.4"\n' in (context / "Dockerfile").read_text()
    assert (context / "requirements" / "requirements.txt").read_bytes() == (CHECKOUT / "requirements" / "requirements.txt").read_bytes()
    assert {path.name for path in (context / "source").iterdir()} == {"local", "ops", "stand_ins.py"}


def test_an_official_plugin_of_this_machine_is_taken_along(toolchain: Toolchain, tmp_path: Path) -> None:
    official = toolchain.pulumi_home() / "plugins" / "resource-random-v4.21.4" / "pulumi-resource-random"
    official.parent.mkdir(parents=True)
    official.write_bytes(b"\x7fELF")
    before = image.pins(toolchain, {"random": "4.21.3"})
    context = tmp_path / "context"
    context.mkdir()
    image.write_context(context, toolchain, {"random": "4.21.4"})
    assert (context / "plugins" / "resource-random-v4.21.4" / official.name).read_bytes() == b"\x7fELF"
    assert 'ARG STAND_INS=""\n' in (context / "Dockerfile").read_text()
    assert image.pins(toolchain, {"random": "4.21.4"}) != before


def test_the_image_changes_its_hash_with_its_pins(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = image.pins(toolchain, STAND_IN_PLUGINS)
    for name in image.ENVIRONMENT:
        (tmp_path / name).write_bytes((image.REQUIREMENTS / name).read_bytes())
    (tmp_path / "requirements.txt").write_text("another==1\n")
    monkeypatch.setattr(image, "REQUIREMENTS", tmp_path)
    assert image.pins(toolchain, STAND_IN_PLUGINS) != before
