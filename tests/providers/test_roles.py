"""Roles, on a real PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest

from local.providers import wire
from tests.providers.labs import ROLE, PostgresLab
from tests.providers.plugin import Refused


def test_a_role_that_was_created_can_sign_in_with_its_password(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, password=wire.Secret("it's \\ a pässword"), connectionLimit=5)
    assert role.id == f"{postgres.name}_app"
    with postgres.connect(user=role.id, password="it's \\ a pässword") as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role.id,)
    assert role.values["connectionLimit"] == 5
    assert role.values["validUntil"] == "infinity"


def test_a_role_keeps_its_password_when_nothing_changed(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, password="secret-1", roles=[], searchPaths=["a", "public"])
    assert not role.diff().changed
    assert role.refresh()
    assert not role.diff().changed
    assert role.values["password"] == "secret-1"


def test_a_password_is_secret_on_the_wire_although_it_was_given_openly(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, password="secret-1")
    assert role.inputs["password"] == wire.Secret("secret-1")
    assert role.state["password"] == wire.Secret("secret-1")
    assert "secret-1" not in repr(role.state)
    assert role.refresh()
    assert role.state["password"] == wire.Secret("secret-1")
    assert role.inputs["password"] == wire.Secret("secret-1")


def test_a_changed_password_replaces_the_old_one_in_place(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, password="secret-1")
    wanted = {"name": role.id, "login": True, "password": "secret-2"}
    difference = role.diff(wanted)
    assert difference.kinds == {"password": "UPDATE"}
    assert difference.replaces == []
    role.update(wanted)
    postgres.connect(user=role.id, password="secret-2").close()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        postgres.connect(user=role.id, password="secret-1")


def test_a_write_only_password_is_used_and_never_kept(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, passwordWo="secret-1", passwordWoVersion="1")
    assert "passwordWo" not in role.state
    postgres.connect(user=role.id, password="secret-1").close()
    assert not role.diff({"name": role.id, "login": True, "passwordWo": "secret-2", "passwordWoVersion": "1"}).changed
    role.update({"name": role.id, "login": True, "passwordWo": "secret-2", "passwordWoVersion": "2"})
    postgres.connect(user=role.id, password="secret-2").close()


def test_every_setting_of_a_role_changes_in_place(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, statementTimeout=1000, searchPaths=["a", "b c"])
    other = postgres.role("other")
    wanted = {
        "name": role.id, "login": False, "createDatabase": True, "inherit": False, "connectionLimit": 7, "validUntil": "2031-01-01",
        "idleInTransactionSessionTimeout": 5000, "assumeRole": other.id, "roles": [other.id],
    }  # fmt: skip
    assert role.diff(wanted).replaces == []
    role.update(wanted)
    assert not role.diff().changed
    assert role.refresh()
    assert not role.diff().changed, role.diff()
    assert role.values["roles"] == [other.id]
    assert "statementTimeout" not in role.values
    assert "searchPaths" not in role.values
    role.update({"name": role.id})
    assert role.refresh()
    assert not role.diff().changed
    assert "roles" not in role.values or role.values["roles"] == []


def test_a_renamed_role_is_the_same_role(postgres: PostgresLab) -> None:
    role = postgres.role("old", login=True, password="secret-1")
    oid = postgres.rows("SELECT oid FROM pg_roles WHERE rolname = %s", role.id)
    wanted = {"name": f"{postgres.name}_new", "login": True, "password": "secret-1"}
    assert role.diff(wanted).kinds == {"name": "UPDATE"}
    role.update(wanted)
    assert postgres.rows("SELECT oid FROM pg_roles WHERE rolname = %s", f"{postgres.name}_new") == oid
    postgres.connect(user=f"{postgres.name}_new", password="secret-1").close()
    assert role.refresh()
    assert role.id == f"{postgres.name}_new"


def test_a_change_behind_pulumis_back_shows_after_a_refresh(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True)
    postgres.run(f"ALTER ROLE {role.id} NOLOGIN CONNECTION LIMIT 3")
    assert role.refresh()
    assert role.diff({"name": role.id, "login": True}).kinds == {"login": "UPDATE", "connectionLimit": "UPDATE"}


def test_a_role_dropped_behind_pulumis_back_vanishes_with_a_refresh(postgres: PostgresLab) -> None:
    role = postgres.role("app")
    postgres.run(f"DROP ROLE {role.id}")
    assert not role.refresh()
    role.delete()


def test_a_preview_of_a_role_touches_nothing(postgres: PostgresLab) -> None:
    planned = postgres.plugin.preview(ROLE, {"name": f"{postgres.name}_app", "password": wire.Secret(wire.UNKNOWN), "login": True})
    assert planned["password"] == wire.Secret(wire.UNKNOWN)
    assert planned["login"] is True
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", f"{postgres.name}_app") == []
    role = postgres.role("other", login=True)
    role.update({"name": role.id, "login": False}, preview=True)
    assert postgres.rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", role.id) == [(True,)]


def test_an_existing_role_can_be_imported_by_its_name(postgres: PostgresLab) -> None:
    postgres.role("app", login=True, connectionLimit=4)
    imported = postgres.plugin.import_(ROLE, f"{postgres.name}_app")
    assert imported is not None
    assert imported.inputs == {"name": f"{postgres.name}_app", "login": True, "connectionLimit": 4}
    assert not imported.diff({"name": f"{postgres.name}_app", "login": True, "connectionLimit": 4}).changed
    assert postgres.plugin.import_(ROLE, f"{postgres.name}_nobody") is None


def test_what_a_dropped_role_owned_goes_to_the_admin(postgres: PostgresLab) -> None:
    role, other = postgres.role("owner"), postgres.role("other")
    database = postgres.database(owner=role.id)
    postgres.run(f"ALTER DEFAULT PRIVILEGES FOR ROLE {role.id} GRANT SELECT ON TABLES TO {other.id}", owner=role.id)
    role.delete()
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role.id) == []
    query = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = %s"
    assert postgres.rows(query, database.id) == [(postgres.server.user,)]
    assert postgres.admins_memberships() == []


def test_a_role_stays_on_the_server_when_told_to(postgres: PostgresLab) -> None:
    role = postgres.role("kept", skipDropRole=True)
    role.delete()
    assert postgres.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role.id) == [(1,)]
    role.state = {**role.state, "skipDropRole": False}


def test_a_role_that_owns_something_is_not_dropped_when_told_to_leave_that_alone(postgres: PostgresLab) -> None:
    role = postgres.role("owner", skipReassignOwned=True)
    database = postgres.database(owner=role.id)
    with pytest.raises(Refused, match=f"cannot be dropped because some objects depend on it: owner of database {database.id}"):
        role.delete()
    role.state = {**role.state, "skipReassignOwned": False}


def test_a_role_that_exists_is_not_taken_over(postgres: PostgresLab) -> None:
    role = postgres.role("app")
    with pytest.raises(Refused, match=f'role "{role.id}" already exists'):
        postgres.plugin.make(ROLE, {"name": role.id})


def test_no_password_ever_stands_in_a_statement_the_server_could_log(postgres: PostgresLab) -> None:
    role = postgres.role("app", login=True, password="secret-in-the-log")
    role.update({"name": role.id, "login": True, "password": "other-secret-in-the-log"})
    log = postgres.server.read_log()
    assert log
    assert "secret-in-the-log" not in log
