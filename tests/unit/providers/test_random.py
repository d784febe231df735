"""The random package: its back end is the system's randomness, so all of it is tested here."""

from __future__ import annotations

import base64
import ctypes
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.providers.random.characters import Characters, bcrypt, draw
from local.providers.wire import UNKNOWN, Secret
from tests.providers.plugin import Plugin, Refused

PREFIX = "random:index/random"
PASSWORD = f"{PREFIX}Password:RandomPassword"
STRING = f"{PREFIX}String:RandomString"


@pytest.fixture(scope="module")
def random() -> Iterator[Plugin]:
    """The plugin."""
    plugin = Plugin("random", {})
    yield plugin
    plugin.close()


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(1, 20))
def test_a_string_has_its_length_and_at_least_its_minimums(upper: int, lower: int, numeric: int, special: int, more: int) -> None:
    wanted = Characters(
        length=upper + lower + numeric + special + more, override_special="_-",
        min_upper=upper, min_lower=lower, min_numeric=numeric, min_special=special,
    )  # fmt: skip
    drawn = draw(wanted)
    assert len(drawn) == wanted.length
    assert sum(character.isupper() for character in drawn) >= upper
    assert sum(character.islower() for character in drawn) >= lower
    assert sum(character.isdigit() for character in drawn) >= numeric
    assert sum(character in "_-" for character in drawn) >= special
    assert set(drawn) <= set(wanted.alphabet)


def test_a_password_is_secret_and_its_id_tells_nothing(random: Plugin) -> None:
    password = random.make(PASSWORD, {"length": 24, "special": False})
    assert password.id == "none"
    assert isinstance(password.state["result"], Secret)
    assert isinstance(password.state["bcryptHash"], Secret)
    result = password.values["result"]
    assert len(result) == 24
    assert result.isalnum()
    assert not password.diff().changed
    assert password.refresh()
    assert password.values["result"] == result
    assert isinstance(password.state["result"], Secret)


def test_the_hash_belongs_to_the_password(random: Plugin) -> None:
    values = random.make(PASSWORD, {"length": 12}).values
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    assert values["bcryptHash"].startswith("$2a$10$")
    assert crypt(values["result"].encode(), values["bcryptHash"].encode()).decode() == values["bcryptHash"]
    assert bcrypt("x") != bcrypt("x"), "every hash has a salt of its own"


def test_a_changed_length_or_keeper_draws_a_new_password(random: Plugin) -> None:
    password = random.make(PASSWORD, {"length": 12, "keepers": {"role": "app"}})
    assert password.diff({"length": 13, "keepers": {"role": "app"}}).replaces == ["length"]
    assert password.diff({"length": 12, "keepers": {"role": "other"}}).replaces == ["keepers"]
    assert password.diff({"length": 12}).replaces == ["keepers"]
    assert not password.diff({"length": 12, "keepers": {"role": "app"}, "numeric": True, "number": True}).changed
    assert password.diff({"length": 12, "keepers": {"role": "app"}, "numeric": False}).replaces == ["numeric"]


def test_a_preview_draws_nothing(random: Plugin) -> None:
    planned = random.preview(PASSWORD, {"length": 12})
    assert planned["result"] == Secret(UNKNOWN)
    assert planned["bcryptHash"] == Secret(UNKNOWN)


def test_passwords_and_strings_are_imported_by_themselves(random: Plugin) -> None:
    password = random.import_(PASSWORD, "hunter2hunter2")
    assert password is not None
    assert password.id == "none"
    assert password.state["result"] == Secret("hunter2hunter2")
    assert not password.diff({"length": 14}).changed
    string = random.import_(STRING, "abc")
    assert string is not None
    assert (string.id, string.values["result"]) == ("abc", "abc")


def test_a_string_is_no_secret(random: Plugin) -> None:
    string = random.make(STRING, {"length": 8, "upper": False, "special": False})
    assert string.id == string.state["result"]
    assert string.id == string.id.lower()


def test_an_id_has_four_spellings_of_the_same_bytes(random: Plugin) -> None:
    made = random.make(f"{PREFIX}Id:RandomId", {"byteLength": 5, "prefix": "p-"})
    drawn = bytes.fromhex(made.state["hex"].removeprefix("p-"))
    assert len(drawn) == 5
    assert made.state["b64Url"] == "p-" + made.id
    assert base64.b64decode(made.state["b64Std"].removeprefix("p-")) == drawn
    assert int(made.state["dec"].removeprefix("p-")) == int.from_bytes(drawn)
    imported = random.import_(f"{PREFIX}Id:RandomId", f"p-,{made.id}")
    assert imported is not None
    assert imported.values == made.values | {"prefix": "p-"}


def test_an_integer_lies_between_its_bounds_and_a_seed_makes_it_the_same_one(random: Plugin) -> None:
    token = f"{PREFIX}Integer:RandomInteger"
    drawn = {random.make(token, {"min": 1, "max": 3}).values["result"] for _ in range(60)}
    assert drawn == {1, 2, 3}
    seeded = {random.make(token, {"min": 1, "max": 10**9, "seed": "s"}).id for _ in range(3)}
    assert len(seeded) == 1
    imported = random.import_(token, "7,1,9")
    assert imported is not None
    assert imported.values["result"] == 7
    with pytest.raises(Refused, match="<result>,<min>,<max>"):
        random.import_(token, "seven")


def test_a_uuid_is_one_and_is_imported_by_itself(random: Plugin) -> None:
    made = random.make(f"{PREFIX}Uuid:RandomUuid", {})
    assert str(uuid.UUID(made.id)) == made.state["result"]
    imported = random.import_(f"{PREFIX}Uuid:RandomUuid", made.id)
    assert imported is not None
    assert not imported.diff({}).changed
    with pytest.raises(Refused, match="is no UUID"):
        random.import_(f"{PREFIX}Uuid:RandomUuid", "x")


def test_random_bytes_are_secret(random: Plugin) -> None:
    made = random.make(f"{PREFIX}Bytes:RandomBytes", {"length": 6})
    assert isinstance(made.state["base64"], Secret)
    assert bytes.fromhex(made.values["hex"]) == base64.b64decode(made.values["base64"])


def test_a_pet_has_as_many_words_as_asked_for(random: Plugin) -> None:
    token = f"{PREFIX}Pet:RandomPet"
    for length in (1, 2, 4):
        assert len(random.make(token, {"length": length, "separator": "_"}).id.split("_")) == length
    assert random.make(token, {"prefix": "our"}).id.startswith("our-")
    with pytest.raises(Refused, match="cannot be imported"):
        random.import_(token, "calm-swan")
