"""Privileges, on a real PostgreSQL: what a role can really do afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest

from tests.providers.labs import PostgresLab
from tests.providers.plugin import Refused, Thing

GRANT = "postgresql:index/grant:Grant"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
DEFAULT_PRIVILEGES = "postgresql:index/defaultPrivileges:DefaultPrivileges"
DML = ["SELECT", "INSERT", "UPDATE", "DELETE"]
PASSWORD = "secret-1"
NOTHING_DONE = r"PostgreSQL did nothing for: REVOKE ALL PRIVILEGES ON DATABASE[\s\S]*a GrantRole"


class Context:
    """A bounded context's database, owned by one role, which the admin is a member of, used by another, with a table in it."""

    def __init__(self, postgres: PostgresLab, name: str = "orders") -> None:
        self.postgres = postgres
        self.owner = postgres.role(f"{name}_owner", login=True, password=PASSWORD).id
        self.app = postgres.role(f"{name}_app", login=True, password=PASSWORD).id
        self.membership = postgres.plugin.make(GRANT_ROLE, {"role": postgres.server.user, "grantRole": self.owner})
        self.database = postgres.database(name, owner=self.owner).id
        self.by(self.owner, "CREATE TABLE public.events (id int, data text)")

    def by(self, role: str, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as a role, signed in with its own password."""
        with self.postgres.connect(self.database, role, PASSWORD) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def may(self, role: str, statement: str) -> bool:
        """Whether the server lets the role do that."""
        try:
            self.by(role, statement)
        except psycopg.errors.InsufficientPrivilege:
            return False
        except psycopg.OperationalError as error:
            return "permission denied" not in str(error)
        return True

    def grant(self, kind: str, privileges: list[str], role: str = "", **inputs: Any) -> Thing:
        """A Grant in this database, to the app role unless told otherwise."""
        schema = {} if kind == "database" else {"schema": "public"}
        wanted = {"role": role or self.app, "database": self.database, "objectType": kind, "privileges": privileges, **schema, **inputs}
        return self.postgres.plugin.make(GRANT, wanted)

    def defaults(self, kind: str, privileges: list[str], **inputs: Any) -> Thing:
        """DefaultPrivileges in this database for what the owner makes."""
        wanted = {
            "role": self.app, "database": self.database, "owner": self.owner, "schema": "public", "objectType": kind,
            "privileges": privileges, **inputs,
        }  # fmt: skip
        return self.postgres.plugin.make(DEFAULT_PRIVILEGES, wanted)


@pytest.fixture
def context(postgres: PostgresLab) -> Context:
    """One context on the server."""
    return Context(postgres)


def test_the_app_role_of_a_context_reads_and_writes_and_does_no_more(context: Context, postgres: PostgresLab) -> None:
    made = [
        context.grant("database", [], role="public"),
        context.grant("database", ["CONNECT"]),
        context.grant("schema", [], role="public"),
        context.grant("schema", ["USAGE"]),
        context.grant("table", DML),
        context.defaults("table", DML),
        context.defaults("sequence", ["USAGE", "SELECT"]),
    ]
    context.by(context.owner, "CREATE TABLE public.outbox (id serial, data text)")
    for table in ("events", "outbox"):
        assert context.may(context.app, f"INSERT INTO {table} (data) VALUES ('x')")
        assert context.may(context.app, f"UPDATE {table} SET data = 'y'")
        assert context.may(context.app, f"DELETE FROM {table}")
        assert not context.may(context.app, f"TRUNCATE {table}")
        assert not context.may(context.app, f"DROP TABLE {table}") or pytest.fail("the app role dropped a table")
    assert not context.may(context.app, "CREATE TABLE public.mine (id int)")
    stranger = Context(postgres, "payments")
    assert not context.may(stranger.app, "SELECT 1")
    for thing in made:
        assert not thing.diff().changed, thing.id
        assert thing.refresh(), thing.id
        assert not thing.diff().changed, thing.id
    assert set(postgres.admins_memberships()) <= {context.owner, stranger.owner}


def test_a_database_is_not_held_for_closed_when_the_admin_is_no_member_of_its_owner(context: Context, postgres: PostgresLab) -> None:
    context.membership.delete()
    is_member = postgres.rows("SELECT pg_has_role(current_user, %s, 'USAGE')", context.owner) == [(True,)]
    for privileges, role in (([], "public"), (["CONNECT"], "")):
        with nullcontext() if is_member else pytest.raises(Refused, match=NOTHING_DONE):  # from PostgreSQL 16 on a setting makes it one
            context.grant("database", privileges, role=role)
    assert context.may(Context(postgres, "payments").app, "SELECT 1") != is_member


def test_a_grant_on_a_database_goes_with_a_program_that_never_made_the_admin_a_member(context: Context, postgres: PostgresLab) -> None:
    grant = context.grant("database", ["CONNECT"])
    context.grant("database", [], role="public")
    context.membership.delete()
    grant.delete()
    assert not context.may(context.app, "SELECT 1")
    assert postgres.admins_memberships() == []


def test_ids_are_the_official_providers(context: Context) -> None:
    assert context.grant("database", ["CONNECT"]).id == f"{context.app}_{context.database}_database"
    assert context.grant("table", ["SELECT"]).id == f"{context.app}_{context.database}_public_table"
    assert context.grant("table", ["SELECT"], objects=["events"]).id == f"{context.app}_{context.database}_public_table_events"
    assert context.defaults("table", ["SELECT"]).id == f"{context.app}_{context.database}_public_{context.owner}_table"
    assert context.defaults("schema", ["USAGE"], schema=None).id == f"{context.app}_{context.database}_noschema_{context.owner}_schema"


def test_privileges_change_in_place_and_everything_else_makes_a_new_grant(context: Context) -> None:
    grant = context.grant("table", ["SELECT", "INSERT"])
    assert not grant.diff({**grant.inputs, "privileges": ["INSERT", "SELECT"]}).changed
    wanted = {key: value for key, value in grant.inputs.items() if key != "__defaults"} | {"privileges": ["SELECT"]}
    assert grant.diff(wanted).kinds == {"privileges[0]": "DELETE"}
    grant.update(wanted)
    assert context.may(context.app, "SELECT * FROM events")
    assert not context.may(context.app, "INSERT INTO events VALUES (1)")
    elsewhere = grant.diff({**wanted, "schema": "other", "withGrantOption": True})
    assert elsewhere.replaces == ["schema", "withGrantOption"]
    assert elsewhere.deletes_first


def test_a_deleted_grant_is_a_lost_privilege(context: Context) -> None:
    grants = [context.grant("table", ["SELECT"]), context.defaults("table", ["SELECT"])]
    for grant in grants:
        grant.delete()
        grant.delete()
    context.by(context.owner, "CREATE TABLE public.later (id int)")
    assert not context.may(context.app, "SELECT * FROM events")
    assert not context.may(context.app, "SELECT * FROM later")


def test_a_privilege_taken_away_behind_pulumis_back_shows_after_a_refresh(context: Context) -> None:
    table, defaults = context.grant("table", ["SELECT", "INSERT"]), context.defaults("table", ["SELECT", "INSERT"])
    connect = context.grant("database", [], role="public")
    context.by(context.owner, f"REVOKE INSERT ON events FROM {context.app}")
    context.by(context.owner, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE INSERT ON TABLES FROM {context.app}")
    context.by(context.owner, f"GRANT CONNECT ON DATABASE {context.database} TO public")
    for thing, wanted in ((table, ["SELECT", "INSERT"]), (defaults, ["SELECT", "INSERT"]), (connect, [])):
        program = {key: value for key, value in thing.inputs.items() if key != "__defaults"} | {"privileges": wanted}
        assert thing.refresh()
        assert {path.partition("[")[0] for path in thing.diff(program).kinds} == {"privileges"}, thing.id
        thing.update(program)
        assert thing.refresh()
        assert not thing.diff(program).changed


def test_a_table_made_after_the_grant_shows_as_a_difference(context: Context) -> None:
    grant = context.grant("table", ["SELECT"])
    context.by(context.owner, "CREATE TABLE public.later (id int)")
    assert grant.refresh()
    program = {key: value for key, value in grant.inputs.items() if key != "__defaults"} | {"privileges": ["SELECT"]}
    assert grant.diff(program).kinds == {"privileges": "ADD"}
    grant.update(program)
    assert context.may(context.app, "SELECT * FROM later")


def test_default_privileges_nobody_has_any_more_vanish_with_a_refresh(context: Context) -> None:
    defaults = context.defaults("table", ["SELECT"])
    context.by(context.owner, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {context.app}")
    assert not defaults.refresh()


def test_grants_vanish_with_their_database(context: Context, postgres: PostgresLab) -> None:
    things = [context.grant("table", ["SELECT"]), context.grant("database", ["CONNECT"]), context.defaults("table", ["SELECT"])]
    next(thing for thing in postgres.plugin.made if thing.id == context.database).delete()
    for thing in things:
        assert not thing.refresh()
        thing.delete()


def test_all_is_what_it_stands_for(context: Context) -> None:
    grant = context.grant("table", ["ALL"])
    assert grant.refresh()
    assert not grant.diff().changed


def test_columns_and_functions_can_be_granted(context: Context) -> None:
    context.by(context.owner, "CREATE FUNCTION public.answer(int) RETURNS int LANGUAGE sql AS 'SELECT 42'")
    column = context.grant("column", ["SELECT"], objects=["events"], columns=["id"])
    public = context.grant("function", [], role="public", objects=["answer(int)"])
    assert context.may(context.app, "SELECT id FROM events")
    assert not context.may(context.app, "SELECT data FROM events")
    assert not context.may(context.app, "SELECT answer(1)")
    function = context.grant("function", ["EXECUTE"], objects=["answer(int)"])
    assert context.may(context.app, "SELECT answer(1)")
    for thing in (column, public, function):
        assert thing.refresh()
        assert not thing.diff().changed, thing.id


def test_grants_made_at_once_all_succeed(context: Context, postgres: PostgresLab) -> None:
    apps = [postgres.role(f"app{index}").id for index in range(8)]

    def grants(app: str) -> list[Thing]:
        return [
            context.grant("database", ["CONNECT"], role=app),
            context.grant("schema", ["USAGE"], role=app),
            context.grant("table", DML, role=app),
        ]

    with ThreadPoolExecutor(8) as pool:
        for thing in [thing for made in pool.map(grants, apps) for thing in made]:
            assert thing.refresh()
            assert not thing.diff().changed


def test_a_grant_that_collides_with_another_program_is_tried_again(context: Context, postgres: PostgresLab) -> None:
    """PostgreSQL answers the second of two grants on one object with "tuple concurrently updated" as soon as the first commits."""
    other = postgres.role("other").id
    with postgres.connect(context.database, context.owner, PASSWORD) as connection, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(f"GRANT USAGE ON SCHEMA public TO {other}".encode())
            waiting = pool.submit(context.grant, "schema", ["USAGE"])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=1.5)
        grant = waiting.result(timeout=30)
    assert grant.refresh()
    assert not grant.diff().changed


def test_a_membership_lives_from_creation_to_removal(postgres: PostgresLab) -> None:
    member, group = postgres.role("member").id, postgres.role("group").id
    grant = postgres.plugin.make(GRANT_ROLE, {"role": member, "grantRole": group})
    assert grant.id == f"{member}_{group}_false"
    assert not grant.diff().changed
    with_admin = grant.diff({"role": member, "grantRole": group, "withAdminOption": True})
    assert with_admin.replaces == ["withAdminOption"]
    assert with_admin.deletes_first
    assert grant.refresh()
    postgres.run(f"REVOKE {group} FROM {member}")
    assert not grant.refresh()
    grant.delete()
    again = postgres.plugin.make(GRANT_ROLE, {"role": member, "grantRole": group, "withAdminOption": True})
    assert again.id.endswith("_true")
    assert again.refresh()
    assert not again.diff().changed
    again.delete()
    assert postgres.rows("SELECT 1 FROM pg_auth_members WHERE pg_get_userbyid(member) = %s", member) == []


def test_a_membership_the_admin_was_given_on_purpose_stays(context: Context, postgres: PostgresLab) -> None:
    context.grant("table", ["SELECT"]).delete()
    assert postgres.rows("SELECT pg_has_role(current_user, %s, 'USAGE')", context.owner) == [(True,)]
    assert context.membership.refresh()
    assert not context.membership.diff().changed


def test_previews_of_privileges_touch_nothing(context: Context, postgres: PostgresLab) -> None:
    plugin = postgres.plugin
    plugin.preview(
        GRANT, {"role": context.app, "database": context.database, "objectType": "table", "schema": "public", "privileges": ["SELECT"]}
    )
    plugin.preview(GRANT_ROLE, {"role": context.app, "grantRole": context.owner})
    plugin.preview(
        DEFAULT_PRIVILEGES,
        {"role": context.app, "database": context.database, "owner": context.owner, "objectType": "table", "privileges": ["SELECT"]},
    )
    assert not context.may(context.app, "SELECT * FROM events")
    assert postgres.rows("SELECT 1 FROM pg_default_acl", database=context.database) == []


@pytest.mark.parametrize("token", [GRANT, GRANT_ROLE, DEFAULT_PRIVILEGES])
def test_privileges_cannot_be_imported_as_with_the_official_provider(postgres: PostgresLab, token: str) -> None:
    with pytest.raises(Refused, match="cannot be imported"):
        postgres.plugin.import_(token, "a_b_c")


def test_privileges_on_something_missing_are_refused_in_the_servers_words(context: Context) -> None:
    with pytest.raises(Refused, match='role "nobody_here" does not exist'):
        context.grant("table", ["SELECT"], role="nobody_here")
    with pytest.raises(Refused, match=r'relation "public\.missing" does not exist'):
        context.grant("table", ["SELECT"], objects=["missing"])
