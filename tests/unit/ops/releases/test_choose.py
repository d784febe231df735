"""Which release a rollback returns to, and what forbids a deploy or a rollback."""

from __future__ import annotations

import pytest

from ops.errors import InputError
from ops.releases.choose import contract_steps, current, effective, promotion_problems, rollback_target
from ops.releases.record import Release
from tests.unit.ops.releases.makers import back, release, sha


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        pytest.param([release(1), release(2)], 1, id="from a verified one to the one before"),
        pytest.param([release(1), release(2, "failed")], 1, id="from a failed one to what still serves"),
        pytest.param([release(1), release(2, "unverified")], 1, id="from one that failed its checks"),
        pytest.param([release(1), release(2, "failed"), release(3, "failed")], 1, id="over several failed ones"),
        pytest.param([release(1), release(2, "failed"), release(3)], 1, id="never to a failed one"),
        pytest.param([release(1), release(2), release(3), back(4, 2)], 1, id="after a rollback further back, not to what was left"),
        pytest.param([release(1), release(2), back(3, 1), release(4)], 2, id="a deploy after a rollback"),
        pytest.param(
            [release(1), release(2), back(3, 1), release(4, "failed")], 1, id="a failed one after a rollback: what that returned to"
        ),
        pytest.param([release(1), release(2), back(3, 1, "failed")], 2, id="a rollback that failed left what ran before"),
    ],
)
def test_a_rollback_returns_to_the_last_verified_release_before_what_is_wrong(releases: list[Release], expected: int) -> None:
    assert rollback_target(releases, "", "test").number == expected


@pytest.mark.parametrize(
    ("releases", "why"),
    [([], "no release yet"), ([release(1)], "no earlier verified"), ([release(1, "failed")], "no earlier verified")],
)
def test_a_rollback_without_a_release_to_return_to_is_refused(releases: list[Release], why: str) -> None:
    with pytest.raises(InputError, match=why):
        rollback_target(releases, "", "test")


def test_a_release_is_named_by_number_or_tag() -> None:
    releases = [release(1), release(2), back(3, 1)]
    assert rollback_target(releases, "2", "test").number == 2
    assert rollback_target(releases, "test/1.2.0", "test").number == 2
    assert rollback_target(releases, "3", "test").number == 1  # what it returned to


def test_a_release_that_never_ran_or_does_not_exist_cannot_be_returned_to() -> None:
    releases = [release(1), release(2, "failed", failure="no such image\nmore")]
    with pytest.raises(InputError) as refused:
        rollback_target(releases, "2", "test")
    assert refused.value.why == "no such image"
    with pytest.raises(InputError) as unknown:
        rollback_target(releases, "test/1.3.0", "test")
    assert "test/1.2.0" in unknown.value.why or "test/1.1.0" in unknown.value.why


def test_what_runs_is_the_newest_that_was_rolled_out() -> None:
    found = current([release(1), release(2, "unverified"), release(3, "failed")])
    assert found is not None
    assert found.number == 2
    assert current([release(1, "failed")]) is None


def test_a_rollback_of_a_rollback_has_the_first_ones_content() -> None:
    releases = [release(1), release(2), back(3, 1), release(4), back(5, 3)]
    assert effective(releases[4], releases).number == 1


def test_contract_steps_are_those_that_the_database_had_and_the_target_does_not_know() -> None:
    applied = {
        "orders": ["V1__create.sql", "V2__add_note.sql", "V3__contract_drop_old.sql"],
        "shops": ["V1__create.sql", "V2__contract_drop_x.sql"],
        "loyalty": ["V1__create.sql", "V2__contract_y.sql"],
    }
    target = {"orders": ["V1__create.sql"], "shops": ["V1__create.sql", "V2__contract_drop_x.sql"]}
    assert contract_steps(applied, target) == ["orders/V3__contract_drop_old.sql"]


def test_a_release_is_promoted_when_one_verified_release_had_all_its_images_and_migrations() -> None:
    candidate = release(9)
    there = release(4, images=candidate.images)
    assert promotion_problems(candidate, [release(1), there, release(5)]) == []
    assert promotion_problems(candidate, []) == ["no release was ever verified there"]
    assert promotion_problems(candidate, [there.model_copy(update={"outcome": "unverified"})]) == ["no release was ever verified there"]


def test_another_digest_or_other_migrations_are_named_and_another_tag_of_the_same_digest_is_not() -> None:
    candidate = release(9)
    other = {"orders-api": f"highstreetly/orders-api:1.9.0@{sha('b')}", "migrations": candidate.images["migrations"]}
    problems = promotion_problems(candidate, [release(4, images=other, migrations={"orders": "9999"})])
    assert len(problems) == 2
    assert problems[0].startswith("orders-api: ")
    assert problems[1].startswith("migrations/orders: ")
    retagged = {"orders-api": f"highstreetly/orders-api:rc@{sha('a')}", "migrations": candidate.images["migrations"]}
    assert promotion_problems(candidate, [release(4, images=retagged)]) == []


def test_the_images_must_have_been_verified_together() -> None:
    candidate = release(9, images={"a": f"x/a:1@{sha('a')}", "b": f"x/b:1@{sha('b')}"})
    first = release(1, images={"a": f"x/a:1@{sha('a')}", "b": f"x/b:0@{sha('0')}"})
    second = release(2, images={"a": f"x/a:0@{sha('0')}", "b": f"x/b:1@{sha('b')}"})
    assert len(promotion_problems(candidate, [first, second])) == 1
