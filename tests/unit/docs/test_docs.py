"""What the documents say is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

import cli

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = set(get_command(cli.app).commands)  # type: ignore[attr-defined]  # a group has commands
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_link_in_a_document_exists(document: Path) -> None:
    text = document.read_text()
    assert set(re.findall(r"\./hs (\w+)", text)) <= COMMANDS
    assert set(re.findall(r"(?:`|^ {4})make (\w+)", text, re.MULTILINE)) <= TARGETS
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / link).exists(), link


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert {command for command in COMMANDS if f"./hs {command}" not in text} == set()


def test_decisions_are_numbered_without_gaps_and_bear_their_number() -> None:
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in paths] == list(range(1, len(paths) + 1))
    for path in paths:
        assert path.read_text().startswith(f"# {int(path.name[:4])}. "), path.name


def test_a_runbook_is_called_by_what_is_done_to_what() -> None:
    for path in (ROOT / "docs" / "runbooks").glob("*.md"):
        assert re.fullmatch(r"[a-z]+-[a-z]+", path.stem), path.name
