"""The engine is stopped with the last of what runs on it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from local import up


@pytest.mark.parametrize(
    ("estates", "clusters", "others"),
    [("", "", []), ("a\nb", "", ["a", "b"]), ("", "c", ["c"]), ("a", "a\nc", ["a", "c"])],
    ids=["none", "an estate", "only a cluster", "both"],
)
def test_estates_and_clusters_keep_the_engine_running(
    monkeypatch: pytest.MonkeyPatch, estates: str, clusters: str, others: list[str]
) -> None:
    answers = {"label=ly.highstreet.estate": estates, "label=io.x-k8s.kind.cluster": clusters}

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, stdout=answers[command[-1]])

    monkeypatch.setattr(up, "run", run)
    assert up.other_estates() == others
