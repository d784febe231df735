"""The checkout's files as the documentation's tests read them: what git knows and what it would add, nothing else."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@cache
def files() -> tuple[Path, ...]:
    """Every file of the checkout, relative to it."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()))


def python_files(*, tests: bool = True) -> list[Path]:
    """Every Python file."""
    return [path for path in files() if path.suffix == ".py" and (tests or path.parts[0] != "tests")]


def pages() -> list[Path]:
    """The README and every page of docs/."""
    return [path for path in files() if path.suffix == ".md" and (path.parts[0] == "docs" or path.name == path.as_posix())]


@cache
def tree(path: Path) -> ast.Module:
    """A Python file, parsed."""
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def text(path: Path) -> str:
    """A file's text."""
    return (ROOT / path).read_text()
