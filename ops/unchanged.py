"""Whether anything that decides what a stack's program makes has changed since its last run, without asking the engine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from ops.state import State
from settings.load import LOCAL_SETTINGS_VARIABLE

COLLECTION = "fingerprints"
PREFIX = "HIGHSTREETLY_"
"""What the variables of the program begin with."""
SALT = "encryptionsalt"
"""The engine's first run puts it into the stack file; it decides nothing."""
SOURCES = (
    "__main__.py",
    "Pulumi.yaml",
    "catalogue.yaml",
    "components",
    "esxi/Pulumi.datacenter.yaml",
    "migrations",
    "requirements/requirements.txt",
    "settings",
)
"""What the program reads of its checkout, beside the stack's own file."""
IGNORED = {".ansible", "__pycache__", ".cache"}


def files_digest(root: Path) -> str:
    """A hash of all files below ``root``: their paths, contents and whether they may be executed."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not IGNORED.intersection(relative.parts):
            executable = b"x" if path.stat().st_mode & 0o100 else b"-"
            digest.update(relative.as_posix().encode() + b"\0" + executable + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint(stack: str, root: Path, environ: Mapping[str, str] = os.environ) -> str:
    """One word for all that decides what the stack's program makes: equal words mean that it would make the same."""
    digest = hashlib.sha256()
    local_settings = [Path(environ[LOCAL_SETTINGS_VARIABLE])] if environ.get(LOCAL_SETTINGS_VARIABLE) else []
    for path in (root / source for source in SOURCES):
        content = files_digest(path) if path.is_dir() else path.read_text() if path.is_file() else ""
        digest.update(hashlib.sha256(content.encode()).digest())
    for path in (root / f"Pulumi.{stack}.yaml", *local_settings):
        digest.update(hashlib.sha256(_said(path).encode()).digest())
    for name in sorted(environ):
        if name.startswith(PREFIX) and name != LOCAL_SETTINGS_VARIABLE:  # secrets, long random words: their hash tells nobody anything
            digest.update(hashlib.sha256(f"{name}={environ[name]}".encode()).digest())
    return digest.hexdigest()[:32]


def _said(path: Path) -> str:
    """What a YAML file says, however it is written: the engine's first run writes the stack file anew."""
    content = yaml.safe_load(path.read_text()) or {} if path.is_file() else {}
    return json.dumps({key: value for key, value in content.items() if key != SALT}, sort_keys=True, default=str)


def remember(state: State, stack: str, word: str) -> None:
    """Note what the stack's newest run was made of; whoever calls this has the turn."""
    state.write_document(COLLECTION, stack, 1, {"fingerprint": word, "run": _run_of(state, stack)})


def is_unchanged(state: State, stack: str, word: str) -> bool:
    """Whether the newest run of a stack was made of the same, went well, and nothing has run since."""
    found = [document for _, document in state.read_documents(COLLECTION, stack)]
    known = {"fingerprint": word, "run": _run_of(state, stack)}
    return found[-1:] == [known] and not state.last_run_failed(stack) and not state.has_pending_operations(stack)


def _run_of(state: State, stack: str) -> str:
    return str(state.last_run(stack).get("startTime", ""))


__all__ = ["files_digest", "fingerprint", "is_unchanged", "remember"]
