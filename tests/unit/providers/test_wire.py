"""Property values on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from local.providers import wire
from local.providers.wire import UNKNOWN, Secret

scalars = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8).filter(lambda text: text not in wire.UNKNOWN_TEXTS), st.just(UNKNOWN)
)
keys = st.text(min_size=1, max_size=5).filter(lambda key: key != wire.SIGNATURE)
values = st.recursive(scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)), max_leaves=8)


@given(st.dictionaries(keys, st.one_of(values, values.map(Secret)), max_size=4))
def test_what_is_written_is_what_is_read(properties: dict[str, Any]) -> None:
    assert wire.from_struct(wire.to_struct(properties)) == properties


def test_the_marks_are_the_sdks_own() -> None:
    assert wire.UNKNOWN_TEXT == rpc.UNKNOWN
    assert rpc._special_sig_key == wire.SIGNATURE
    assert rpc._special_secret_sig == wire.SECRET_SIGNATURE
    assert rpc._special_output_value_sig == wire.OUTPUT_SIGNATURE


def test_a_secret_never_shows_what_it_holds() -> None:
    assert "hunter2" not in repr(Secret("hunter2"))
    assert "hunter2" not in f"{ {'password': Secret('hunter2')} }"


def test_an_output_value_is_its_value_or_unknown_and_secret_where_marked() -> None:
    output = {wire.SIGNATURE: wire.OUTPUT_SIGNATURE}
    struct = wire.to_struct({"known": {**output, "value": "x"}, "later": output, "secret": {**output, "value": "x", "secret": True}})
    assert wire.from_struct(struct) == {"known": "x", "later": UNKNOWN, "secret": Secret("x")}


def test_plain_opens_secrets_however_deep() -> None:
    assert wire.plain({"a": [Secret({"b": Secret("c")})]}) == {"a": [{"b": "c"}]}


def test_a_secret_or_unknown_part_makes_the_whole_so() -> None:
    assert wire.is_secret({"a": [Secret("b")]})
    assert not wire.is_secret({"a": ["b"]})
    assert wire.is_unknown(Secret([UNKNOWN]))
    assert not wire.is_unknown({"a": "b"})


def test_none_is_left_out() -> None:
    assert wire.from_struct(wire.to_struct({"a": None, "b": 1})) == {"b": 1}


def test_a_value_pulumi_has_no_place_for_is_an_error() -> None:
    with pytest.raises(TypeError, match="a bytes has no place"):
        wire.to_struct({"a": b"x"})
