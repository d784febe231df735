"""A migration's scripts travel in ConfigMaps, whatever their size, and its Job is named by their content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.migration import PIECE_BYTES_MAX, config_map_data
from settings.migrations import Migrations, read_migrations, version_of
from tests.unit.components.recorder import Recorder

CONFIG_MAP_BYTES_MAX = 1024 * 1024


def joined(maps: list[dict[str, str]]) -> dict[str, bytes]:
    """What the Job's first container puts together: pieces in the order of their names."""
    pieces = sorted((key, text) for data in maps for key, text in data.items())
    scripts: dict[str, bytes] = {}
    for key, text in pieces:
        name = key.rsplit(".piece-", 1)[0]
        scripts[name] = scripts.get(name, b"") + text.encode()
    return scripts


@given(st.dictionaries(st.from_regex(r"V[1-9]__[a-z]{1,5}\.sql", fullmatch=True), st.text(min_size=1, max_size=50), min_size=1, max_size=4))
def test_pieces_joined_are_the_scripts_again(scripts: dict[str, str]) -> None:
    content = {name: text.encode() for name, text in scripts.items()}
    assert joined(config_map_data(content)) == content


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from("aé€"), st.integers(1, 3 * PIECE_BYTES_MAX)), min_size=1, max_size=4))
def test_no_config_map_is_too_large_however_large_the_scripts(sizes: list[tuple[str, int]]) -> None:
    content = {f"V{number}__x.sql": (letter * count).encode() for number, (letter, count) in enumerate(sizes, start=1)}
    maps = config_map_data(content)
    assert joined(maps) == content
    assert all(sum(len(text.encode()) for text in data.values()) < CONFIG_MAP_BYTES_MAX for data in maps)


def test_more_than_ten_pieces_of_one_script_stay_in_their_order() -> None:
    content = {"V1__x.sql": "".join(letter * PIECE_BYTES_MAX for letter in "abcdefghijkl").encode()}
    assert joined(config_map_data(content)) == content


def jobs(recorder: Recorder) -> dict[str, dict[str, Any]]:
    return {
        job.name.removesuffix("-job"): {"name": job.metadata["name"], **job.spec, "labels": job.metadata["labels"]}
        for job in recorder.of("Job")
    }


def test_a_job_is_named_by_its_scripts_and_image(run_stack: Callable[..., Recorder]) -> None:
    first, other = jobs(run_stack("dev")), jobs(run_stack("dev", images={"migrations": "flyway/flyway:14"}))
    assert first["orders"]["name"].startswith("orders-migration-")
    assert first["orders"]["name"] != other["orders"]["name"]
    assert first["orders"]["name"].rsplit("-", 1)[1] != first["shops"]["name"].rsplit("-", 1)[1]


def test_a_failing_script_is_not_tried_again(live: Recorder) -> None:
    for job in jobs(live).values():
        assert job["backoffLimit"] == 0
        assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_digest_knows_content_from_name_and_end_from_beginning() -> None:
    one = Migrations("orders", {"V1__a.sql": b"bc"}).digest("image")
    assert one != Migrations("orders", {"V1__a.sqlb": b"c"}).digest("image")
    assert one != Migrations("orders", {"V1__a.sql": b"bc"}).digest("other")
    assert one == Migrations("orders", {"V1__a.sql": b"bc"}).digest("image")


@pytest.mark.parametrize(
    ("script", "version"), [("V001__x.sql", "001"), ("V1_2__x.sql", "1.2"), ("R__view.sql", ""), ("afterMigrate__x.sql", "")]
)
def test_the_version_is_what_flyway_shows(script: str, version: str) -> None:
    assert version_of(script) == version


def test_the_newest_version_is_by_number_and_not_by_letter(tmp_path: Path) -> None:
    folder = tmp_path / "migrations" / "orders"
    folder.mkdir(parents=True)
    for name in ("V9__a.sql", "V10__b.sql", "R__view.sql"):
        (folder / name).write_text("select 1;")
    assert read_migrations(tmp_path, ["orders"], [])["orders"].newest == "10"
