"""The issue that tells of drift: opened once, kept up to date, closed at the end. The workflow's own script runs, with a gh of ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.workflows.files import workflow

GH = """#!/bin/sh
echo "$@" >> calls
case "$1 $2" in
  "issue list") test ! -e issue || echo 7 ;;
  "issue view") cat issue ;;
  "issue create" | "issue edit") cp body.md issue ;;
  "issue close") rm issue ;;
esac
"""
"""GitHub with at most one open issue, whose text is in the file `issue`."""


class GitHub:
    """A folder in which the job's script runs, as on a fresh runner, with what its looks found and the issue that is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gh").write_text(GH)
        (folder / "gh").chmod(0o755)

    def tells(self, **found: str) -> list[str]:
        """Run the script after looks of environments that found this; one without a document has failed. Returns what it did to issues."""
        for path in (*self.folder.glob("*.md"), *self.folder.glob("drift/*"), self.folder / "calls"):
            path.unlink(missing_ok=True)
        (self.folder / "drift").mkdir(exist_ok=True)
        for environment, field in found.items():
            drift = [{"kind": "Deployment", "fields": [{"name": field, "new": "é" * 9_000}]}] if field else []
            document = {"environment": environment, "drifted": bool(field), "drift": drift}
            (self.folder / "drift" / f"drift-{environment}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False))
        job = workflow("drift.yml")["jobs"]["tell"]
        variables = {"PATH": f"{self.folder}:{os.environ['PATH']}", "ENVIRONMENTS": str(job["env"]["ENVIRONMENTS"])}
        shell: list[str] = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", job["steps"][-1]["run"]]  # as GitHub starts it
        subprocess.run(shell, cwd=self.folder, env=variables, check=True, timeout=20)
        calls = (self.folder / "calls").read_text().splitlines()
        return [call.split()[1] for call in calls if call.startswith("issue ") and call.split()[1] not in ("list", "view")]

    @property
    def issue(self) -> str:
        """The open issue's text; empty without one."""
        path = self.folder / "issue"
        return path.read_bytes().decode() if path.exists() else ""


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path)


def test_nothing_is_told_while_nothing_differs(github: GitHub) -> None:
    assert github.tells(live="", test="", dev="") == []


def test_an_issue_is_opened_updated_and_closed(github: GitHub) -> None:
    assert github.tells(live="replicas", test="", dev="") == ["create"]
    assert "## live" in github.issue
    assert "replicas" in github.issue
    assert github.tells(live="", test="image", dev="") == ["edit"]
    assert "## test" in github.issue
    assert "live" not in github.issue
    assert github.tells(live="", test="", dev="") == ["close"]
    assert github.issue == ""


def test_what_an_environment_had_stays_told_while_it_cannot_be_looked_at_and_another_differs(github: GitHub) -> None:
    github.tells(live="replicas", test="", dev="")
    for _ in range(3):
        assert github.tells(test="image", dev="") == ["edit"]
        assert github.issue.count("## live") == github.issue.count("replicas") == github.issue.count("The last look failed") == 1
        assert "image" in github.issue
    assert github.tells(live="", test="image", dev="") == ["edit"]
    assert "live" not in github.issue


def test_an_issue_stays_open_until_every_environment_was_looked_at(github: GitHub) -> None:
    github.tells(live="replicas", test="", dev="")
    assert github.tells(live="", dev="") == ["edit"]
    assert "replicas" not in github.issue
    assert "## test\n\nThe last look failed" in github.issue
    assert github.tells(live="", test="", dev="") == ["close"]


def test_a_look_that_failed_opens_no_issue_by_itself(github: GitHub) -> None:
    assert github.tells(live="", test="") == []


def test_an_issue_that_somebody_edited_in_a_browser_is_understood(github: GitHub) -> None:
    github.tells(live="replicas", test="", dev="")
    (github.folder / "issue").write_bytes(github.issue.replace("\n", "\r\n").encode())
    github.tells(test="", dev="")
    assert "replicas" in github.issue


def test_who_tells_knows_every_environment_that_is_looked_at() -> None:
    jobs = workflow("drift.yml")["jobs"]
    assert jobs["tell"]["env"]["ENVIRONMENTS"].split() == jobs["look"]["strategy"]["matrix"]["environment"]
