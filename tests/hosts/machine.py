"""A machine as testinfra shows it: its modules (file, user, service …) come into being at run time, so types cannot tell them."""

from __future__ import annotations

import subprocess
from typing import Any, TypeAlias

from local.machines.configure import Controller

Machine: TypeAlias = Any


def files_that_hold(controller: Controller, name: str, secret: str, places: str) -> list[str]:
    """The files below ``places`` on a machine that hold ``secret``, which goes in by standard input: sudo logs what it is asked to run."""
    command = ["ssh", "-F", str(controller.ssh_config), name, f"sudo grep -rlF -f - {places}"]
    answer = subprocess.run(command, input=secret + "\n", capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode in (0, 1), answer.stderr
    return answer.stdout.split()
