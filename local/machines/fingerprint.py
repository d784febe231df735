"""What was applied to a machine, as one word: equal words mean that Ansible has nothing to do there."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping


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


__all__ = ["fingerprint"]
