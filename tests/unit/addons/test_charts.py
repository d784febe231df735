"""Charts are taken once from the pinned Go modules, whole, and with their version."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.addons.charts import CHARTS, RUNNER_CHARTS, RUNNERS_MODULE, ensure_charts, versions
from local.toolchain import Toolchain
from local.toolchain.pins import GO_MODULES, read_pins
from ops.errors import PlatformError


def asked(log: Path) -> list[str]:
    """The modules that were downloaded."""
    return [line.split()[-1] for line in log.read_text().splitlines() if line.startswith("mod download")]


def test_every_chart_is_a_folder_with_its_templates(toolchain: Toolchain) -> None:
    charts = ensure_charts(toolchain)
    assert set(charts) == {"cert-manager", "traefik", "metallb"}
    for name, folder in charts.items():
        assert (folder / "templates" / "deployment.yaml").read_text() == f"# {name}\n"


def test_a_chart_without_a_version_gets_its_modules(toolchain: Toolchain) -> None:
    description = (ensure_charts(toolchain)["cert-manager"] / "Chart.yaml").read_text()
    assert description == "name: cert-manager\nversion: v1.21.2\nappVersion: v1.21.2\ndependencies: [{version: 0.0.0}]\n"


def test_a_chart_that_states_its_version_keeps_it(toolchain: Toolchain, modules: Path) -> None:
    stated = modules / "traefik" / "traefik" / "Chart.yaml"
    stated.unlink()
    stated.write_text("name: traefik\nversion: 41.6.0\nappVersion: v3.7.13\n")
    assert (ensure_charts(toolchain)["traefik"] / "Chart.yaml").read_text() == stated.read_text()


def test_a_chart_is_downloaded_at_the_committed_version_and_once(toolchain: Toolchain, downloads: Path) -> None:
    assert ensure_charts(toolchain) == ensure_charts(toolchain)
    assert asked(downloads) == [f"{module}@{versions(GO_MODULES)[name]}" for name, (module, _) in CHARTS.items()]


def test_a_module_with_another_sum_is_refused_and_leaves_no_chart(toolchain: Toolchain, tmp_path: Path) -> None:
    answer = next((tmp_path / "answers").glob("*metallb*"))
    answer.write_text(answer.read_text().replace("h1:", "h1:X"))
    with pytest.raises(PlatformError, match=r"go\.universe\.tf/metallb@v\S+ is not the one that was pinned"):
        ensure_charts(toolchain)
    assert not list((tmp_path / "cache" / "charts").glob("*metallb*/metallb"))


def test_a_module_without_its_chart_is_told(toolchain: Toolchain, modules: Path) -> None:
    (modules / "traefik" / "traefik" / "Chart.yaml").unlink()
    with pytest.raises(PlatformError, match="There is no chart in") as failure:
        ensure_charts(toolchain)
    assert "local/addons/charts.py" in failure.value.remedy


@pytest.mark.parametrize("name", ["cert-manager", "metallb"])
def test_a_chart_and_the_programs_that_it_starts_are_of_one_version(name: str) -> None:
    pinned = read_pins()[name].version
    assert versions(GO_MODULES)[name] == pinned
    assert f"{CHARTS[name][0]} {pinned}\n" in (GO_MODULES / name / "go.mod").read_text()


def test_the_runners_charts_and_their_controller_are_of_one_version() -> None:
    stated = versions(GO_MODULES)
    assert {stated[name] for name in RUNNER_CHARTS} == {"v0.27.6"}
    assert f"{RUNNERS_MODULE} v0.27.6\n" in (GO_MODULES / "actions-runner-controller" / "go.mod").read_text()


def test_an_estate_does_without_the_runners_charts(toolchain: Toolchain, downloads: Path) -> None:
    ensure_charts(toolchain)
    assert not [module for module in asked(downloads) if module.startswith(RUNNERS_MODULE)]
