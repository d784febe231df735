"""Which dump belongs to which database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.backup.dumps import before_release, dumps, identity
from ops.errors import InputError
from ops.releases.record import Release

CONTEXTS = ("orders", "payments")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The dumps that release 12 of `kind` made."""
    release = tmp_path / "kind" / "0012"
    release.mkdir(parents=True)
    for context in CONTEXTS:
        (release / f"kind_{context}.dump").write_bytes(b"PGDMP...")
    return tmp_path


def test_a_release_s_number_names_all_its_dumps(folder: Path) -> None:
    found = dumps("12", "kind", CONTEXTS, [], folder)
    assert found == {context: folder / "kind" / "0012" / f"kind_{context}.dump" for context in CONTEXTS}


def test_a_folder_and_a_file_are_taken_too(folder: Path) -> None:
    release = folder / "kind" / "0012"
    assert dumps(str(release), "kind", CONTEXTS, ["orders"], folder) == {"orders": release / "kind_orders.dump"}
    assert dumps(str(release / "kind_orders.dump"), "kind", CONTEXTS, [], folder) == {"orders": release / "kind_orders.dump"}


def test_a_file_of_another_name_needs_its_context(folder: Path) -> None:
    other = folder / "yesterday.dump"
    other.write_bytes(b"PGDMP...")
    with pytest.raises(InputError, match=r"Which context yesterday\.dump is a dump of") as refused:
        dumps(str(other), "kind", CONTEXTS, [], folder)
    assert "--context" in refused.value.remedy
    assert dumps(str(other), "kind", CONTEXTS, ["orders"], folder) == {"orders": other}


@pytest.mark.parametrize("given", ["13", "/nowhere/at/all"])
def test_a_dump_that_is_not_there_is_refused_with_those_that_are(folder: Path, given: str) -> None:
    with pytest.raises(InputError, match="There is no dump") as refused:
        dumps(given, "kind", CONTEXTS, [], folder)
    assert "releases with dumps: 12" in refused.value.remedy
    with pytest.raises(InputError) as refused:
        dumps(given, "live", CONTEXTS, [], folder)
    assert "no release has dumps" in refused.value.remedy


def test_a_context_without_a_dump_is_named(folder: Path) -> None:
    (folder / "kind" / "0012" / "kind_payments.dump").unlink()
    with pytest.raises(InputError, match="holds no dump of payments"):
        dumps("12", "kind", CONTEXTS, ["payments"], folder)
    assert list(dumps("12", "kind", CONTEXTS, [], folder)) == ["orders"]


def test_another_kind_of_file_is_refused(folder: Path) -> None:
    (folder / "kind" / "0012" / "kind_orders.dump").write_bytes(b"-- PostgreSQL database dump")
    with pytest.raises(InputError, match="is no dump in pg_dump's custom format"):
        dumps("12", "kind", CONTEXTS, [], folder)


def test_another_file_under_the_same_name_is_another_dump(folder: Path) -> None:
    found = dumps("12", "kind", CONTEXTS, [], folder)
    before = identity(found, "orders")
    assert "kind_orders.dump" in before
    found["orders"].write_bytes(b"PGDMP... and more")
    assert identity(found, "orders") != before


def test_where_a_release_s_dumps_are_gone_its_record_says_which_moment_is_meant(folder: Path) -> None:
    begun = datetime(2026, 11, 23, 14, tzinfo=UTC)
    migrated = Release(environment="kind", number=13, commit="c", started_at=begun, databases_at=begun + timedelta(seconds=3))
    no_scripts = Release(environment="kind", number=14, commit="c", started_at=begun)
    releases = [migrated, no_scripts]
    assert before_release("13", "kind", folder, releases) == migrated.databases_at
    assert before_release("12", "kind", folder, [migrated.model_copy(update={"number": 12})]) is None
    assert [before_release(given, "kind", folder, releases) for given in ("14", "15", "yesterday.dump", "")] == [None] * 4
