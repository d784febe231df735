"""What the README and docs/ say is there: commands, targets, links; and the pages have the form they should."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import typer.main

from cli import app
from docs.generate import page as configuration
from tests.unit.docs.source import ROOT, files, pages, text

COMMAND = re.compile(r"\./hs ([a-z-]+)((?: +(?:[\w.:<>/-]+|\[[^\]]*\]))*)")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
MAKE = re.compile(r"(?:`|^ {4})make ([a-z]+)", re.MULTILINE)
VARIABLE = re.compile(r"\b(?:HS|HIGHSTREETLY)_[A-Z_]+\b")
DECISIONS = Path("docs/decisions")
RUNBOOKS = [path for path in pages() if path.parent == Path("docs/runbooks")]


def command_line() -> dict[str, set[str]]:
    """The commands of ./hs, each with its options."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {
        name: {option for parameter in command.params for option in parameter.opts} | {"--help"} for name, command in group.commands.items()
    }


def commands_in(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Every command of ./hs that a page names, with the options beside it."""
    for name, words in COMMAND.findall(text(path)):
        yield name, set(re.findall(r"(?<![\w-])--[a-z-]+", words))


@pytest.mark.parametrize("path", pages(), ids=str)
def test_every_command_named_exists_with_its_options(path: Path) -> None:
    known = command_line()
    for name, options in commands_in(path):
        assert name in known, f"{path}: ./hs {name}"
        assert options <= known[name], f"{path}: ./hs {name}"


def test_the_readme_names_every_command() -> None:
    named = {name for name, _ in commands_in(Path("README.md"))}
    assert named >= set(command_line())


@pytest.mark.parametrize("path", pages(), ids=str)
def test_every_make_target_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(Path("Makefile")), re.MULTILINE))
    assert set(MAKE.findall(text(path))) <= targets


@pytest.mark.parametrize("path", pages(), ids=str)
def test_every_relative_link_resolves(path: Path) -> None:
    targets = [target for target, _ in LINK.findall(text(path)) if "://" not in target]
    assert [target for target in targets if not (ROOT / path.parent / target).exists()] == []


@pytest.mark.parametrize("path", pages(), ids=str)
def test_every_variable_named_is_read_somewhere(path: Path) -> None:
    sources = "\n".join(text(found) for found in files() if found.suffix == ".py" and found.parts[0] != "tests")
    sources += text(Path("requirements/environment")) + configuration()
    assert {name for name in VARIABLE.findall(text(path)) if name not in sources} == set()


def test_the_page_of_the_configuration_is_what_the_models_say() -> None:
    assert text(Path("docs/configuration.md")) == configuration(), "run .venv/bin/python docs/generate.py"


def test_the_picture_is_well_formed_and_describes_itself() -> None:
    assert ElementTree.parse(ROOT / "docs" / "pictures" / "estate.svg").getroot().get("aria-label")


def test_decisions_are_numbered_without_gap_and_have_their_three_parts() -> None:
    decisions = [path for path in pages() if path.parent == DECISIONS]
    assert [path.name[:5] for path in decisions] == [f"{number:04d}-" for number in range(1, len(decisions) + 1)]
    for number, path in enumerate(decisions, 1):
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name), path
        assert text(path).startswith(f"# {number}. "), path
        assert re.findall(r"^## (\w+)$", text(path), re.MULTILINE) == ["Context", "Decision", "Consequences"], path


@pytest.mark.parametrize("path", RUNBOOKS, ids=str)
def test_a_runbook_is_named_by_verb_and_noun_and_its_title_begins_with_the_verb(path: Path) -> None:
    assert re.fullmatch(r"[a-z]+-[a-z]+(-[a-z]+)*", path.stem)
    assert text(path).lower().startswith(f"# {path.stem.partition('-')[0]} ")
