"""Imports go one way: settings <- components <- __main__; ops imports settings only; nothing in the product imports local."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OURS = {"settings", "components", "ops", "local", "cli", "tests"}
MAY_IMPORT = {
    "settings": {"settings"},
    "components": {"components", "settings"},
    "ops": {"ops", "settings"},
    "local": {"local", "ops", "settings"},
    "__main__.py": {"components", "settings"},
}
CONSTRUCTOR_LINES_MAX = 60
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PRODUCT = [path for part in MAY_IMPORT for path in ([ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py")))]


def imported(tree: ast.Module) -> set[str]:
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names} & OURS


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_lies_below_it(part: str) -> None:
    for path in [ROOT / part] if part.endswith(".py") else (ROOT / part).rglob("*.py"):
        assert imported(ast.parse(path.read_text())) <= MAY_IMPORT[part], path


def test_only_the_loader_reads_pulumi_s_configuration_and_no_component_reads_the_environment() -> None:
    for path in PRODUCT:
        text = path.read_text()
        if path != ROOT / "settings" / "load.py":
            assert "pulumi.Config(" not in text, path
        if "components" in path.parts:
            assert "os.environ" not in text, path


def test_files_and_functions_stay_short() -> None:
    for path in PRODUCT:
        text = path.read_text()
        assert len(text.splitlines()) <= FILE_LINES_MAX, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, f"{path}: {node.name}"


def test_a_component_registers_its_outputs_last_in_a_short_constructor() -> None:
    found = 0
    for path in (ROOT / "components").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any("ComponentResource" in ast.unparse(base) for base in node.bases):
                constructor = next(part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
                assert ast.unparse(constructor.body[-1]).startswith("self.register_outputs("), path
                assert (constructor.end_lineno or 0) - constructor.lineno < CONSTRUCTOR_LINES_MAX, path
                found += 1
    assert found >= 8


def test_every_test_stands_in_a_file_that_pytest_collects() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        names = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        if any(name.startswith("test_") for name in names):
            assert path.name.startswith("test_"), path
