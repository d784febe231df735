"""Migrations by convention: every script in migrations/<context>/ (and migrations/common/) belongs to that context's database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from settings.errors import Mistake, nearest

FOLDER = "migrations"
COMMON = "common"
"""Scripts that every context's database begins with. They are version 0: what comes later belongs to a context."""

_VERSIONED = re.compile(r"V(?P<version>\d+([._]\d+)*)__\w+\.sql")
_OTHER = re.compile(r"(R__\w+|afterMigrate(__\w+)?)\.sql")


@dataclass(frozen=True)
class Migrations:
    """The scripts of one context's database, by file name."""

    context: str
    scripts: dict[str, bytes]
    common: frozenset[str] = frozenset()
    """Those of them that every context's database begins with."""

    def path(self, script: str) -> str:
        """Where a script lies, from the checkout."""
        return f"{FOLDER}/{COMMON if script in self.common else self.context}/{script}"

    @property
    def newest(self) -> str:
        """The highest version among the scripts, as Flyway's history shows it; empty when there is none."""
        versions = [version for name in self.scripts if (version := version_of(name))]
        return max(versions, key=order, default="")

    def digest(self, *more: str) -> str:
        """A hash of the scripts' names and contents, and of ``more``."""
        total = hashlib.sha256()
        for name, content in sorted(self.scripts.items()):
            total.update(f"{name}\0{len(content)}\0".encode() + content)
        total.update("\0".join(more).encode())
        return total.hexdigest()


def version_of(script: str) -> str:
    """The version in a script's name as Flyway writes it (V001__x.sql is 001), or nothing for repeatable scripts and callbacks."""
    match = _VERSIONED.fullmatch(script)
    return match["version"].replace("_", ".") if match else ""


def order(version: str) -> tuple[int, ...]:
    """A version as Flyway compares it: number by number."""
    return tuple(int(part) for part in version.split("."))


def read_migrations(root: Path, contexts: Sequence[str], mistakes: list[Mistake]) -> dict[str, Migrations]:
    """Read every context's scripts; adds to ``mistakes`` what Flyway would skip or refuse."""
    folder = root / FOLDER
    known = [*contexts, COMMON]
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and path.name not in known:
            mistakes.append(Mistake(f"{FOLDER}/{path.name}", "-", "there is no such context", nearest(path.name, contexts)))
    common = _read_folder(folder / COMMON, mistakes)
    for name in common:
        if (version := version_of(name)) and order(version)[0] != 0:
            mistakes.append(Mistake(f"{FOLDER}/{COMMON}/{name}", "-", "a common script must be version 0", "move it to a context's folder"))
    found = {}
    for context in contexts:
        scripts = {**common, **_read_folder(folder / context, mistakes)}
        _check_versions(context, scripts, mistakes)
        found[context] = Migrations(context, scripts, frozenset(common))
    return found


def _read_folder(folder: Path, mistakes: list[Mistake]) -> dict[str, bytes]:
    scripts = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        shown = f"{FOLDER}/{folder.name}/{path.name}"
        if not (_VERSIONED.fullmatch(path.name) or _OTHER.fullmatch(path.name)):
            mistakes.append(Mistake(shown, "-", "Flyway would skip a file with this name", "name it like V002__add_discount.sql"))
        elif not path.read_bytes().strip():
            mistakes.append(Mistake(shown, "-", "the script is empty", "write its SQL or remove the file"))
        else:
            scripts[path.name] = path.read_bytes()
    return scripts


def _check_versions(context: str, scripts: dict[str, bytes], mistakes: list[Mistake]) -> None:
    seen: dict[tuple[int, ...], str] = {}
    for name in sorted(scripts):
        if not (version := version_of(name)):
            continue
        other = seen.setdefault(order(version), name)
        if other != name:
            problem = f"{name} and {other} have the same version"
            mistakes.append(Mistake(f"{FOLDER}/{context}/{name}", "-", problem, "give the newer one the next free version"))
