"""To which moment databases are restored: never a guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.backup.moments import EXAMPLE, parse, require_restorable, short, written
from ops.errors import InputError

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
OLDEST = NOW - timedelta(days=28)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T13:59:59Z", "2026-11-23T13:59:59Z"),
        ("2026-11-23 14:59:59+01:00", "2026-11-23T13:59:59Z"),
        ("2026-11-23T08:29:59-0530", "2026-11-23T13:59:59Z"),
        ("2026-11-23T13:59:59.123456Z", "2026-11-23T13:59:59.123456Z"),
    ],
)
def test_a_time_with_its_zone_is_taken_in_utc(text: str, moment: str) -> None:
    assert written(parse(text)) == moment


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("yesterday", "'yesterday' is not a time.", EXAMPLE),
        ("", "'' is not a time.", EXAMPLE),
        ("2026-11-23", "is not a time", EXAMPLE),
        ("2026-11-23T14:00Z", "is not a time", EXAMPLE),
        ("20261123T140000Z", "is not a time", EXAMPLE),
        ("2026-02-30T00:00:00Z", "is not a time", EXAMPLE),
        ("2026-11-23T25:00:00Z", "is not a time", EXAMPLE),
        ("2026-11-23T13:00:00", "does not say its zone", "2026-11-23T13:00:00Z if it is UTC"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str, what: str, remedy: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(text)
    assert what in refused.value.what
    assert remedy in refused.value.remedy


def test_a_moment_between_the_oldest_backup_and_now_can_be_restored() -> None:
    require_restorable(NOW, now=NOW, oldest=OLDEST)
    require_restorable(OLDEST + timedelta(microseconds=1), now=NOW, oldest=OLDEST)


@pytest.mark.parametrize(
    ("moment", "oldest", "what", "why"),
    [
        (NOW + timedelta(seconds=1), OLDEST, "2026-11-23T14:00:01Z is yet to come.", "it is 2026-11-23T14:00:00Z"),
        (OLDEST, OLDEST, "is before the end of the oldest backup", "that ended at 2026-10-26T14:00:00Z"),
        (OLDEST - timedelta(days=1), OLDEST, "is before the end of the oldest backup", "that ended at 2026-10-26T14:00:00Z"),
        (NOW, None, "There is nothing to restore from.", "holds no finished backup"),
    ],
)
def test_a_moment_that_cannot_be_restored_is_refused(moment: datetime, oldest: datetime | None, what: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        require_restorable(moment, now=NOW, oldest=oldest)
    assert what in refused.value.what
    assert why in refused.value.why


def test_people_read_it_to_the_second_with_its_zone() -> None:
    assert short(parse("2026-11-23T14:00:00.5+01:00")) == "2026-11-23 13:00:00 UTC"
