"""GitHub's repository on this machine: bare, in the estate's data folder, with the hook that runs the workflow of pushed tags."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from local.estate import CHECKOUT, Estate
from local.github import runs
from local.github.events import DEFAULT_BRANCH
from ops.process import run

HOOK = """\
#!/bin/sh
# Written by local/github/repository.py.
unset $(git rev-parse --local-env-vars)
{exports}
exec {python} -m local.github.receive {repository}
"""


def path_of(estate: Estate) -> Path:
    """Where the estate's repository is; `git push` takes it as a remote."""
    return estate.data_dir / "github" / "platform.git"


def create(estate: Estate, search_path: str) -> Path:
    """Make the estate's repository where it is not, and its hook anew; ``search_path`` is the PATH with kubectl and git."""
    return create_at(path_of(estate), {"PATH": search_path, "KUBECONFIG": str(estate.kubeconfig)})


def create_at(repository: Path, variables: Mapping[str, str]) -> Path:
    """The same at any place; ``variables`` are the hook's and its runs'."""
    repository.parent.mkdir(parents=True, exist_ok=True)
    if not (repository / "HEAD").exists():
        run(["git", "init", "--quiet", "--bare", f"--initial-branch={DEFAULT_BRANCH}", repository])
    (repository / "runs").mkdir(exist_ok=True)
    hook = repository / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    partial = hook.with_suffix(".partial")
    partial.write_text(_hook(repository, variables))
    partial.chmod(0o755)
    partial.rename(hook)
    return repository


def _hook(repository: Path, variables: Mapping[str, str]) -> str:
    lines = {**variables, "PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1"}
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in lines.items())
    python = Path(sys.prefix).resolve() / "bin" / "python"
    return HOOK.format(exports=exports, python=shlex.quote(str(python)), repository=shlex.quote(str(repository)))


def wait(estate: Estate, timeout_seconds: float = 600) -> list[runs.Run]:
    """Wait until no run is queued or at work and return all; raises TimeoutError after ``timeout_seconds``."""
    return runs.wait(path_of(estate), timeout_seconds)


def end(estate: Estate) -> None:
    """End all runs, for `./hs down`; nothing happens without a repository."""
    if (path_of(estate) / "runs").exists():
        runs.end(path_of(estate))


__all__ = ["create", "create_at", "end", "path_of", "wait"]
