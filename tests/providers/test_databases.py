"""Databases, schemas and extensions, on a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.providers.labs import DATABASE, PostgresLab
from tests.providers.plugin import Refused

SCHEMA = "postgresql:index/schema:Schema"
EXTENSION = "postgresql:index/extension:Extension"


def test_a_database_belongs_to_the_role_it_was_made_for_and_the_admin_leaves_that_role_again(postgres: PostgresLab) -> None:
    owner = postgres.role("owner")
    database = postgres.database(owner=owner.id)
    assert database.id == f"{postgres.name}_db"
    assert database.values["owner"] == owner.id
    assert database.values["encoding"] == "UTF8"
    assert database.values["template"] == "template0"
    assert postgres.rows("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = %s", database.id) == [(owner.id,)]
    assert postgres.admins_memberships() == []


def test_nothing_changed_is_no_difference_before_and_after_a_refresh(postgres: PostgresLab) -> None:
    owner = postgres.role("owner")
    database = postgres.database(owner=owner.id, encoding="UTF8", lcCollate="C", connectionLimit=20)
    assert not database.diff().changed
    assert database.refresh()
    assert not database.diff().changed


def test_owner_limit_and_name_of_a_database_change_in_place(postgres: PostgresLab) -> None:
    owner, other = postgres.role("owner"), postgres.role("other")
    database = postgres.database(owner=owner.id)
    oid = postgres.rows("SELECT oid FROM pg_database WHERE datname = %s", database.id)
    wanted = {"name": f"{postgres.name}_renamed", "owner": other.id, "connectionLimit": 3}
    assert database.diff(wanted).replaces == []
    database.update(wanted)
    assert postgres.rows(
        "SELECT oid, pg_get_userbyid(datdba)::text, datconnlimit FROM pg_database WHERE datname = %s", f"{postgres.name}_renamed"
    ) == [(*oid[0], other.id, 3)]
    assert database.refresh()
    assert not database.diff().changed
    assert postgres.admins_memberships() == []


def test_objects_follow_a_new_owner_only_when_told_to(postgres: PostgresLab) -> None:
    owner, other = postgres.role("owner", login=True, password="secret-1"), postgres.role("other")
    database = postgres.database(owner=owner.id)
    with postgres.connect(database.id, owner.id, "secret-1") as connection:
        connection.execute("CREATE TABLE public.orders (id int)")
    database.update({"name": database.id, "owner": other.id, "alterObjectOwnership": True})
    assert postgres.rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'orders'", database=database.id) == [(other.id,)]


def test_another_encoding_makes_a_new_database_and_the_old_one_goes_first(postgres: PostgresLab) -> None:
    database = postgres.database()
    difference = database.diff({"name": database.id, "encoding": "SQL_ASCII"})
    assert difference.replaces == ["encoding"]
    assert difference.kinds == {"encoding": "UPDATE_REPLACE"}
    assert difference.deletes_first


def test_a_database_in_use_is_dropped_all_the_same(postgres: PostgresLab) -> None:
    owner, app = postgres.role("owner"), postgres.role("app", login=True, password="secret-1")
    database = postgres.database(owner=owner.id)
    connection = postgres.connect(database.id, app.id, "secret-1")
    database.delete()
    connection.close()
    assert postgres.rows("SELECT 1 FROM pg_database WHERE datname = %s", database.id) == []
    assert postgres.admins_memberships() == []
    database.delete()


def test_a_database_dropped_behind_pulumis_back_vanishes_with_everything_in_it(postgres: PostgresLab) -> None:
    database = postgres.database()
    schema = postgres.plugin.make(SCHEMA, {"name": "extra", "database": database.id})
    extension = postgres.plugin.make(EXTENSION, {"name": "citext", "database": database.id})
    postgres.run(f"DROP DATABASE {database.id}")
    assert not database.refresh()
    assert not schema.refresh()
    assert not extension.refresh()
    for thing in (extension, schema, database):
        thing.delete()


def test_a_change_of_a_database_behind_pulumis_back_shows_after_a_refresh(postgres: PostgresLab) -> None:
    database = postgres.database()
    postgres.run(f"ALTER DATABASE {database.id} CONNECTION LIMIT 2")
    assert database.refresh()
    assert database.diff({"name": database.id}).kinds == {"connectionLimit": "UPDATE"}


def test_a_preview_of_a_database_touches_nothing_and_promises_only_what_it_knows(postgres: PostgresLab) -> None:
    planned = postgres.plugin.preview(DATABASE, {"name": f"{postgres.name}_db", "owner": "somebody"})
    assert planned["owner"] == "somebody"
    assert repr(planned["encoding"]) == "UNKNOWN"
    assert postgres.rows("SELECT 1 FROM pg_database WHERE datname = %s", f"{postgres.name}_db") == []


def test_an_existing_database_can_be_imported_by_its_name(postgres: PostgresLab) -> None:
    owner = postgres.role("owner")
    postgres.database(owner=owner.id)
    imported = postgres.plugin.import_(DATABASE, f"{postgres.name}_db")
    assert imported is not None
    assert imported.inputs["owner"] == owner.id
    assert not imported.diff({"name": f"{postgres.name}_db", "owner": owner.id}).changed
    assert postgres.plugin.import_(DATABASE, f"{postgres.name}_none") is None


def test_an_owner_that_does_not_exist_is_told_in_the_servers_words(postgres: PostgresLab) -> None:
    with pytest.raises(Refused, match=f'role "{postgres.name}_nobody" does not exist'):
        postgres.database(owner=f"{postgres.name}_nobody")


def test_a_schema_lives_from_creation_over_changes_to_its_removal(postgres: PostgresLab) -> None:
    owner, other = postgres.role("owner"), postgres.role("other")
    database = postgres.database(owner=owner.id)
    schema = postgres.plugin.make(SCHEMA, {"name": "events", "database": database.id, "owner": owner.id})
    assert schema.id == f"{database.id}.events"
    assert not schema.diff().changed
    wanted = {"name": "history", "database": database.id, "owner": other.id}
    assert schema.diff(wanted).replaces == []
    assert schema.diff({**wanted, "database": "elsewhere"}).replaces == ["database"]
    schema.update(wanted)
    assert schema.refresh()
    assert schema.id == f"{database.id}.history"
    assert not schema.diff().changed
    imported = postgres.plugin.import_(SCHEMA, f"{database.id}.history")
    assert imported is not None
    assert imported.values["owner"] == other.id
    postgres.run("DROP SCHEMA history", database.id, owner=other.id)
    assert not schema.refresh()
    schema.delete()
    assert postgres.admins_memberships() == []


def test_the_schema_every_database_has_is_taken_not_made_again(postgres: PostgresLab) -> None:
    owner = postgres.role("owner")
    database = postgres.database(owner=owner.id)
    schema = postgres.plugin.make(SCHEMA, {"name": "public", "database": database.id, "owner": owner.id})
    assert postgres.rows("SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = 'public'", database=database.id) == [
        (owner.id,)
    ]
    assert not schema.diff().changed


def test_a_schema_with_something_in_it_is_dropped_only_when_told_to_cascade(postgres: PostgresLab) -> None:
    owner = postgres.role("owner", login=True, password="secret-1")
    database = postgres.database(owner=owner.id)
    schema = postgres.plugin.make(SCHEMA, {"name": "events", "database": database.id, "owner": owner.id})
    with postgres.connect(database.id, owner.id, "secret-1") as connection:
        connection.execute("CREATE TABLE events.orders (id int)")
    with pytest.raises(Refused, match="cannot drop schema events because other objects depend on it"):
        schema.delete()
    schema.update({"name": "events", "database": database.id, "owner": owner.id, "dropCascade": True})
    schema.delete()
    assert not schema.refresh()


def test_a_trusted_extension_is_created_by_an_admin_who_is_no_superuser(postgres: PostgresLab) -> None:
    owner = postgres.role("owner")
    database = postgres.database(owner=owner.id)
    extension = postgres.plugin.make(EXTENSION, {"name": "citext", "database": database.id})
    assert extension.id == f"{database.id}.citext"
    assert extension.values["schema"] == "public"
    assert not extension.diff().changed
    assert extension.diff({"name": "citext", "database": database.id, "version": "1.4"}).kinds == {"version": "UPDATE"}
    assert extension.diff({"name": "pgcrypto", "database": database.id}).replaces == ["name"]
    assert extension.refresh()
    imported = postgres.plugin.import_(EXTENSION, f"{database.id}.citext")
    assert imported is not None
    extension.delete()
    assert not extension.refresh()
    assert postgres.admins_memberships() == []
