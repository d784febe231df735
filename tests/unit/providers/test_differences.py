"""What counts as a difference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.providers.differences import Change, changes, is_named_by_program
from local.providers.postgresql.provider import PROVIDER as POSTGRESQL
from local.providers.properties import Property, Refusals, check, imported_inputs, planned, refreshed_inputs
from local.providers.rabbitmq.provider import PROVIDER as RABBITMQ
from local.providers.wire import UNKNOWN, Secret

PROPERTIES = (
    Property("name", autonamed=True),
    Property("size", "integer", default=1),
    Property("on", "boolean"),
    Property("place", computed=True, replaces=True),
    Property("tags", "set"),
    Property("order", "list"),
    Property("labels", "map"),
    Property("rule", "object", fields=(Property("pattern"), Property("priority", "integer"), Property("limits", "map"))),
    Property("password", secret=True),
    Property("once", write_only=True),
    Property("result", output=True),
)


def difference(state: dict[str, Any], inputs: dict[str, Any], *ignored: str) -> dict[str, str]:
    return {change.path: change.kind for change in changes(PROPERTIES, state, inputs, ignored)}


def test_nothing_differs_from_itself() -> None:
    same = {"name": "a", "size": 2, "tags": ["x", "y"], "labels": {"a": "b"}, "rule": {"pattern": "p", "priority": 0}}
    assert difference(same, same) == {}


@given(st.lists(st.text(max_size=3), max_size=4), st.randoms())
def test_the_order_of_a_set_means_nothing_and_that_of_a_list_does(words: list[str], chance: Any) -> None:
    shuffled = words[:]
    chance.shuffle(shuffled)
    assert difference({"tags": words}, {"tags": shuffled}) == {}
    assert bool(difference({"order": words}, {"order": shuffled})) == (words != shuffled)


@pytest.mark.parametrize(
    ("state", "inputs"), [({}, {"on": False}), ({"on": False}, {}), ({"tags": []}, {}), ({"name": ""}, {}), ({"labels": {}}, {})]
)
def test_empty_and_left_out_are_the_same(state: dict[str, Any], inputs: dict[str, Any]) -> None:
    assert difference(state, inputs) == {}


def test_what_the_back_end_decides_differs_only_where_the_program_says_otherwise() -> None:
    assert difference({"place": "here"}, {}) == {}
    assert changes(PROPERTIES, {"place": "here"}, {"place": "there"}) == [Change("place", "update", replaces=True)]


def test_a_value_taken_away_is_a_difference_where_the_program_decides() -> None:
    assert difference({"name": "a"}, {}) == {"name": "delete"}
    assert difference({}, {"name": "a"}) == {"name": "add"}


def test_a_default_is_no_difference_to_a_state_that_never_heard_of_it() -> None:
    assert difference({}, {"size": 1}) == {}
    assert difference({}, {"size": 2}) == {"size": "add"}


def test_a_default_that_the_official_plugin_left_unsaid_is_no_difference() -> None:
    assert difference({"size": 1}, {}) == {}
    assert difference({"size": 2}, {}) == {"size": "delete"}


def test_differences_inside_objects_and_maps_are_told_by_their_path() -> None:
    old = {"rule": {"pattern": "a", "priority": 1, "limits": {"max-length": "1", "expires": "2"}}}
    new = {"rule": {"pattern": "b", "priority": 1, "limits": {"max-length": "3"}}}
    assert difference(old, new) == {"rule.pattern": "update", 'rule.limits["max-length"]': "update", "rule.limits.expires": "delete"}


def test_an_unknown_value_may_be_any_so_it_counts_as_a_difference() -> None:
    assert difference({"name": "a"}, {"name": UNKNOWN}) == {"name": "update"}
    assert difference({"tags": ["a"]}, {"tags": [UNKNOWN]}) == {"tags": "update"}


def test_outputs_and_write_only_inputs_never_differ() -> None:
    assert difference({"result": "x"}, {"once": "y"}) == {}


def test_a_secret_is_compared_by_what_it_holds() -> None:
    assert difference({"password": Secret("a")}, {"password": "a"}) == {}
    assert difference({"password": Secret("a")}, {"password": Secret("b")}) == {"password": "update"}


def test_ignored_paths_are_left_out() -> None:
    old, new = {"name": "a", "rule": {"pattern": "a", "priority": 1}}, {"name": "b", "rule": {"pattern": "b", "priority": 2}}
    assert difference(old, new, "name", "rule.pattern") == {"rule.priority": "update"}
    assert difference(old, new, "rule", "name") == {}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["a"], ["b"], {"[0]": "update"}),
        (["a", "b"], ["b"], {"[0]": "delete"}),
        (["b"], ["a", "b"], {"[0]": "add"}),
        (["a"], ["a", "b"], {"[1]": "add"}),
        (["a", "b", "c"], ["a", "x", "c"], {"[1]": "update"}),
        (["a", "b", "c"], ["c"], {"[0]": "delete", "[1]": "delete"}),
        ([], ["a"], {"": "add"}),
        (["a"], [], {"": "delete"}),
    ],
)
def test_the_elements_of_a_list_are_told_by_their_places(old: list[str], new: list[str], told: dict[str, str]) -> None:
    assert difference({"order": old}, {"order": new}) == {f"order{place}": kind for place, kind in told.items()}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["SELECT"], ["INSERT"], {0: "update"}),
        (["SELECT", "INSERT"], ["SELECT"], {0: "delete"}),
        (["SELECT"], ["INSERT", "SELECT"], {0: "add"}),
        (["SELECT", "UPDATE"], ["INSERT", "SELECT"], {0: "add", 1: "delete"}),
        (["DELETE", "INSERT", "SELECT", "UPDATE"], ["SELECT", "UPDATE", "TRUNCATE"], {0: "delete", 1: "delete", 2: "add"}),
        (["SELECT"], ["INSERT", "DELETE"], {0: "update", 1: "add"}),
    ],
)
def test_the_elements_of_a_set_are_told_by_the_places_they_have_in_the_official_plugins_state(
    old: list[str], new: list[str], told: dict[int, str]
) -> None:
    assert difference({"tags": old}, {"tags": new}) == {f"tags[{place}]": kind for place, kind in told.items()}


def test_a_name_that_the_program_gave_makes_the_old_one_go_first() -> None:
    assert is_named_by_program(PROPERTIES, {"name": "a", "__defaults": []})
    assert not is_named_by_program(PROPERTIES, {"name": "a-1234567", "__defaults": ["name"]})
    assert not is_named_by_program(PROPERTIES, {"name": "a"})
    assert not is_named_by_program(PROPERTIES[1:], {"size": 1, "__defaults": []})


def test_a_preview_promises_inputs_and_old_values_and_calls_the_rest_unknown() -> None:
    promised = planned(PROPERTIES, {"name": "a", "password": "x", "once": "y", "__defaults": []}, {})
    assert promised == {"name": "a", "password": Secret("x"), "place": UNKNOWN, "result": UNKNOWN}
    assert planned(PROPERTIES, {"name": "a"}, {"place": "here", "result": "r"})["result"] == "r"


def test_refreshed_inputs_follow_the_state_only_in_what_the_program_said() -> None:
    old = {"name": "a", "tags": ["x", "y"], "password": Secret("p"), "once": Secret("q"), "__defaults": ["size"]}
    found = {"name": "b", "tags": ["y", "x"], "password": "p", "place": "here", "size": 3}
    assert refreshed_inputs(PROPERTIES, old, found) == {**old, "name": "b"}
    assert "name" not in refreshed_inputs(PROPERTIES, old, {"tags": ["x"]})


def test_imported_inputs_say_what_is_not_at_its_default() -> None:
    found = {"name": "a", "size": 1, "on": False, "place": "here", "password": "p", "result": "r"}
    assert imported_inputs(PROPERTIES, found) == {"name": "a", "place": "here", "password": Secret("p")}


@pytest.mark.parametrize("resource", [*POSTGRESQL.resources(), *RABBITMQ.resources()], ids=lambda resource: resource.token)
def test_checked_inputs_of_every_type_differ_in_nothing_from_the_state_they_make(resource: Any) -> None:
    samples: dict[str, Any] = {"text": "x", "integer": 3, "boolean": True, "list": ["b", "a"], "set": ["b", "a"], "map": {"k": "v"}}

    def sample(prop: Property) -> Any:
        inner = {field.name: sample(field) for field in prop.fields}
        if prop.kind == "object" or not prop.fields:
            return inner or (prop.choices[0] if prop.choices else samples[prop.kind])
        return [inner]

    given_inputs = {prop.name: sample(prop) for prop in resource.properties if not prop.output and not prop.write_only}
    checked = check(resource.properties, given_inputs, Refusals())
    state = {key: value for key, value in checked.items() if key != "__defaults"}
    assert changes(resource.properties, state, checked) == []
