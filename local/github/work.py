"""The process of one run: waits for its turn, has a runner pod execute the workflow, and keeps the log with the time of each line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from local.github import runner, runs
from local.github.receive import RUNS
from ops.errors import PlatformError
from ops.process import run as run_program

SCRIPTS = [Path(__file__).parent / "pod" / name for name in ("run-workflow", "bash")]
UNPACK = 'set -e; mkdir "$HOME/run"; cd "$HOME/run"; tar -x; exec ./run-workflow "$@"'
FIRST_STEP = "⭐ Run Main"
"""What act says before a workflow's own step."""
NOTHING_RAN = 125
"""The exit code of a run that no pod could take, or of which no job was for its pod."""


def work(repository: Path, number: int) -> None:
    """Execute a run and end with its record complete; what went wrong is in the record and in the log."""
    folder = runs.folder_of(repository, number)
    run = runs.read(folder)
    runs.wait_for_turn(repository, run)
    pods = repository / "runners"
    try:
        run_program(["git", "-C", repository, "update-ref", f"{RUNS}/{number}", run.commit])
        pod = runner.claim(pods, run.environment)
        run = runs.write(folder, replace(run, started=time.time()))
        try:
            code = _execute(repository, folder, run, pod)
            runs.write(folder, replace(_require_a_step(runs.read(folder), code), ended=time.time(), exit_code=code))
        finally:
            _renew(pods, run, pod)
    except PlatformError as problem:
        _log(str(problem), run.pushed)
        runs.write(folder, replace(runs.read(folder), ended=time.time(), exit_code=NOTHING_RAN, problem=str(problem)))


def _renew(pods: Path, run: runs.Run, pod: str) -> None:
    """Have a fresh runner wait. Where none can be had, this run is what it was, and the next one starts its own."""
    try:
        runner.renew(pods, run.environment, pod)
    except PlatformError as problem:
        _log(f"The next runner could not be started. {problem}", run.pushed)


def _require_a_step(run: runs.Run, code: int) -> runs.Run:
    """Raise PlatformError for a run that act calls a success although it skipped every job: none is for the label of the runner."""
    if code == 0 and run.first_step is None:
        raise PlatformError(
            f"No job of {run.workflow} ran.",
            why=f"None of them is for the runner {runner.label(run.environment)}{run.tag and f' and the tag {run.tag}'}.",
            remedy=f"give {run.workflow} a job for the environment",
        )
    return run


def _execute(repository: Path, folder: Path, run: runs.Run, pod: str) -> int:
    """Have the pod run the workflow; returns act's exit code."""
    actor = json.loads((folder / runs.EVENT).read_text())["sender"]["login"]
    words = [runner.label(run.environment), str(run.number), run.commit, actor, run.workflow, run.trigger]
    command = [*runner.KUBECTL, "exec", "--stdin", pod, "--", "sh", "-c", UNPACK, "run-workflow", *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(luggage(repository, folder))
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended without reading; its exit code and its words say why
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        if run.first_step is None and FIRST_STEP in line:
            run = runs.write(folder, replace(run, first_step=time.time()))
        _log(line, run.pushed)
    return process.wait()


def luggage(repository: Path, folder: Path) -> bytes:
    """What the pod is given, as a tar archive: the commits in a git bundle, the event, and the scripts that use them."""
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="hs-run-") as work_folder, tarfile.open(fileobj=archive, mode="w") as packed:
        bundle = Path(work_folder) / "repository.bundle"
        refs = ["--branches", "--tags", f"{RUNS}/{folder.name}"]
        run_program(["git", "-C", repository, "bundle", "create", "--quiet", bundle, *refs], what="The commits could not be packed.")
        for path in (bundle, folder / runs.EVENT, *SCRIPTS):
            packed.add(path, arcname=path.name)
    return archive.getvalue()


def _log(text: str, pushed: float) -> None:
    """A line of the log, after the seconds since the push; standard output is the run's log."""
    for line in text.splitlines():
        print(f"{time.time() - pushed:7.2f} {line}", flush=True)  # noqa: T201 - the log


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
