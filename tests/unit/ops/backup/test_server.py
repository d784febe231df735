"""What the database machine is asked: statements through standard input, its own programs, and a copy that always goes."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from ops.backup.server import Server
from ops.errors import PlatformError
from ops.machines import Answer
from tests.unit.ops.backup.fakes import NOW, FakeMachine, ok


def test_statements_go_through_standard_input_to_the_server_s_own_account() -> None:
    machine = FakeMachine(reply=lambda _words, _given: ok(b"one\ntwo\n"))
    assert Server(machine, 5432).sql("SELECT :'name'", database="kind_orders", name="it's") == ["one", "two"]
    [words] = machine.asked
    assert words[:4] == ("sudo", "-u", "postgres", "psql")
    assert {"--port=5432", "--dbname=kind_orders", "--set=name=it's", "--set=ON_ERROR_STOP=1", "--file=-"} <= set(words)
    assert machine.given == [b"SELECT :'name'"]


def test_what_postgresql_refuses_is_said() -> None:
    machine = FakeMachine(reply=lambda _words, _given: Answer(3, b"", "ERROR:  database is being accessed by other users"))
    with pytest.raises(PlatformError, match="It did not work") as failed:
        Server(machine, 5432).sql("ALTER", what="It did not work.")
    assert "being accessed by other users" in failed.value.why


@pytest.mark.parametrize("name", ['kind"; DROP', "kind orders", "", "Kind"])
def test_a_name_that_could_mean_something_to_psql_is_refused(name: str) -> None:
    machine = FakeMachine()
    with pytest.raises(PlatformError, match="is no name of a database"):
        Server(machine, 5432).contents([name])
    assert machine.asked == []


def test_databases_are_listed_with_their_comments() -> None:
    machine = FakeMachine(reply=lambda _words, _given: ok(b"postgres\tdefault database\nkind_orders\t\n"))
    assert Server(machine, 5432).databases() == {"postgres": "default database", "kind_orders": ""}


def test_sizes_are_those_of_the_databases_asked_for() -> None:
    machine = FakeMachine(reply=lambda _words, _given: ok(b"postgres\t7\nkind_orders\t8\n"))
    assert Server(machine, 5432).sizes(["kind_orders", "kind_shops"]) == {"kind_orders": 8}


def test_a_moment_has_the_machine_s_own_time() -> None:
    machine = FakeMachine(reply=lambda _words, _given: ok(b"2026-11-23T14:00:00.123456Z\n"))
    assert Server(machine, 5432).moment() == datetime(2026, 11, 23, 14, 0, 0, 123456, UTC)


def test_a_copy_is_made_beside_the_present_and_removed_whatever_happens() -> None:
    machine = FakeMachine()
    with pytest.raises(KeyError, match="5433"), Server(machine, 5432).aside(NOW, database="kind_orders") as port:
        raise KeyError(port)
    assert machine.asked == [
        ("sudo", "restore-aside", "2026-11-23T14:00:00Z", "5433", "kind_orders"),
        ("sudo", "restore-aside", "--remove"),
    ]


def test_a_copy_that_somebody_else_made_is_not_removed() -> None:
    machine = FakeMachine(reply=lambda _words, _given: Answer(1, b"", "restore-aside: there is a copy already: restore-aside --remove"))
    with pytest.raises(PlatformError, match="cannot be restored") as failed, Server(machine, 5432).aside(NOW):
        pytest.fail("there is no copy")
    assert "there is a copy already" in failed.value.why
    assert len(machine.asked) == 1


def test_a_backup_that_fails_says_what_its_journal_ends_with() -> None:
    def reply(words: tuple[str, ...], _given: bytes) -> Answer:
        return ok(b"ERROR: [039]: no space") if "journalctl" in words else Answer(1, b"", "Job failed.")

    machine = FakeMachine(reply=reply)
    with pytest.raises(PlatformError, match="could not be backed up") as failed:
        Server(machine, 5432).take_backup(full=True)
    assert failed.value.why == "ERROR: [039]: no space"
    assert "pgbackrest-backup@full.service" in machine.asked[0]


def test_a_dump_reaches_pg_restore_through_standard_input() -> None:
    machine = FakeMachine()
    Server(machine, 5432).load(io.BytesIO(b"PGDMP"), "kind_orders_restored")
    assert machine.given == [b"PGDMP"]
    assert "--exit-on-error" in machine.asked[0]
