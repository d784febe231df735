"""Running other programs: output captured, failures told as PlatformError, secrets never in an argument list."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ops.errors import PlatformError

TAIL_LINES = 30


def run(
    command: Sequence[str | Path],
    *,
    what: str = "",
    remedy: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | bytes | None = None,  # noqa: A002 - the word that subprocess.run uses
    check: bool = True,
    timeout_seconds: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` and return it with its output (standard error joined into ``stdout``).

    ``env`` is added to this process's environment. ``on_line`` is called for each line as it appears (and then there is no ``input``).
    Raises PlatformError with the last lines of output when ``check`` is set and the command fails.
    """
    words = [str(word) for word in command]
    what = what or f"The command failed: {shlex.join(words)}"
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except FileNotFoundError as missing:
        raise PlatformError(what, why=f"{words[0]} is not installed.", remedy=remedy or "./hs doctor") from missing
    try:
        lines = _read(process, input, timeout_seconds, on_line)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if check and process.returncode != 0:
        why = f"exit code {process.returncode}\n" + "\n".join(lines[-TAIL_LINES:])
        raise PlatformError(what, why=why, remedy=remedy)
    return subprocess.CompletedProcess(words, process.returncode, stdout="\n".join(lines) + ("\n" if lines else ""))


def _read(
    process: subprocess.Popen[bytes],
    input: str | bytes | None,  # noqa: A002 - the word that subprocess.run uses
    timeout_seconds: float | None,
    on_line: Callable[[str], None] | None,
) -> list[str]:
    if on_line is None:
        data = input.encode() if isinstance(input, str) else input
        try:
            output, _ = process.communicate(data, timeout=timeout_seconds)
        except subprocess.TimeoutExpired as late:
            raise PlatformError(f"Gave up after {timeout_seconds:.0f} s: {shlex.join(late.cmd)}") from late
        return output.decode(errors="replace").splitlines()
    lines = []
    assert process.stdout is not None
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip("\r\n")
        lines.append(line)
        on_line(line)
    process.wait(timeout=timeout_seconds)
    return lines
