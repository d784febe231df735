"""What a restore does and what forbids it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.backup import plan
from ops.backup.plan import FILLING, WHOLE, Target
from ops.errors import InputError, PlatformError
from tests.unit.ops.backup.fakes import NOW

CONTEXTS = ("orders", "payments")
PRESENT = ("postgres", "kind_orders", "kind_payments", "live_orders")
SOURCE = "its state of 2026-11-23 14:00:00 UTC"
ORDERS = Target("orders", "kind_orders", "kind_orders_before_20261123t140000")
PAYMENTS = Target("payments", "kind_payments", "kind_payments_before_20261123t140000")


def test_all_contexts_are_restored_and_what_is_there_is_kept_under_the_moment_s_name() -> None:
    assert plan.targets("kind", CONTEXTS, [], PRESENT, NOW) == [ORDERS, PAYMENTS]
    assert ORDERS.restored == "kind_orders_restored"


def test_named_contexts_alone_are_restored() -> None:
    assert plan.targets("kind", CONTEXTS, ["payments"], PRESENT, NOW) == [PAYMENTS]


def test_an_unknown_context_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="has no context 'payment'") as refused:
        plan.targets("kind", CONTEXTS, ["payment"], PRESENT, NOW)
    assert "payments" in refused.value.why


def test_a_database_that_is_not_there_has_no_owner_to_copy() -> None:
    with pytest.raises(InputError, match="live_payments is not there") as refused:
        plan.targets("live", CONTEXTS, [], PRESENT, NOW)
    assert "--refresh" in refused.value.remedy


def test_a_name_that_postgresql_would_cut_is_refused() -> None:
    context = "a" * 40
    with pytest.raises(InputError, match="longer than a database's name may be"):
        plan.targets("kind", [context], [], [f"kind_{context}"], NOW)


@pytest.mark.parametrize(
    ("comment", "step"),
    [
        (None, "create"),
        (WHOLE.format(source=SOURCE), "reuse"),
        (WHOLE.format(source="its state of another time"), "again"),
        (FILLING.format(source=SOURCE), "again"),
    ],
)
def test_what_an_earlier_run_left_is_taken_only_when_it_is_whole_and_the_same(comment: str | None, step: str) -> None:
    assert plan.step(comment, SOURCE, "kind_orders_restored") == step


@pytest.mark.parametrize("comment", ["", "somebody's own"])
def test_a_database_of_that_name_that_no_restore_made_is_left_alone(comment: str) -> None:
    with pytest.raises(InputError, match="no restore has made") as refused:
        plan.step(comment, SOURCE, "kind_orders_restored")
    assert "dropdb kind_orders_restored" in refused.value.remedy


def test_a_restore_is_done_when_every_database_that_serves_is_the_restored_one() -> None:
    whole = {"kind_orders": WHOLE.format(source=SOURCE)}
    assert plan.is_done(whole, [ORDERS], SOURCE)
    assert not plan.is_done(whole, [ORDERS, PAYMENTS], SOURCE)
    assert not plan.is_done(whole, [ORDERS], "its state of another time")


def job(context: str, newest: str, made: str) -> dict[str, Any]:
    """A migration's Job."""
    return {
        "metadata": {
            "labels": {"platform.highstreet.ly/context": context},
            "annotations": {"platform.highstreet.ly/newest": newest},
            "creationTimestamp": made,
        }
    }


def test_services_expect_what_their_newest_migration_brought() -> None:
    jobs = [job("orders", "4", "2026-11-02"), job("orders", "3", "2026-11-01"), job("payments", "2", "2026-11-01"), {"metadata": {}}]
    assert plan.expected_versions(jobs) == {"orders": "4", "payments": "2"}


@pytest.mark.parametrize(
    ("found", "expected", "problems"),
    [
        ("10", "9", []),
        ("9", "9", []),
        ("002", "2", []),
        ("9", "10", ["orders: restored is version 9, its services need 10"]),
        ("", "1", ["orders: restored is version nothing, its services need 1"]),
        ("1", "", []),
        ("2.1", "2.1.1", ["orders: restored is version 2.1, its services need 2.1.1"]),
    ],
)
def test_versions_are_compared_number_by_number(found: str, expected: str, problems: list[str]) -> None:
    assert plan.version_problems({"orders": found}, {"orders": expected}) == problems


def test_databases_that_are_too_old_for_the_services_do_not_replace_those_that_serve() -> None:
    plan.require_versions("kind", {"orders": "3"}, {"orders": "3"})
    with pytest.raises(PlatformError, match="the present ones serve on") as refused:
        plan.require_versions("kind", {"orders": "2", "payments": "3"}, {"orders": "3", "payments": "3"})
    assert refused.value.why == "orders: restored is version 2, its services need 3"
    assert "--older-schema" in refused.value.remedy


def test_a_disk_without_room_is_refused_before_anything_is_made() -> None:
    plan.require_room(121, 100)
    with pytest.raises(InputError, match="too little disk") as refused:
        plan.require_room(119 << 20, 100 << 20)
    assert refused.value.why == "free are 119 MiB, needed about 120 MiB"


def test_all_databases_change_places_in_one_transaction_the_present_one_leaving_first() -> None:
    assert plan.swap_statements([ORDERS, PAYMENTS]).splitlines() == [
        "SET lock_timeout = '30s';",
        "BEGIN;",
        'ALTER DATABASE "kind_orders" RENAME TO "kind_orders_before_20261123t140000";',
        'ALTER DATABASE "kind_orders_restored" RENAME TO "kind_orders";',
        'ALTER DATABASE "kind_payments" RENAME TO "kind_payments_before_20261123t140000";',
        'ALTER DATABASE "kind_payments_restored" RENAME TO "kind_payments";',
        "COMMIT;",
    ]


def test_what_will_happen_is_said_for_each_database() -> None:
    [line] = plan.words([ORDERS], plan.named(NOW), {"kind_orders": 5 << 20}, {"orders": "3"})
    assert line == f"kind_orders (5 MiB, version 3) becomes {SOURCE}; what it holds now stays as kind_orders_before_20261123t140000"


def test_a_moment_s_name_tells_it_from_every_other_moment() -> None:
    later = NOW.replace(microsecond=1)
    assert plan.named(NOW) == SOURCE
    assert plan.named(later) == "its state of 2026-11-23 14:00:00.000001 UTC"
