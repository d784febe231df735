"""`./hs doctor`: what this machine needs for the local estate, and what is wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.acme import container as acme
from local.digitalocean import container as digitalocean
from local.estate import OUTSIDE, Estate, cache_dir
from local.machines.stack import recorded
from local.registry import container as registry
from ops import console
from ops.errors import PlatformError
from ops.process import run

MEMORY_NEEDED_MIB = 6 * 1024
DISK_NEEDED_GIB = 30
"""Where every tool must be built from source; 6 GiB where releases can be downloaded."""


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, what was seen, and the command that mends it."""

    name: str
    well: bool
    seen: str
    remedy: str = ""


def check_all(estate: Estate) -> Iterator[Check]:
    """Look at everything, the machine first; nothing is changed."""
    yield _memory()
    yield _disk(cache_dir())
    yield from _programs()
    engine = run(["docker", "info", "--format", "{{.ServerVersion}}"], check=False)
    up = engine.returncode == 0
    can_start = os.geteuid() == 0
    seen = f"engine {engine.stdout.strip()}" if up else "not running; ./hs up starts it" if can_start else "not running"
    yield Check("docker", up or can_start, seen, "start Docker, or run ./hs up as root")
    if not estate.data_dir.exists():
        yield Check("estate", True, f"{estate.name} is not up")
    elif up:
        yield from _estate(estate)


def _memory() -> Check:
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    total_mib = int(line.split()[1]) // 1024
    return Check("memory", total_mib >= MEMORY_NEEDED_MIB, f"{total_mib} MiB", f"the estate needs {MEMORY_NEEDED_MIB} MiB")


def _disk(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.parent
    free_gib = shutil.disk_usage(folder).free // 1024**3
    return Check("disk", free_gib >= DISK_NEEDED_GIB, f"{free_gib} GiB free at {folder}", f"free {DISK_NEEDED_GIB} GiB, or set HS_CACHE")


def _programs() -> Iterator[Check]:
    for program, package in (("git", "git"), ("openssl", "openssl"), ("ssh-keygen", "openssh-client")):
        found = shutil.which(program)
        yield Check(program, bool(found), found or "not installed", f"apt-get install {package}")


def _estate(estate: Estate) -> Iterator[Check]:
    machines = [machine.name for machine in recorded(estate)]
    for container in (f"{estate.cluster}-control-plane", *(estate.container(name) for name in (*machines, *OUTSIDE))):
        found = run(["docker", "container", "inspect", "--format", "{{.State.Status}}", container], check=False)
        status = found.stdout.strip() if found.returncode == 0 else "missing"
        yield Check(container, status == "running", status, "./hs up")
    for name, is_healthy in (("digitalocean", digitalocean.is_healthy), ("acme", acme.is_healthy), ("registry", registry.is_healthy)):
        well = is_healthy(estate)
        yield Check(f"{name}, asked", well, "answers" if well else "silent", "./hs up")
    ready = run(["kubectl", "--kubeconfig", estate.kubeconfig, "--request-timeout=5s", "get", "--raw", "/readyz"], check=False)
    yield Check(
        "kubernetes", ready.stdout.strip() == "ok", ready.stdout.strip().splitlines()[-1][:100] if ready.stdout else "silent", "./hs up"
    )


def doctor(estate: Estate) -> None:
    """Print every check; raises PlatformError when something is not well."""
    checks = list(check_all(estate))
    for check in checks:
        mark = "[green]✓[/green]" if check.well else "[red]✗[/red]"
        console.out.print(f"{mark} {check.name}: {check.seen}")
        if not check.well:
            console.out.print(f"  to mend it: {check.remedy}", markup=False)
    wrong = [check.name for check in checks if not check.well]
    if wrong:
        raise PlatformError(f"Not well: {', '.join(wrong)}.", remedy="the commands above")
