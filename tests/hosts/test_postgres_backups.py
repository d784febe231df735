"""What the role ``postgres`` promises of backups: encrypted, restorable to a second, and never restored over what serves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.machines.configure import Controller, play
from ops.errors import PlatformError
from tests.hosts.machine import Machine, files_that_hold

SETTINGS = "/etc/pgbackrest/pgbackrest.conf"
SPOOL = "stat --format='%i %W' /var/spool/pgbackrest/archive/main"
PGBACKREST = "sudo -u postgres pgbackrest --stanza=main"
WAIT_SECONDS = 60
COPY_PORT = 5433
UNREACHABLE = "127.0.0.9"  # an address of the machine itself where nothing listens


def wait_for(what: Callable[[], bool]) -> bool:
    """Whether something becomes true within a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def sql(host: Machine, statement: str, port: int = 5432) -> str:
    """The answer of a server on the machine to its own account, through the socket."""
    return str(host.check_output("sudo -u postgres psql --no-psqlrc --port=%s -Atqc %s", str(port), statement))


def holdings(host: Machine) -> dict[str, Any]:
    """What the repository holds."""
    found: dict[str, Any] = json.loads(host.check_output(f"{PGBACKREST} --output=json info"))[0]
    return found


@pytest.fixture(scope="module")
def backups(postgres: Machine) -> list[dict[str, Any]]:
    """The finished backups; the first one, which the role starts, may still be on its way."""
    assert wait_for(lambda: postgres.run("systemctl is-active pgbackrest-backup@full.service").stdout.strip() != "activating")
    found: list[dict[str, Any]] = holdings(postgres)["backup"]
    return found


@pytest.fixture
def orders(postgres: Machine) -> Iterator[str]:
    """A table of the database postgres."""
    sql(postgres, "drop table if exists backup_probe; create table backup_probe (number int)")
    yield "backup_probe"
    sql(postgres, "drop table backup_probe")


def test_there_is_a_backup_and_the_repository_is_whole(postgres: Machine, backups: list[dict[str, Any]]) -> None:
    assert backups
    assert backups[0]["type"] == "full"
    assert [backup["label"] for backup in backups if backup["error"]] == []
    found = holdings(postgres)
    assert (found["status"]["code"], found["cipher"]) == (0, "aes-256-cbc")
    assert str(found["db"][-1]["system-id"]) == sql(postgres, "select system_identifier from pg_control_system()")


def test_a_finished_segment_of_the_log_reaches_the_repository(postgres: Machine, orders: str) -> None:
    sql(postgres, f"insert into {orders} values (1)")
    segment = sql(postgres, "select pg_walfile_name(pg_switch_wal())")
    assert wait_for(lambda: holdings(postgres)["archive"][-1]["max"] >= segment)


def test_what_is_stored_is_encrypted(postgres: Machine) -> None:
    assert postgres.check_output(f"{PGBACKREST} repo-get --raw backup/main/backup.info | head -c 8") == "Salted__"


def test_a_backup_is_taken_on_demand_and_the_keys_are_in_no_argument_list(
    postgres: Machine, backups: list[dict[str, Any]], backup_secrets: dict[str, str]
) -> None:
    unit = "pgbackrest-backup@incr.service"
    shown = postgres.check_output(
        f"systemctl start --no-block {unit}; sleep 0.1; while systemctl is-active {unit} | grep -q activating; do ps -eo args; done"
    )
    assert "pgbackrest --stanza=main --type=incr" in shown
    assert [name for name, secret in backup_secrets.items() if secret in shown] == []
    assert postgres.check_output(f"systemctl show --property=Result --value {unit}") == "success"
    newest = holdings(postgres)["backup"][-1]
    assert newest["type"] == "incr"
    assert newest["label"] > backups[-1]["label"]


def test_backups_are_taken_by_the_clock_and_kept_by_days(postgres: Machine) -> None:
    for timer, unit in (("full", "full"), ("incremental", "incr")):
        assert postgres.service(f"pgbackrest-{timer}.timer").is_enabled
        assert (
            postgres.check_output(f"systemctl show --property=Unit --value pgbackrest-{timer}.timer") == f"pgbackrest-backup@{unit}.service"
        )
        assert postgres.check_output(f"systemctl show --property=NextElapseUSecRealtime --value pgbackrest-{timer}.timer")
    lines = postgres.file(SETTINGS).content_string.splitlines()
    assert {"repo1-retention-full-type=time", "repo1-retention-full=28", "archive-async=y"} <= set(lines)
    assert [line for line in lines if line.startswith("archive-push-queue-max=")]


def test_the_keys_are_where_only_postgresqls_account_reads_them(
    controller: Controller, postgres: Machine, backup_secrets: dict[str, str]
) -> None:
    settings, folder = postgres.file(SETTINGS), postgres.file("/etc/pgbackrest")
    assert (settings.user, settings.group, settings.mode) == ("root", "postgres", 0o640)
    assert (folder.user, folder.group, folder.mode) == ("root", "postgres", 0o750)
    for secret in backup_secrets.values():
        assert files_that_hold(controller, "postgres", secret, "/etc /var/log /var/lib/postgresql /var/spool /home /root") == [SETTINGS]


def test_postgresql_goes_on_without_the_store_and_sends_later_what_waited(postgres: Machine, orders: str) -> None:
    endpoint = next(
        line.partition("=")[2] for line in postgres.file(SETTINGS).content_string.splitlines() if line.startswith("repo1-s3-endpoint=")
    )
    postgres.check_output(f"cp /etc/hosts /tmp/hosts && echo '{UNREACHABLE} {endpoint}' >> /etc/hosts")
    try:
        assert postgres.check_output(f"getent hosts {endpoint}").split()[0] == UNREACHABLE
        for number in range(3):
            sql(postgres, f"insert into {orders} values ({number})")
            segment = sql(postgres, "select pg_walfile_name(pg_switch_wal())")
        assert sql(postgres, f"select count(*) from {orders}") == "3"
        assert sql(postgres, "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'") != "0"
    finally:
        postgres.check_output("cat /tmp/hosts > /etc/hosts; rm /tmp/hosts")
    assert wait_for(lambda: holdings(postgres)["archive"][-1]["max"] >= segment)


def test_a_copy_beside_the_present_has_exactly_what_was_there_at_its_time(
    postgres: Machine, backups: list[dict[str, Any]], orders: str
) -> None:
    assert backups
    sql(postgres, f"insert into {orders} values (1), (2)")
    moment = sql(postgres, "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    sql(postgres, f"insert into {orders} values (3)")
    spool = postgres.check_output(SPOOL)
    try:
        postgres.check_output(f"restore-aside {moment} {COPY_PORT}")
        assert sql(postgres, f"select string_agg(number::text, ' ' order by number) from {orders}", COPY_PORT) == "1 2"
        assert sql(postgres, f"select count(*) from {orders}") == "3"
        assert sql(postgres, "select pg_is_in_recovery() or current_setting('archive_mode') = 'on'", COPY_PORT) == "f"
        assert postgres.check_output(f"ss -Htln 'sport = :{COPY_PORT}'") == ""
        assert "restore-aside --remove" in postgres.run(f"restore-aside latest {COPY_PORT}").stderr
    finally:
        postgres.check_output("restore-aside --remove")
    assert not postgres.file("/var/lib/postgresql/restore-aside").exists
    assert postgres.check_output("systemctl is-active restore-aside.service || true") == "inactive"
    assert postgres.check_output(SPOOL) == spool


def test_a_time_before_the_oldest_backup_is_refused_and_leaves_nothing(postgres: Machine, backups: list[dict[str, Any]]) -> None:
    assert datetime.fromtimestamp(backups[0]["timestamp"]["stop"], UTC).year > 2020
    refused = postgres.run(f"restore-aside 2020-01-01T00:00:00Z {COPY_PORT}")
    assert refused.rc == 1
    assert "unable to find backup set with stop time less than" in refused.stderr
    assert not postgres.file("/var/lib/postgresql/restore-aside").exists


def test_data_that_serves_is_never_restored_over(
    controller: Controller, postgres: Machine, secrets: dict[str, str], backup_secrets: dict[str, str], orders: str
) -> None:
    sql(postgres, f"insert into {orders} values (1)")
    environment = {name.upper(): value for name, value in (secrets | backup_secrets).items()}
    restore = ["--limit", "postgres", "--tags", "postgres", "--extra-vars", '{"postgres_restore_target": "latest"}']
    with pytest.raises(PlatformError) as refused:
        play(controller, environment, restore)
    assert "has served and is never restored over" in refused.value.why
    assert not postgres.file("/var/lib/platform-run").exists  # or the next run would restart what nobody changed
    assert sql(postgres, f"select count(*) from {orders}") == "1"


def test_a_repository_that_cannot_be_read_is_named_with_what_to_check(
    controller: Controller, postgres: Machine, secrets: dict[str, str], backups: list[dict[str, Any]]
) -> None:
    assert backups
    before = [backup["label"] for backup in holdings(postgres)["backup"]]
    right = {name.upper(): value for name, value in secrets.items()}
    try:
        with pytest.raises(PlatformError) as refused:
            play(controller, right | {"POSTGRES_BACKUP_PASSPHRASE": "another-passphrase-than-before"}, ["--limit", "postgres"])
        assert "cannot be read" in refused.value.why
        assert "its keys and its passphrase (POSTGRES_BACKUP_" in refused.value.why
        assert "another-passphrase" not in refused.value.why
        assert sql(postgres, "select 1") == "1"
    finally:
        play(controller, right, ["--limit", "postgres"])
    assert [backup["label"] for backup in holdings(postgres)["backup"]] == before
    postgres.check_output(f"{PGBACKREST} check")
