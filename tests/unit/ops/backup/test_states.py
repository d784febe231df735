"""A stored state is read by the engine, in a backend that is there for this alone."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from ops.backup import states as module
from ops.backup.states import restored_problems
from ops.errors import PlatformError

NAME = "state/highstreetly/kind.json"
RESOURCES = [{"urn": f"urn:pulumi:kind::highstreetly::a::{name}"} for name in ("one", "two")]
STATE = json.dumps({"version": 3, "checkpoint": {"stack": "organization/highstreetly/kind", "latest": {"resources": RESOURCES}}}).encode()


def engine(monkeypatch: pytest.MonkeyPatch, exported: list[dict[str, str]]) -> list[str]:
    """An engine that exports these resources; returns where it was told to look."""
    asked: list[str] = []

    def run(words: list[str], *, cwd: Path, env: dict[str, str], **_more: Any) -> CompletedProcess[str]:
        asked.append(env["PULUMI_BACKEND_URL"])
        assert (cwd / ".pulumi/stacks/highstreetly/kind.json").read_bytes() == STATE
        assert (cwd / ".pulumi/meta.yaml").exists()
        Path(words[words.index("--file") + 1]).write_text(json.dumps({"deployment": {"resources": exported}}))
        return CompletedProcess(words, 0, stdout="")

    monkeypatch.setattr(module, "run", run)
    return asked


def test_a_state_that_the_engine_reads_whole_has_no_findings_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = engine(monkeypatch, RESOURCES)
    assert restored_problems(NAME, STATE) == []
    [folder] = [Path(url.removeprefix("file://")) for url in asked]
    assert not folder.exists()


def test_a_resource_that_the_engine_does_not_read_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, RESOURCES[:1])
    assert restored_problems(NAME, STATE) == [f"{NAME}: of 2 resources the engine reads 1"]


def test_a_state_that_the_engine_refuses_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: Any, **_options: Any) -> None:
        raise PlatformError("The engine cannot read the state.", why="error: incorrect passphrase")

    monkeypatch.setattr(module, "run", refuse)
    [finding] = restored_problems(NAME, STATE)
    assert "incorrect passphrase" in finding
