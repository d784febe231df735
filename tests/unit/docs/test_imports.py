"""Imports go one way, as docs/layers.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.unit.docs.source import python_files, text, tree

MAY_IMPORT = {
    "settings": {"settings"},
    "components": {"components", "settings"},
    "__main__.py": {"components", "settings"},
    "esxi": {"esxi", "settings"},
    "alerts": {"alerts", "settings"},
    "ops": {"ops", "settings"},
    "local": {"local", "ops", "settings"},
    "cli.py": {"local", "ops", "settings"},
    "docs": {"settings"},
}
OURS = {"settings", "components", "esxi", "alerts", "ops", "local", "cli", "docs", "tests"}


def imported(module: ast.Module) -> set[str]:
    """The first parts of the names of ours that a module imports, also inside functions."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import hides its layer"
            names.add((node.module or "").partition(".")[0])
    return names & OURS


def product() -> list[Path]:
    """The Python files that have a layer."""
    return [path for path in python_files(tests=False) if path.parts[0] != "ansible"]


@pytest.mark.parametrize("path", product(), ids=str)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    assert path.parts[0] in MAY_IMPORT, "every folder with Python has its layer in docs/layers.md and here"
    assert imported(tree(path)) <= MAY_IMPORT[path.parts[0]]


@pytest.mark.parametrize(("layer", "allowed"), MAY_IMPORT.items(), ids=list(MAY_IMPORT))
def test_the_page_says_what_this_test_holds(layer: str, allowed: set[str]) -> None:
    folder = layer if layer.endswith(".py") else f"{layer}/"
    row = next(line for line in text(Path("docs/layers.md")).splitlines() if line.startswith(f"| `{folder}` |"))
    partners = {name for name in OURS if f"`{name}`" in row.split("|")[3]}
    assert partners == allowed - {layer}


def test_an_import_inside_a_function_counts() -> None:
    assert imported(ast.parse("def f():\n    from local.estate import Estate\n    import pulumi\n")) == {"local"}
