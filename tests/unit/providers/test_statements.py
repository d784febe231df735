"""The SQL statements and API bodies, built without a server."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from local.providers.postgresql import database, default_privileges, grant, quoting, role
from local.providers.postgresql.privileges import settled
from local.providers.postgresql.server import Address, connection_failure, is_collision
from local.providers.rabbitmq import policy, vhost
from local.providers.rabbitmq.management import Access, reason_given, refusal, transport_failure

text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=10)


@given(text)
def test_names_and_texts_are_quoted_as_psycopg_quotes_them(word: str) -> None:
    assert quoting.identifier(word) == sql.Identifier(word).as_string(None)
    assert quoting.literal(word) == sql.Literal(word).as_string(None).strip()


def test_the_arguments_of_a_function_stay_outside_the_quotes() -> None:
    assert quoting.qualified("public", "f(text, int)") == '"public"."f"(text, int)'


def test_a_new_role_says_every_option() -> None:
    statement = role.create_statement({"name": 'a"b', "login": True, "inherit": True, "connectionLimit": -1}, "'SCRAM'")
    assert statement == (
        'CREATE ROLE "a""b" WITH NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT LOGIN NOBYPASSRLS NOREPLICATION '
        "CONNECTION LIMIT -1 VALID UNTIL 'infinity' PASSWORD 'SCRAM'"
    )


def test_a_changed_role_says_only_what_changed() -> None:
    old = {"name": "a", "login": True, "connectionLimit": -1, "validUntil": "infinity"}
    assert role.alter_statements("a", old, old, None) == []
    assert role.alter_statements("a", old, {**old, "login": False, "validUntil": "2030-01-01"}, None) == [
        "ALTER ROLE \"a\" WITH NOLOGIN VALID UNTIL '2030-01-01'"
    ]


def test_settings_of_a_role_are_set_and_reset() -> None:
    old = {"statementTimeout": 5, "searchPaths": ["a"]}
    new = {"searchPaths": ["b", "c d"], "assumeRole": "x"}
    assert role.setting_statements("r", old, new) == [
        'ALTER ROLE "r" RESET statement_timeout',
        'ALTER ROLE "r" SET role TO "x"',
        'ALTER ROLE "r" SET search_path TO "b", "c d"',
    ]
    found = role.settings_found(["role=x", 'search_path=b, "c d"', "statement_timeout=7", "work_mem=4MB"])
    assert found == {"assumeRole": "x", "searchPaths": ["b", "c d"], "statementTimeout": 7}


def test_memberships_change_by_their_difference() -> None:
    assert role.membership_statements("r", ["a", "b"], ["b", "c"]) == ['REVOKE "a" FROM "r"', 'GRANT "c" TO "r"']


def test_a_new_database_comes_from_template0_in_utf8_and_is_the_admins_unless_told_otherwise() -> None:
    statement = database.create_statement({"name": "d", "allowConnections": True, "connectionLimit": -1}, "admin")
    expected = 'OWNER "admin" TEMPLATE "template0" ENCODING \'UTF8\' ALLOW_CONNECTIONS true CONNECTION LIMIT -1 IS_TEMPLATE false'
    assert statement == f'CREATE DATABASE "d" {expected}'
    special = {"name": "d", "owner": "o", "lcCollate": "C", "tablespaceName": "t", "allowConnections": False, "connectionLimit": 1}
    assert " LC_COLLATE 'C' TABLESPACE \"t\" ALLOW_CONNECTIONS false" in database.create_statement(special, "admin")


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"objectType": "database", "database": "d"}, 'DATABASE "d"'),
        ({"objectType": "schema", "schema": "s"}, 'SCHEMA "s"'),
        ({"objectType": "table", "schema": "s"}, 'ALL TABLES IN SCHEMA "s"'),
        ({"objectType": "sequence", "schema": "s", "objects": ["a", "b"]}, 'SEQUENCE "s"."a", "s"."b"'),
        ({"objectType": "routine", "schema": "s", "objects": ["f(int)"]}, 'ROUTINE "s"."f"(int)'),
        ({"objectType": "foreign_server", "objects": ["x"]}, 'FOREIGN SERVER "x"'),
    ],
)
def test_a_grant_names_its_objects(properties: dict[str, Any], target: str) -> None:
    common = {"role": "r", "privileges": ["USAGE"], **properties}
    assert grant.grant_statement({**common, "withGrantOption": True}) == f'GRANT USAGE ON {target} TO "r" WITH GRANT OPTION'
    assert grant.revoke_statement({**common, "privileges": []}) == f'REVOKE ALL PRIVILEGES ON {target} FROM "r"'


def test_a_grant_on_columns_names_them() -> None:
    properties = {"objectType": "column", "schema": "s", "objects": ["t"], "columns": ["a", "b"], "role": "r", "privileges": ["SELECT"]}
    assert grant.grant_statement(properties) == 'GRANT SELECT ("a", "b") ON TABLE "s"."t" TO "r"'
    assert grant.revoke_statement(properties) == 'REVOKE SELECT ("a", "b") ON TABLE "s"."t" FROM "r"'


def test_the_objects_in_an_id_stand_in_terraforms_order() -> None:
    properties = {"role": "r", "database": "d", "schema": "s", "objectType": "table", "objects": ["test_table", "test_table2"]}
    assert grant.grant_id(properties) == grant.grant_id({**properties, "objects": ["test_table2", "test_table"]})
    assert grant.grant_id(properties).startswith("r_d_s_table_test_table")


def test_default_privileges_are_told_for_the_owner_and_the_schema() -> None:
    properties = {"role": "r", "database": "d", "owner": "o", "schema": "s", "objectType": "table", "privileges": ["SELECT", "INSERT"]}
    statement = default_privileges.grant_statement(properties)
    assert statement == 'ALTER DEFAULT PRIVILEGES FOR ROLE "o" IN SCHEMA "s" GRANT SELECT, INSERT ON TABLES TO "r"'
    assert default_privileges.privileges_id({**properties, "schema": None}) == "r_d_noschema_o_table"


def test_privileges_are_told_as_they_were_wanted_where_that_is_what_is_granted() -> None:
    assert settled("table", ["UPDATE", "SELECT"], ["SELECT", "UPDATE"]) == ["UPDATE", "SELECT"]
    assert settled("schema", ["ALL"], ["CREATE", "USAGE"]) == ["ALL"]
    assert settled("schema", ["ALL"], ["USAGE"]) == ["USAGE"]
    everything_before_17 = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    assert settled("table", ["ALL"], everything_before_17) == ["ALL"]
    assert settled("table", ["ALL"], [*everything_before_17, "MAINTAIN"]) == ["ALL"]


def test_only_collisions_are_tried_again() -> None:
    concurrent = psycopg.errors.InternalError_("tuple concurrently updated")
    assert is_collision(concurrent)
    assert is_collision(psycopg.errors.DeadlockDetected("deadlock detected"))
    assert not is_collision(psycopg.errors.InternalError_("something else"))
    assert not is_collision(psycopg.errors.InsufficientPrivilege("permission denied"))


@pytest.mark.parametrize(
    ("said", "what", "remedy"),
    [
        ('FATAL: password authentication failed for user "u"', "refused the user u: wrong user or password", "PGPASSWORD"),
        (
            'FATAL: no pg_hba.conf entry for host "1.2.3.4"',
            "refused the user u: its pg_hba.conf lets no such connection to d in",
            "sslmode",
        ),
        ("SSL error: certificate verify failed", "could not be trusted", "sslrootcert"),
        ('FATAL: database "d" does not exist', "has no database d", "pulumi refresh"),
        ("timeout expired", "cannot be reached: no answer within 10 s", "nc -vz h 5"),
        ("Connection refused", "cannot be reached: Connection refused", "nc -vz h 5"),
        (
            "FATAL: permission denied for database DETAIL: User does not have CONNECT privilege.",
            "does not let u into the database d",
            "grant u CONNECT",
        ),
    ],
)
def test_a_failed_connection_says_where_why_and_what_mends_it(said: str, what: str, remedy: str) -> None:
    address = Address("h", 5, "u", "hunter2", "postgres", "require")
    message = str(connection_failure(address, "d", said))
    assert message.startswith(f"PostgreSQL at h:5 {what}")
    assert remedy in message
    assert "hunter2" not in message + repr(address)


def test_rabbitmqs_refusals_say_where_why_and_what_mends_them() -> None:
    access = Access("https://h:1", "u", "hunter2")
    assert "RABBITMQ_PASSWORD" in str(refusal(access, 401))
    assert "rabbitmqctl set_user_tags u administrator" in str(refusal(access, 403))
    assert "cacertFile" in str(transport_failure(access, OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")))
    assert "hunter2" not in repr(access)


def test_a_reason_is_taken_out_of_the_servers_answer() -> None:
    assert reason_given('{"error": "bad_request", "reason": "no\\n\\n&lt;x&gt;"}') == "no <x>"
    assert reason_given("plain") == "plain"


def test_whole_numbers_in_a_policy_are_numbers_to_the_server_and_texts_to_the_program() -> None:
    rules = {"pattern": "^a", "priority": 1, "applyTo": "queues", "definition": {"max-length": "10", "overflow": "drop-head", "x": "1.5"}}
    body = policy.to_api(rules)
    assert body == {
        "pattern": "^a", "priority": 1, "apply-to": "queues", "definition": {"max-length": 10, "overflow": "drop-head", "x": "1.5"}
    }  # fmt: skip
    assert policy.from_api(body) == rules
    assert policy.from_api({**body, "definition": {"a": True, "b": 2.0, "c": ["x", "y"]}})["definition"] == {
        "a": "true",
        "b": "2",
        "c": "x,y",
    }


def test_a_vhost_without_a_queue_type_does_not_mention_one() -> None:
    assert vhost.settings({"description": "d"}) == {"description": "d", "tracing": False}
    assert vhost.settings({"defaultQueueType": "quorum"})["default_queue_type"] == "quorum"
