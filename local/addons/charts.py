"""The official charts of the add-ons, as their own Go modules carry them; go/charts/go.mod and go.sum are the pin."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from local.image_store import digest_of
from local.toolchain import Toolchain
from local.toolchain.cache import new_entry
from ops.console import step
from ops.errors import PlatformError

MODULE = "charts"
CHARTS = {
    "cert-manager": ("github.com/cert-manager/cert-manager", "deploy/charts/cert-manager"),
    "traefik": ("github.com/traefik/traefik-helm-chart", "traefik"),
    "metallb": ("go.universe.tf/metallb", "charts/metallb"),
}
"""Where each chart lies: the Go module, and the folder in it."""
RUNNERS_MODULE = "github.com/actions/actions-runner-controller"
RUNNER_CHARTS = {
    "gha-runner-scale-set-controller": (RUNNERS_MODULE, "charts/gha-runner-scale-set-controller"),
    "gha-runner-scale-set": (RUNNERS_MODULE, "charts/gha-runner-scale-set"),
}
"""Of the datacenter's runners; `./hs up` does without."""
UNSET_VERSION = "v0.0.0"
"""What a chart states that gets its version only when its publisher packages it."""


def ensure_charts(toolchain: Toolchain) -> dict[str, Path]:
    """The folder of each chart, unpacked once into the cache; raises PlatformError for one that cannot be had or is not the pinned one."""
    return {name: _ensure(toolchain, name) for name in CHARTS}


def ensure_runner_charts(toolchain: Toolchain) -> dict[str, Path]:
    """The same for the runners' charts."""
    return {name: _ensure(toolchain, name) for name in RUNNER_CHARTS}


def versions(modules: Path) -> dict[str, str]:
    """The pinned version of each chart's Go module, by the chart's name; ``modules`` is the folder of the committed Go modules."""
    required = dict(re.findall(r"^\s*(\S+) (v\S+)$", (modules / MODULE / "go.mod").read_text(), re.MULTILINE))
    return {name: required[module] for name, (module, _) in (CHARTS | RUNNER_CHARTS).items()}


def _ensure(toolchain: Toolchain, name: str) -> Path:
    (module, path), version = (CHARTS | RUNNER_CHARTS)[name], versions(toolchain.modules)[name]
    target = toolchain.cache / "charts" / f"{name}-{digest_of(module, path, version, Path(__file__))}"
    if not target.exists():
        with step(f"Getting the chart of {name}") as progress, new_entry(target, progress) as folder:
            if folder:
                source = toolchain.builder.module_folder(toolchain.builder.go(), f"{module}@{version}") / path
                _copy(source, folder / name, version)
    return target / name


def _copy(source: Path, target: Path, version: str) -> None:
    """Copy a chart and fill in its version where it states none."""
    if not (source / "Chart.yaml").exists():
        raise PlatformError(
            f"There is no chart in {source}.", why="The Go module was laid out anew.", remedy="correct CHARTS in local/addons/charts.py"
        )
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    description = target / "Chart.yaml"
    stated = re.compile(rf"^(version|appVersion): {re.escape(UNSET_VERSION)}$", re.MULTILINE)
    description.write_text(stated.sub(rf"\g<1>: {version}", description.read_text()))


__all__ = ["CHARTS", "RUNNER_CHARTS", "ensure_charts", "ensure_runner_charts", "versions"]
