"""Dumps to restore from: those that a deploy makes before it migrates (ops/releases/databases.py), or a file somebody gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from ops.errors import InputError
from ops.releases.record import Release

SUFFIX = ".dump"
MAGIC = b"PGDMP"
"""How pg_dump's custom format begins (PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c)."""


def dumps(given: str, environment: str, contexts: Sequence[str], asked: Sequence[str], folder: Path) -> dict[str, Path]:
    """The dump of each context that ``given`` names: the number of a release, a folder of dumps, or one file.

    ``folder`` is where deploys keep them; ``asked`` names contexts, and the one that a file of another name belongs to. Raises InputError
    when there is none, or when one is no dump.
    """
    place = _place(given, environment, folder) if given.isdigit() else Path(given).expanduser()
    if place.is_dir():
        found = {context: path for context in contexts if (path := place / f"{environment}_{context}{SUFFIX}").is_file()}
    elif place.is_file():
        found = {_context_of(place, environment, contexts, asked): place}
    else:
        raise InputError(f"There is no dump {given!r}.", why=f"{place} is not there", remedy=_known(folder / environment))
    missing = [context for context in asked if context not in found]
    if missing or not found:
        what = ", ".join(missing) or environment
        raise InputError(f"{place} holds no dump of {what}.", remedy=f"a dump is called {environment}_{(asked or contexts)[0]}{SUFFIX}")
    chosen = {context: path for context, path in found.items() if not asked or context in asked}
    for path in chosen.values():
        _require_dump(path)
    return chosen


def before_release(given: str, environment: str, folder: Path, releases: Iterable[Release]) -> datetime | None:
    """The moment before the release that ``given`` names migrated anything, where its dumps are not here: a runner's go with its pod."""
    if not given.isdigit() or _place(given, environment, folder).is_dir():
        return None
    return next((release.databases_at for release in releases if release.number == int(given)), None)


def _place(number: str, environment: str, folder: Path) -> Path:
    return folder / environment / f"{int(number):04d}"


def identity(chosen: dict[str, Path], context: str) -> str:
    """What a context's dump is called in comments and questions: another file under the same name is another dump."""
    about = chosen[context].stat()
    return f"the dump {chosen[context].name} of {about.st_size} bytes, {int(about.st_mtime)}"


def _context_of(path: Path, environment: str, contexts: Sequence[str], asked: Sequence[str]) -> str:
    if len(asked) == 1:
        return asked[0]
    by_name = {f"{environment}_{context}{SUFFIX}": context for context in contexts}
    if path.name not in by_name:
        raise InputError(f"Which context {path.name} is a dump of cannot be seen from its name.", remedy="add --context NAME")
    return by_name[path.name]


def _require_dump(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{path} is no dump in pg_dump's custom format.", remedy="make one by pg_dump --format=custom")


def _known(folder: Path) -> str:
    numbers = sorted(path.name.lstrip("0") for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    known = f"releases with dumps: {', '.join(numbers)}" if numbers else f"no release has dumps in {folder}"
    return f"give a file, a folder, or a release's number; {known}"


__all__ = ["before_release", "dumps", "identity"]
