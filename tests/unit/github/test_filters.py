"""The filters of a push, as the cheat sheet in GitHub's documentation has them."""

from __future__ import annotations

import pytest

from local.github.filters import matches, starts


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("live/*", ["live/1.4.0", "live/v1", "live/"], ["live/a/b", "test/1.0.0", "live", "xlive/1"]),
        ("**", ["live/1.4.0", "a"], []),
        ("*", ["v1", ""], ["live/1"]),
        ("feature/**", ["feature/a/b", "feature/"], ["feature"]),
        ("v2*", ["v2", "v2.0", "v2.9"], ["v20/1", "xv2"]),
        ("v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.0.0", "v1.1.", "v1a1b1"]),
        ("*.jsx?", ["page.js", "page.jsx"], ["page.jsxx", "page.ts"]),
        ("1.0", ["1.0"], ["1x0"]),
        ("a\\*b", ["a*b"], ["axb"]),
        ("(x)", ["(x)"], ["x"]),
    ],
)
def test_a_pattern_fits_as_documented(pattern: str, fits: list[str], does_not: list[str]) -> None:
    assert [name for name in fits if not matches([pattern], name)] == []
    assert [name for name in does_not if matches([pattern], name)] == []


def test_the_last_pattern_that_fits_decides() -> None:
    patterns = ["live/**", "!live/0.**", "live/0.9.0"]
    assert [name for name in ("live/1.0.0", "live/0.1.0", "live/0.9.0") if matches(patterns, name)] == ["live/1.0.0", "live/0.9.0"]
    assert not matches(["!live/**"], "test/1.0.0")


@pytest.mark.parametrize(
    ("on", "answer"),
    [
        ("push", True),
        ("[pull_request, push]", True),
        ("{push: }", True),
        ("{push: {paths: ['x/**']}}", True),
        ("{push: {tags: ['live/*']}}", True),
        ("{push: {tags: ['test/*']}}", False),
        ("{push: {tags: []}}", False),
        ("{push: {branches: [main]}}", False),
        ("{push: {branches-ignore: [main]}}", False),
        ("{push: {branches: [main], tags: ['live/*']}}", True),
        ("{push: {tags-ignore: ['live/*']}}", False),
        ("{push: {tags-ignore: ['test/*']}}", True),
        ("workflow_dispatch", False),
        ("{schedule: [{cron: '0 * * * *'}]}", False),
    ],
)
def test_a_workflow_starts_for_a_tag_as_its_filters_say(on: str, answer: bool) -> None:
    assert starts(f"on: {on}\njobs: {{}}\n", "live/1.4.0") is answer


def test_a_file_that_is_no_workflow_starts_nothing() -> None:
    assert not starts("", "live/1.4.0")
    assert not starts("- a list", "live/1.4.0")


def test_both_filters_of_a_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="both tags and tags-ignore"):
        starts("on: {push: {tags: [a], tags-ignore: [b]}}", "a")
