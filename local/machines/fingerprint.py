"""What was applied to a machine, as one word: equal words mean that Ansible has nothing to do there."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

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


def fingerprint(roles: str, texts: Iterable[str], secrets: Mapping[str, str], today: datetime.date) -> str:
    """One word for the roles (a digest), the inventory and other texts, the secrets and the week.

    The week makes an unchanged machine get a run every seven days, which is when certificates near their end are renewed.
    Secrets are long random words and only their hash enters, so that the word may lie on the machine for everybody to read.
    """
    digest = hashlib.sha256()
    year, week, _ = today.isocalendar()
    hashed = [f"{name}={hashlib.sha256(value.encode()).hexdigest()}" for name, value in sorted(secrets.items())]
    for part in (roles, *texts, *hashed, f"{year}-W{week:02d}"):
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()[:32]


__all__ = ["files_digest", "fingerprint"]
