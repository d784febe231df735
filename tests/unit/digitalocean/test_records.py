"""Names are stored relative to their zone, whichever way they were sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.digitalocean.records import InvalidError, Record, changed, made, relative_name

LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?", fullmatch=True)
ZONES = st.lists(LABELS, min_size=2, max_size=3).map(".".join)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@given(zone=ZONES, name=NAMES, upper=st.booleans())
def test_a_name_is_the_same_whichever_way_it_was_sent(zone: str, name: str, upper: bool) -> None:
    whole = f"{name}.{zone}"
    for sent in (whole, f"{whole}."):
        assert relative_name(sent.upper() if upper else sent, zone) == name
    if name != zone and not name.endswith(f".{zone}"):
        assert relative_name(name.upper() if upper else name, zone) == name


@given(zone=ZONES)
def test_the_zone_itself_is_an_at_sign(zone: str) -> None:
    assert {relative_name(sent, zone) for sent in ("@", zone, f"{zone}.", zone.upper())} == {"@"}


@given(zone=ZONES, name=NAMES, ttl=st.integers(30, 86_400))
def test_a_change_that_names_nothing_but_the_ttl_moves_no_record(zone: str, name: str, ttl: int) -> None:
    record = made(zone, 1, {"type": "CNAME", "name": f"{name}.{zone}.{zone}.", "data": f"{name}.{zone}."})
    assert record == Record(1, "CNAME", f"{name}.{zone}", f"{name}.{zone}")
    assert changed(zone, record, {"ttl": ttl}) == Record(1, "CNAME", f"{name}.{zone}", f"{name}.{zone}", ttl=ttl)


@pytest.mark.parametrize(("sent", "stored"), [("*", "*"), ("*.example.com.", "*"), ("*.shop", "*.shop"), ("_sip._tcp", "_sip._tcp")])
def test_wildcards_and_service_names_are_names(sent: str, stored: str) -> None:
    assert relative_name(sent, "example.com") == stored


@given(st.one_of(st.none(), st.integers(), st.just(""), st.sampled_from(["a..b", ".", "-", "a b", "x.*", "**", "é", "a" * 64, "a." * 130])))
def test_what_cannot_be_a_name_is_refused(sent: object) -> None:
    with pytest.raises(InvalidError, match=r"Name (can't be blank|.* is not )"):
        relative_name(sent, "example.com")
