"""The image that runs migrations, against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.images.lab import Lab, docker

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of scripts that the container's user can read."""

    def make(**scripts: str) -> Path:
        for name, text in scripts.items():
            (tmp_path / f"{name}.sql").write_text(text)
        for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            path.chmod(0o755)
        return tmp_path

    return make


def test_scripts_are_applied_once_and_the_placeholder_is_the_app_role(lab: Lab, scripts: Path) -> None:
    database = lab.database()
    first = database.flyway("migrate", scripts)
    assert first.code == 0, first.output
    assert "Successfully applied 1 migration" in first.output
    again = database.flyway("migrate", scripts)
    assert again.code == 0, again.output
    assert "is up to date. No migration necessary" in again.output
    query = f"SELECT has_table_privilege('{database.app}', 'flyway_schema_history', right_) FROM unnest('{{SELECT,INSERT}}'::text[]) right_"
    assert database.rows(query) == [(True,), (False,)]
    assert database.flyway("validate", scripts).code == 0
    info = database.flyway("info", scripts)
    assert info.code == 0
    assert "event store" in info.output


def test_a_failing_script_says_which_file_line_and_sql(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    failed = database.flyway(
        "migrate", folder(V1__good="CREATE TABLE good (a int);", V2__bad="\nSELECT 1;\nINSERT INTO nowhere VALUES (1);\n")
    )
    assert failed.code == 1
    words = (
        "Failed to execute script V2__bad.sql",
        "SQL State  : 42P01",
        'relation "nowhere" does not exist',
        "Location   : /flyway/sql/V2__bad.sql",
        "Line       : 3",
    )
    for word in words:
        assert word in failed.output
    assert lab.password not in failed.output


def test_an_edited_script_is_refused_until_it_is_repaired(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    assert database.flyway("migrate", folder(V1__table="CREATE TABLE a (a int);")).code == 0
    edited = folder(V1__table="CREATE TABLE a (a bigint);")
    refused = database.flyway("migrate", edited)
    assert refused.code == 1
    assert "Migration checksum mismatch for migration version 1" in refused.output
    assert database.flyway("repair", edited).code == 0
    assert database.flyway("migrate", edited).code == 0


def test_an_index_can_be_made_without_locking_its_table(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    made = folder(V1__table="CREATE TABLE a (a int);", V2__index="CREATE INDEX CONCURRENTLY a_by_a ON a (a);")
    migrated = database.flyway("migrate", made)
    assert migrated.code == 0, migrated.output
    assert database.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_by_a'::regclass") == [(True,)]


def test_of_two_at_once_one_applies_and_the_other_finds_nothing_to_do(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    slow = folder(V1__slow="CREATE TABLE a (a int); SELECT pg_sleep(2);")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: database.flyway("migrate", slow), range(2)))
    assert [finished.code for finished in both] == [0, 0], both
    assert sorted("Successfully applied 1 migration" in finished.output for finished in both) == [False, True]


def test_a_database_that_has_tables_needs_a_baseline(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    database.rows("CREATE TABLE old (a int)")
    made = folder(V2__new="CREATE TABLE new (a int);")
    assert database.flyway("migrate", made).code == 1
    assert database.flyway("baseline", made).code == 0
    assert database.flyway("migrate", made).code == 0


def test_a_lock_held_by_somebody_ends_the_migration_instead_of_the_service(lab: Lab, folder: Folder) -> None:
    database = lab.database()
    assert database.flyway("migrate", folder(V1__table="CREATE TABLE a (a int);")).code == 0
    with lab.connect(database.name) as connection, connection.transaction():
        connection.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        waited = database.flyway("migrate", folder(V2__more="ALTER TABLE a ADD b int;"), FLYWAY_INIT_SQL="SET lock_timeout = '1s'")
    assert waited.code == 1
    assert "canceling statement due to lock timeout" in waited.output


def test_a_database_that_is_away_is_a_failure_with_its_reason(lab: Lab, folder: Folder) -> None:
    away = lab.database().flyway("migrate", folder(), FLYWAY_URL="jdbc:postgresql://127.0.0.1:1/none", FLYWAY_CONNECT_RETRIES="0")
    assert away.code == 1
    assert "Connection to 127.0.0.1:1 refused" in away.output


def test_its_first_container_finds_the_programs_it_joins_scripts_with(lab: Lab) -> None:
    programs = "for program in sh cat basename; do command -v $program; done; id -u"
    found = docker("run", "--rm", "--entrypoint", "sh", lab.images["flyway"], "-euc", programs)
    assert len(found.splitlines()) == 4
