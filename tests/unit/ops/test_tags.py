"""A release tag says the environment and a semantic version; anything else is refused before anything happens."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import EXIT_BAD_INPUT, InputError
from ops.tags import VERSION_LENGTH_MAX, Tag, Version, parse_tag, tag_of_ref

ENVIRONMENTS = ["dev", "live", "test"]
MALFORMED = [
    "", "/", "live", "live/", "/1.0.0", "1.0.0", "live-1.0.0", "live/v1.0.0", "live/1", "live/1.0", "live/1.0.0.0", "live/01.0.0",
    "live/1.0.0-", "live/1.0.0-01", "live/1.0.0+", "live/1.0.0 ", " live/1.0.0", "LIVE/1.0.0", "live//1.0.0", "live/x/1.0.0",
    "liev/1.0.0", "live/latest", "live/1.0.0\n", "live/1.0.0;id", "live/$(id)", "live/../1.0.0", "refs/heads/live/1.0.0",
    "live/\uff11.0.0", "live/1.0.0-a_b", "live/1.0.0+a_b", "live/1.0.0-" + "a" * 130,
]  # fmt: skip
IN_ORDER = [
    "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",
    "1.0.1", "1.2.0", "1.10.0", "2.0.0",
]  # fmt: skip
"""The example of https://semver.org/#spec-item-11 and on."""


@pytest.mark.parametrize("text", MALFORMED)
def test_refused_with_exit_code_2_and_what_is_wrong(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_tag(text, ENVIRONMENTS)
    assert refused.value.exit_code == EXIT_BAD_INPUT
    assert refused.value.why
    assert refused.value.remedy == "tag it like dev/1.4.0"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1.0.0", "it names no environment; write <environment>/<version>"),
        ("live/v1.0.0", "a version begins with a number: write 1.0.0"),
        ("live/1.0", "a version has three numbers, for example 1.4.0, not '1.0'"),
        ("live/1.07.0", "'07' is not a whole number without leading zeros"),
        ("live/1.0.0-", "in the pre-release, after -, a part is empty"),
        ("live/1.0.0-rc.01", "in the pre-release, after -, the number 01 has leading zeros"),
        ("live/1.0.0+a+b", "in the build metadata, after +, 'a+b' has other characters than letters, digits and -"),
        (f"live/1.0.0-{'a' * VERSION_LENGTH_MAX}", "a version has at most 128 characters, not 134"),
    ],
)
def test_the_reason_is_the_one_thing_to_correct(text: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_tag(text, ENVIRONMENTS)
    assert refused.value.why == why


def test_an_endless_text_is_not_repeated_to_the_reader() -> None:
    with pytest.raises(InputError) as refused:
        parse_tag("x" * 10_000, ENVIRONMENTS)
    assert len(str(refused.value)) < 400


def test_nothing_is_a_tag_where_there_is_no_environment() -> None:
    with pytest.raises(InputError, match="nothing was touched") as refused:
        parse_tag("live/1.0.0", [])
    assert refused.value.remedy == "tag it like <environment>/1.4.0"


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(InputError) as refused:
        parse_tag("liev/1.0.0", ENVIRONMENTS)
    assert "live" in refused.value.why


@pytest.mark.parametrize("text", ["live/1.4.0", "refs/tags/live/1.4.0"])
def test_a_tag_is_read_with_or_without_its_ref(text: str) -> None:
    assert parse_tag(text, ENVIRONMENTS) == Tag("live", Version("1.4.0"))
    assert str(parse_tag(text, ENVIRONMENTS)) == "live/1.4.0"


def test_versions_are_ordered_as_semver_says() -> None:
    versions = [Version(text) for text in IN_ORDER]
    assert sorted(IN_ORDER, key=Version) == IN_ORDER
    assert all(earlier < later and not later < earlier for earlier, later in pairwise(versions))


def test_build_metadata_does_not_count_in_the_order() -> None:
    plain, built = Version("1.0.0"), Version("1.0.0+build.7")
    assert plain != built
    assert not plain < built
    assert not built < plain


def test_a_branch_is_no_tag() -> None:
    assert tag_of_ref("refs/tags/live/1.0.0") == "live/1.0.0"
    assert tag_of_ref("refs/heads/live/1.0.0") == "refs/heads/live/1.0.0"


numbers = st.integers(min_value=0, max_value=10**9)
identifiers = st.from_regex(r"(0|[1-9][0-9]{0,5}|[0-9]{0,3}[a-z-][0-9a-z-]{0,5})", fullmatch=True)


builds = st.lists(st.from_regex(r"[0-9A-Za-z-]{1,8}", fullmatch=True), max_size=3)
versions = st.builds(
    lambda core, before, build: (
        ".".join(map(str, core)) + (f"-{'.'.join(before)}" if before else "") + (f"+{'.'.join(build)}" if build else "")
    ),
    st.tuples(numbers, numbers, numbers),
    st.lists(identifiers, max_size=3),
    builds,
)


@given(versions, st.sampled_from(ENVIRONMENTS))
def test_every_semantic_version_is_accepted_as_it_is(version: str, environment: str) -> None:
    assert str(parse_tag(f"{environment}/{version}", ENVIRONMENTS)) == f"{environment}/{version}"


@given(versions, versions, versions)
def test_the_order_of_versions_is_one(first: str, second: str, third: str) -> None:
    one, two, three = sorted(map(Version, (first, second, third)))
    assert not two < one
    assert not three < two
    assert not three < one


@given(st.text(max_size=20))
def test_whatever_is_accepted_is_what_it_says(text: str) -> None:
    try:
        found = parse_tag(f"live/{text}", ENVIRONMENTS)
    except InputError:
        return
    assert str(found) == f"live/{text}"
