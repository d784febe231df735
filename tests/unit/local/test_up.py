"""The engine is stopped with the last of what runs on it, and nothing of an estate stays or is lost unsaid."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import up
from local.estate import Estate, EstateFile
from ops.errors import InputError, PlatformError


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


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """An estate that is not up."""
    return Estate(EstateFile.model_validate({"name": "hs-unit", "subnet": "172.30.9.0/24"}), tmp_path, tmp_path)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an engine does that has a volume and a container of an estate, and others."""
    done: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        done.append(command[1])
        listed = {"ps": "hs-unit-postgres\n", "volume": "hs-unit-spaces\nother-spaces\n0778\n"}
        return subprocess.CompletedProcess(command, 0, stdout=listed[command[1]])

    monkeypatch.setattr(up, "run", run)
    monkeypatch.setattr(up, "is_running", lambda: True)
    monkeypatch.setattr(up, "ensure_engine", lambda: done.append("engine"))
    return done


def test_data_whose_secrets_are_gone_is_neither_used_nor_deleted_unasked(estate: Estate, docker: list[str]) -> None:
    with pytest.raises(InputError, match="without its state and secrets") as refused:
        up.up(estate)
    assert "hs-unit-postgres, hs-unit-spaces" in refused.value.why
    assert docker[0] == "engine"
    assert not estate.data_dir.exists()
    assert [line.partition(",")[0] for line in up.what_down_deletes(estate)] == ["hs-unit-postgres", "hs-unit-spaces"]


def test_an_estate_with_its_secrets_has_no_orphans(estate: Estate, docker: list[str]) -> None:
    estate.data_dir.mkdir(parents=True)
    assert up.orphans(estate) == []
    assert docker == []


def test_an_engine_that_a_restart_ended_is_started_before_the_estate_s_secrets_are_deleted(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise PlatformError("No Docker engine answers.")

    estate.data_dir.mkdir(parents=True)
    monkeypatch.setattr(up, "ensure_engine", fail)
    with pytest.raises(PlatformError, match="No Docker engine"):
        up.down(estate)
    assert estate.data_dir.exists()
