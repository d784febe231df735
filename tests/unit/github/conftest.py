"""A bare repository with the real hook, a clone to push from, and programs in place of kubectl and act that write down what they are given.

The kubectl here executes on this machine what it is asked to execute in a pod, so the script of the pod is the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.github import runs
from local.github.repository import create_at

WORKFLOW = "on:\n  push:\n    tags: ['*/*']\njobs: {}\n"
KUBECTL = """\
#!/bin/sh
echo "$*" >> "$PLACE/kubectl"
case " $* " in
*" get pods "*) cat "$PLACE/pods.json" ;;
*" exec "*)
    while [ "$1" != -- ]; do shift; done
    shift
    HOME=$(mktemp -d "$PLACE/pod-XXXXXX") exec "$@" ;;
*" apply "*) [ ! -e "$PLACE/refuses" ] || exit 1; cat >> "$PLACE/applied" ;;
esac
"""
ENVIRONMENTS = ("live", "test", "dev")
"""Of the commits; live and test have a runner."""
ACT = """\
#!/bin/sh
for word; do
    case $word in GITHUB_RUN_ID=*) number=${word#*=} ;; */event.json) event=$word ;; esac
done
printf '%s\\n' "$@" > "$PLACE/act-$number"
git rev-parse HEAD > "$PLACE/head-$number"
git status --porcelain > "$PLACE/status-$number"
cp .github/workflows/deploy.yml "$PLACE/workflow-$number"
cp "$event" "$PLACE/event-$number"
echo "begin $number" >> "$PLACE/journal"
echo '[deploy/deploy] ⭐ Run Set up job'
[ -e "$PLACE/skips" ] || echo '[deploy/deploy] ⭐ Run Main ./hs deploy'
while [ -e "$PLACE/hold" ]; do sleep 0.02; done
echo "end $number" >> "$PLACE/journal"
exit "$(cat "$PLACE/exit" 2>/dev/null || echo 0)"
"""
WAIT_SECONDS = 20


@dataclass(frozen=True)
class GitHub:
    """The repository, the clone, and what the programs wrote down."""

    place: Path
    repository: Path
    clone: Path

    def git(self, *words: str, check: bool = True) -> str:
        """Run git in the clone; returns what it said, on both channels."""
        found = subprocess.run(["git", *words], cwd=self.clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert not check or found.returncode == 0, found.stdout
        return found.stdout

    def commit(self, text: str, workflow: str = WORKFLOW) -> str:
        """A new commit on main, pushed; returns its name."""
        path = self.clone / ".github" / "workflows" / "deploy.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(workflow)
        (self.clone / "file").write_text(text)
        for name in ENVIRONMENTS:
            (self.clone / f"Pulumi.{name}.yaml").write_text("config:\n  highstreetly:environment: {}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD").strip()

    def push_tags(self, *tags: str, force: bool = False) -> str:
        """Put tags on the newest commit and push them together; returns what the pusher was told."""
        for tag in tags:
            self.git("tag", "--force", tag)
        return self.git("push", *(["--force"] if force else []), "origin", *(f"refs/tags/{tag}" for tag in tags))

    def hold(self) -> None:
        """Let no act end until ``release``."""
        (self.place / "hold").touch()

    def release(self) -> None:
        """Let them end."""
        (self.place / "hold").unlink()

    def finished(self) -> list[runs.Run]:
        """All runs, once none is left to wait for."""
        return runs.wait(self.repository, WAIT_SECONDS)

    def wrote(self, name: str) -> str:
        """What a program wrote down; empty when it did not."""
        path = self.place / name
        return path.read_text() if path.exists() else ""

    def event(self, number: int) -> Any:
        """The event that act was given for a run."""
        return json.loads(self.wrote(f"event-{number}"))

    def log(self, number: int) -> str:
        """A run's log."""
        return (runs.folder_of(self.repository, number) / runs.LOG).read_text()


def pod(name: str, state: str) -> dict[str, Any]:
    """A runner pod as kubectl shows it, ready."""
    labels = {"ly.highstreet.runner": state}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """GitHub with a runner for the environments live and test, and a first commit."""
    place, programs = tmp_path / "place", tmp_path / "bin"
    for folder in (place, programs):
        folder.mkdir()
    for name, text in {"kubectl": KUBECTL, "act": ACT}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (place / "pods.json").write_text(json.dumps({"items": [pod("warm", "idle")]}))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.com")
    variables = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PLACE": str(place), "GITHUB_ACTOR": "ada"}
    repository = create_at(tmp_path / "platform.git", variables)
    (repository / "runners").mkdir()
    for environment in ("live", "test"):
        (repository / "runners" / f"{environment}.json").write_text('{"metadata": {}}')
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", repository, clone], check=True, capture_output=True)
    found = GitHub(place, repository, clone)
    found.git("checkout", "--quiet", "-B", "main")
    found.commit("one")
    yield found
    (place / "hold").unlink(missing_ok=True)
    runs.end(repository)
    runs.wait(repository, WAIT_SECONDS)
