"""The kernel settings that the cluster's kubelets change for the whole machine: noted before, put back after the last estate."""

from __future__ import annotations

import json
from pathlib import Path

from local.estate import cache_dir

SYSCTL = Path("/proc/sys")
CHANGED_BY_KUBELETS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
"""kubelet, setupKernelTunables (pkg/kubelet/cm/container_manager_linux.go)."""


def _notes() -> Path:
    return cache_dir() / "engine" / "kernel.json"


def note(settings: Path = SYSCTL) -> None:
    """Write the settings down unless they are: an earlier note is of a machine without an estate, a later one would not be."""
    path = _notes()
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {name: (settings / name).read_text().strip() for name in CHANGED_BY_KUBELETS if (settings / name).exists()}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values))
    partial.rename(path)


def restore(settings: Path = SYSCTL) -> None:
    """Put the noted settings back and forget them; where this user may not, they stay as they are."""
    path = _notes()
    if not path.exists():
        return
    for name, value in json.loads(path.read_text()).items():
        try:
            (settings / name).write_text(value)
        except OSError:
            continue
    path.unlink()
