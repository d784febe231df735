"""`make bench`: how long the local estate and its releases take and how much memory it holds, measured on a trial estate of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from local.bench_certificates import at_once, one_by_one, percentile_95
from local.bench_releases import push_tags, release_and_return
from local.environment import variables
from local.estate import Estate
from local.toolchain import Toolchain
from local.trial import Trial, trial
from ops import console
from ops.errors import PlatformError
from ops.process import run

MIB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """One measured number beside its target."""

    name: str
    value: float
    unit: str
    target: float


def run_bench() -> None:
    """Measure everything once and print a table; raises PlatformError when a measured command fails."""
    with trial() as estate:
        figures, steps = _measure(estate)
    table = Table(title=machine(), title_justify="left")
    for column in ("", "measured", "target"):
        table.add_column(column, justify="left" if not column else "right")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.1f} {figure.unit}", f"{figure.target:.0f} {figure.unit}")
    console.out.print(table)
    console.out.print("Where the time of the pushed tag went, by the deploy's steps:")
    for title, seconds in steps:
        console.out.print(f"  {seconds:5.1f} s  {title}", markup=False, soft_wrap=True)


def machine() -> str:
    """What it was measured on."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def _measure(estate: Trial) -> tuple[list[Figure], list[tuple[str, float]]]:
    """Every figure, and the steps of a pushed tag's deploy with their seconds."""
    figures = [
        Figure("make up, from nothing, warm caches", _seconds(lambda: estate.hs("up")), "s", 180),
        Figure("make up again, nothing to change", _seconds(lambda: estate.hs("up")), "s", 30),
    ]
    toolchain = Toolchain()
    os.environ["PATH"] = toolchain.path()
    found = Estate.load(estate.checkout)
    environment = {**os.environ, **estate.variables, **variables(found, str(toolchain.pulumi_home()), toolchain.path())}
    pulumi = ["pulumi", "--non-interactive", "--stack", "kind", "--yes"]

    def deploy(*words: str) -> int:
        command = [*pulumi[:1], *words, *pulumi[1:]]
        return subprocess.run(command, cwd=estate.checkout, env=environment, stdout=subprocess.DEVNULL, check=False).returncode

    figures.append(Figure("certificate after its ingress, 95th percentile of twenty", percentile_95(one_by_one(found)), "s", 15))
    figures.append(Figure("twelve certificates at once, the last of them", at_once(found)[-1], "s", 30))
    figures.append(Figure("pulumi up, nothing to change", _seconds(lambda: deploy("up", "--skip-preview")), "s", 10))
    figures.append(Figure("memory of the whole estate", memory_mib(found) / 1024, "GiB", 6))
    figures += _releases(estate, found)
    figures.append(Figure("pulumi destroy", _seconds(lambda: deploy("destroy", "--skip-preview")), "s", 60))
    figures.append(Figure("pulumi up, empty environment", _seconds(lambda: deploy("up", "--skip-preview")), "s", 60))
    pushes = push_tags(estate, found)
    figures.append(Figure("a pushed tag to the workflow's first step, warm runner", pushes.warm_step, "s", 2))
    figures.append(Figure("the same, cold runner", pushes.cold_step, "s", 10))
    figures.append(Figure("a pushed tag with one service's new image, until verified", pushes.converged, "s", 30))
    return figures, pushes.steps


def _releases(estate: Trial, found: Estate) -> list[Figure]:
    measured = release_and_return(estate, found)
    net = f"rollback of the environment, from the command to verified, without the {measured.pod_start:.0f} s of its pod's own start"
    return [
        Figure("one service's new image, from the command to verified", measured.deployed, "s", 30),
        Figure(net, measured.returned - measured.pod_start, "s", 20),
    ]


def _seconds(action: Callable[[], int]) -> float:
    started = time.monotonic()
    if action():
        raise PlatformError("A measured command failed.", why="Its output is above.", remedy="./hs up shows the same")
    return time.monotonic() - started


def memory_mib(estate: Estate) -> float:
    """What the estate's containers hold (without the page cache that could be given back), as their cgroups say."""
    names = run(["docker", "ps", "--quiet", "--no-trunc", "--filter", f"network={estate.network}"]).stdout.split()
    return sum(_container_bytes(name) for name in names) / MIB


def _container_bytes(container: str) -> int:
    for folder, key in (("memory/docker", "total_inactive_file"), ("system.slice", "inactive_file")):
        place = Path("/sys/fs/cgroup") / folder / (container if folder == "memory/docker" else f"docker-{container}.scope")
        usage = place / ("memory.usage_in_bytes" if folder == "memory/docker" else "memory.current")
        if usage.exists():
            stat = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
            return int(usage.read_text()) - int(stat.get(key, 0))
    return 0
