"""To which moment a machine is restored: never a guess."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local.machines.restore import LATEST, target
from ops.errors import InputError

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("given", [LATEST, "2026-11-23T13:59:59Z", "2026-11-23 14:59:00+01:00", "2026-11-23T14:00:00.000000+00:00"])
def test_a_moment_that_was_is_taken_as_it_is(given: str) -> None:
    assert target(given, NOW) == given


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("yesterday", "is not a time"),
        ("", "is not a time"),
        ("2026-02-30T00:00:00Z", "is not a time"),
        ("2026-11-23T13:00:00", "does not say its zone"),
        ("2026-11-23T15:00:01+01:00", "is yet to come"),
    ],
)
def test_anything_else_is_refused_with_an_example(given: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        target(given, NOW)
    assert why in refused.value.what
    assert "2026-11-23T14:00:00Z" in refused.value.remedy
