"""The script that has a host start its machines in their order, run with a `vim-cmd` that only writes down what it was asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ops.autostart import autostart
from ops.errors import InputError

LISTED = """\
Vmid       Name                        File                        Guest OS      Version   Annotation
1      debian-12        [ssd] debian-12/debian-12.vmx            debian12_64Guest   vmx-20
12     worker10         [ssd] worker10/worker10.vmx              debian12_64Guest   vmx-20    highstreet.ly: worker
7      worker1          [ssd] worker1/worker1.vmx                debian12_64Guest   vmx-20    highstreet.ly: worker
3      postgres         [ssd] postgres/postgres.vmx              debian12_64Guest   vmx-20    highstreet.ly: postgres
"""
VIM_CMD = """#!/bin/sh
echo "$*" >> "$ASKED"
[ "$1" != vmsvc/getallvms ] || cat "$LISTED"
"""
OUTPUTS = {"boot_order": {"esxi1": ["postgres", "worker1"], "esxi2": ["rabbitmq"]}}


def run(script: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a script on a host with three machines and a template; how it ended, and what it asked of the host."""
    (folder / "vim-cmd").write_text(VIM_CMD)
    (folder / "vim-cmd").chmod(0o755)
    (folder / "listed").write_text(LISTED)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "ASKED": str(folder / "asked"), "LISTED": str(folder / "listed")}
    finished = subprocess.run(["sh"], input=script, env=environment, capture_output=True, text=True, check=False)
    return finished, (folder / "asked").read_text().splitlines()


def test_machines_start_in_their_order_by_the_ids_of_exactly_their_names(tmp_path: Path) -> None:
    finished, asked = run(autostart(OUTPUTS, "esxi1"), tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert asked == [
        "vmsvc/getallvms",
        "hostsvc/autostartmanager/enable_autostart true",
        "hostsvc/autostartmanager/update_autostartentry 3 PowerOn 30 1 guestShutdown 60 systemDefault",
        "hostsvc/autostartmanager/update_autostartentry 7 PowerOn 30 2 guestShutdown 60 systemDefault",
    ]


def test_a_machine_that_is_not_on_the_host_is_named(tmp_path: Path) -> None:
    finished, _ = run(autostart(OUTPUTS, "esxi2"), tmp_path)
    assert finished.returncode == 1
    assert "rabbitmq is not on this host" in finished.stderr


def test_a_host_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no host 'esxi4'") as refused:
        autostart(OUTPUTS, "esxi4")
    assert "did you mean esxi" in refused.value.why
