"""Comparing databases: by tables, rows and a checksum over them; what was written to meanwhile is counted."""

from __future__ import annotations

import json

import pytest

from ops.backup.content import Content, Table, at_a_moment, differences, read
from ops.errors import PlatformError
from tests.unit.ops.backup.fakes import content


def lines(*said: dict[str, object]) -> list[str]:
    """What psql prints."""
    return [json.dumps(one) for one in said]


def test_what_psql_prints_is_read_database_by_database() -> None:
    found = read(
        [
            *lines({"database": "kind_orders"}, {"script": "V1__a.sql", "version": "1"}, {"script": "R__view.sql", "version": None}),
            "",
            *lines({"table": "public.events", "rows": 3, "checksum": "-7"}, {"database": "kind_shops"}),
        ]
    )
    assert found == {
        "kind_orders": Content(scripts=("V1__a.sql", "R__view.sql"), version="1", tables={"public.events": Table(rows=3, checksum="-7")}),
        "kind_shops": Content(),
    }
    assert found["kind_orders"].rows == 3


@pytest.mark.parametrize("line", ["no JSON", '{"table": "public.events"}', '{"other": 1}', "7", '{"script": "V1__a.sql", "version": "1"}'])
def test_anything_else_that_is_printed_is_no_content(line: str) -> None:
    with pytest.raises(PlatformError, match="could not be read"):
        read([line])


def test_two_databases_that_hold_the_same_have_no_differences() -> None:
    assert differences("kind_orders", content(), content()) == []


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (None, "kind_orders is missing"),
        (content(rows=2), "kind_orders: public.events has 2 rows; at that moment it had 3"),
        (content(checksum="78"), "kind_orders: public.events has as many rows (3), but not the same"),
        (content().model_copy(update={"tables": {}}), "kind_orders lacks public.events"),
        (
            content().model_copy(update={"tables": {**content().tables, "public.more": Table(rows=0)}}),
            "kind_orders has besides public.more",
        ),
        (Content(scripts=("V1__a.sql",), version="1", tables=content().tables), "kind_orders is migrated to 1, not to 2"),
        (Content(tables=content().tables), "kind_orders is migrated to nothing, not to 2"),
    ],
)
def test_every_difference_is_a_sentence(found: Content | None, problem: str) -> None:
    assert differences("kind_orders", content(), found) == [problem]


def test_many_missing_tables_are_one_sentence() -> None:
    expected = Content(tables={f"public.t{number}": Table(rows=0) for number in range(8)})
    [problem] = differences("kind_orders", expected, Content())
    assert problem == "kind_orders lacks public.t0, public.t1, public.t2, public.t3, public.t4 and 3 more"


def test_a_quiet_table_is_compared_exactly_and_a_busy_one_by_the_bounds_of_its_rows() -> None:
    assert at_a_moment(content(), content()) == content()
    busy = at_a_moment(content(rows=3, checksum="1"), content(rows=5, checksum="2"))
    assert busy.tables["public.events"] == Table(rows=3, rows_later=5)
    for rows in (3, 4, 5):
        assert differences("kind_orders", busy, content(rows=rows)) == []
    for rows in (2, 6):
        [problem] = differences("kind_orders", busy, content(rows=rows))
        assert problem == f"kind_orders: public.events has {rows} rows; at that moment it had 3 to 5"


def test_rows_that_were_changed_and_not_added_make_a_table_busy() -> None:
    busy = at_a_moment(content(checksum="1"), content(checksum="2"))
    assert differences("kind_orders", busy, content(checksum="3")) == []
    assert differences("kind_orders", busy, content(rows=2)) != []


@pytest.mark.parametrize("later", [Content(), content().model_copy(update={"scripts": ("V1__a.sql",)})])
def test_a_database_that_is_migrated_meanwhile_is_not_described(later: Content) -> None:
    with pytest.raises(PlatformError, match="migrated while it was looked at"):
        at_a_moment(content(), later)
