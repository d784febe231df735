"""Releases for the tests, told by what matters in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ops.releases.record import Release

BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def sha(letter: str) -> str:
    """A digest that is told by one letter."""
    return f"sha256:{letter * 64}"


def release(number: int = 1, outcome: str = "verified", **what: Any) -> Release:
    """A release of `test`, finished unless it says otherwise."""
    started = BEGIN + timedelta(hours=number)
    values: dict[str, Any] = {
        "environment": "test",
        "number": number,
        "tag": f"test/1.{number}.0",
        "commit": f"{number:040x}",
        "images": {"orders-api": f"highstreetly/orders-api:1.{number}.0@{sha('a')}", "migrations": f"flyway/flyway:13@{sha('f')}"},
        "configuration": {"highstreetly:environment": {"version": f"1.{number}.0", "replicas": 2}},
        "migrations": {"orders": "0123"},
        "by": "ada",
        "host": "laptop",
        "started_at": started,
        "finished_at": started + timedelta(seconds=30),
        "outcome": outcome,
    }
    return Release(**(values | what))


def back(number: int, to: int, outcome: str = "verified") -> Release:
    """A rollback."""
    return release(number, outcome, kind="rollback", rolled_back_to=to, tag=f"test/1.{to}.0", commit=f"{to:040x}")
