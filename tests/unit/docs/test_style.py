"""What every source file looks like, by its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.docs.source import python_files, text, tree

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
READERS_OF_CONFIG = (Path("settings/load.py"), Path("settings/datacenter/load.py"), Path("settings/alerts.py"))
"""One for each of the three Pulumi projects."""
HELPERS_OF_COMPONENTS = {"__init__", "charts", "naming", "network", "pods", "providers", "tokens"}
"""Modules of components/ that are pure functions or names, not components."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
PRODUCT = python_files(tests=False)
COMPONENTS = [path for path in PRODUCT if path.parts[0] == "components" and path.stem not in HELPERS_OF_COMPONENTS]


def functions(module: ast.AST) -> Iterator[Function]:
    """Every function and method."""
    return (node for node in ast.walk(module) if isinstance(node, Function))


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Public classes and functions with their names, and the public methods of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{node.name}.")


def lines_of(node: Function) -> int:
    """How many lines a function has, from def to its end."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    assert [f"{path}:{node.lineno} {node.name}" for node in functions(tree(path)) if lines_of(node) > FUNCTION_LINES_MAX] == []


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(text(path).splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_everything_public_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path)) or not tree(path).body, f"{path} has no docstring"
    assert [f"{path}:{node.lineno} {name}" for name, node in public(tree(path).body) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_an_exception_from_the_linter_or_the_type_checker_has_a_reason(path: Path) -> None:
    bare = re.compile(r"#\s*(noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[\w,-]+\])?)\s*$")
    assert [f"{path}:{number}" for number, line in enumerate(text(path).splitlines(), 1) if bare.search(line)] == []


@pytest.mark.parametrize("path", COMPONENTS, ids=str)
def test_a_component_file_is_one_args_and_one_component(path: Path) -> None:
    classes = [node for node in tree(path).body if isinstance(node, ast.ClassDef)]
    components = [node for node in classes if any(ast.unparse(base) == "pulumi.ComponentResource" for base in node.bases)]
    assert len(components) == 1
    assert [node.name for node in classes if node.name.endswith("Args")] == [f"{components[0].name}Args"]


@pytest.mark.parametrize("path", COMPONENTS, ids=str)
def test_a_component_ends_by_registering_its_outputs(path: Path) -> None:
    for node in functions(tree(path)):
        if node.name == "__init__":
            assert "self.register_outputs(" in ast.unparse(node.body[-1])


@pytest.mark.parametrize("path", [path for path in PRODUCT if path not in READERS_OF_CONFIG], ids=str)
def test_one_module_of_a_project_reads_pulumi_s_config(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    assert [f"{path}:{call.lineno}" for call in calls if ast.unparse(call.func) in ("pulumi.Config", "Config")] == []


@pytest.mark.parametrize("path", [path for path in PRODUCT if path.parts[0] == "components"], ids=str)
def test_components_read_no_environment_variables(path: Path) -> None:
    named = {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert not named & {"os.environ", "os.getenv"}


@pytest.mark.parametrize("path", [path for path in python_files() if path.parts[0] == "tests"], ids=str)
def test_every_test_is_in_a_file_that_pytest_collects(path: Path) -> None:
    tests = [node.name for node in tree(path).body if isinstance(node, Function) and node.name.startswith("test_")]
    assert not tests or path.name.startswith("test_")
