"""What stands between act and the programs of a step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.github.work import SCRIPTS

BASH = next(path for path in SCRIPTS if path.name == "bash")


def test_the_scripts_are_executable() -> None:
    assert [path.name for path in SCRIPTS if not os.access(path, os.X_OK)] == []


def test_a_step_has_no_terminal_and_keeps_its_exit_code(tmp_path: Path) -> None:
    script = tmp_path / "step"
    script.write_text("test -t 0 || echo no input; test -t 1 || echo no output; test -t 2 || echo no errors; exit 7\n")
    program = f"import pty, sys; sys.exit(pty.spawn({[str(BASH), '-e', str(script)]!r}) >> 8)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (found.stdout.splitlines(), found.returncode) == (["no input", "no output", "no errors"], 7)
