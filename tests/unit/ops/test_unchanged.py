"""When a stack may be left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.state import State, open_state
from ops.unchanged import fingerprint, is_unchanged, remember

NOTHING: dict[str, str] = {}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("settings", "components", "migrations"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("one")
    (tmp_path / "Pulumi.test.yaml").write_text("config: {b: [1], a: 2}")
    return tmp_path


@pytest.mark.parametrize("file", ["settings/file", "components/file", "migrations/V2__more.sql", "Pulumi.test.yaml", "catalogue.yaml"])
def test_whatever_the_program_reads_counts(checkout: Path, file: str) -> None:
    before = fingerprint("test", checkout, NOTHING)
    (checkout / file).write_text("config: another")
    assert fingerprint("test", checkout, NOTHING) != before


def test_what_it_does_not_read_does_not(checkout: Path) -> None:
    before = fingerprint("test", checkout, NOTHING)
    (checkout / "README.md").write_text("another")
    (checkout / "Pulumi.live.yaml").write_text("another")
    (checkout / "Pulumi.test.yaml").write_text("config:\n  a: 2\n  b:\n    - 1\nencryptionsalt: v1:another\n")
    assert fingerprint("test", checkout, {"PATH": "another"}) == before


def test_a_changed_secret_and_changed_local_settings_count(checkout: Path) -> None:
    local = checkout / "local.yaml"
    local.write_text("environment: one")
    given = {"HIGHSTREETLY_LOCAL_SETTINGS": str(local), "HIGHSTREETLY_DIGITALOCEAN_TOKEN": "canary"}
    before = fingerprint("test", checkout, given)
    assert "canary" not in before
    assert fingerprint("test", checkout, {**given, "HIGHSTREETLY_DIGITALOCEAN_TOKEN": "changed"}) != before
    local.write_text("environment: another")
    assert fingerprint("test", checkout, given) != before


def ran(folder: Path, number: int, result: str = "succeeded") -> None:
    history = folder / ".pulumi" / "history" / "highstreetly" / "test"
    history.mkdir(parents=True, exist_ok=True)
    (history / f"test-{number}.history.json").write_text(json.dumps({"startTime": number, "result": result}))


def again_by_somebody_else(folder: Path, _state: State) -> None:
    ran(folder, 2)


def failed_since(folder: Path, state: State) -> None:
    ran(folder, 2, "failed")
    remember(state, "test", "word")


def broke_off_since(folder: Path, _state: State) -> None:
    stacks = folder / ".pulumi" / "stacks" / "highstreetly"
    stacks.mkdir(parents=True)
    (stacks / "test.json").write_text(json.dumps({"checkpoint": {"latest": {"pending_operations": [{}]}}}))


def test_the_same_word_after_the_same_run_is_unchanged(tmp_path: Path) -> None:
    state = open_state(f"file://{tmp_path}")
    assert not is_unchanged(state, "test", "word")
    ran(tmp_path, 1)
    remember(state, "test", "word")
    assert is_unchanged(state, "test", "word")
    assert not is_unchanged(state, "test", "another")
    assert not is_unchanged(state, "other", "word")


@pytest.mark.parametrize("since", [again_by_somebody_else, failed_since, broke_off_since])
def test_a_run_since_then_makes_it_run_again(tmp_path: Path, since: Callable[[Path, State], None]) -> None:
    state = open_state(f"file://{tmp_path}")
    ran(tmp_path, 1)
    remember(state, "test", "word")
    since(tmp_path, state)
    assert not is_unchanged(state, "test", "word")
