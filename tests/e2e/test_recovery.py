"""The recovery drill: backups that are restored before they count, an environment turned back to a second, and a machine that is lost.

The database machine is made anew from code and filled to a chosen second; nobody touches a service.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Person
from tests.e2e.outside import Outside
from tests.e2e.test_environment import CONTEXTS, place_order, wait_for_event

BACKUP_SECONDS = 180
HEALTHY_SECONDS = 120
LOOK_SECONDS = 2
RIGHTS = (
    """SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit,
       (SELECT array_agg(a ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database WHERE datname = current_database()""",
    "SELECT nspowner::regrole, (SELECT array_agg(a ORDER BY a::text) FROM unnest(nspacl) a) FROM pg_namespace WHERE nspname = 'public'",
    """SELECT defaclrole::regrole, defaclobjtype, (SELECT array_agg(a ORDER BY a::text) FROM unnest(defaclacl) a)
       FROM pg_default_acl ORDER BY 1, 2""",
    """SELECT relname, relowner::regrole, (SELECT array_agg(a ORDER BY a::text) FROM unnest(relacl) a)
       FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1""",
)


class DatabaseMachine:
    """The machine that runs PostgreSQL, as somebody at its console has it."""

    def __init__(self, outside: Outside) -> None:
        self.container = outside.estate.container("postgres")

    def run(self, *words: str) -> str:
        """Run a command as root; returns what it printed."""
        command = ["docker", "exec", self.container, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=BACKUP_SECONDS).stdout.strip()

    def sql(self, statement: str, database: str = "postgres") -> str:
        """The answer of PostgreSQL to its own account."""
        return self.ask(database, statement)

    def ask(self, database: str, *statements: str) -> str:
        """The answers to several statements, one below the other."""
        asked = [word for statement in statements for word in ("--command", statement)]
        return self.run("runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--dbname", database, "-Atq", *asked)

    def orders(self) -> set[str]:
        """The events of the orders' database."""
        return set(self.sql("SELECT id FROM events", "kind_orders").split())

    def moment(self) -> str:
        """The machine's own time, as a person writes it down."""
        return self.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")

    def rights(self, database: str) -> str:
        """Who owns a database and all in it, and what others may do with it."""
        return self.ask(database, *RIGHTS)

    def databases(self) -> list[str]:
        """The names of all databases."""
        return self.sql("SELECT datname FROM pg_database").split()

    def archive(self) -> None:
        """Have all that is committed in the store."""
        self.run("runuser", "-u", "postgres", "--", "pgbackrest", "--stanza=main", "check")


class Bucket:
    """What the object storage keeps, as somebody has it who can write to its disk."""

    folder = "/var/lib/versitygw/highstreetly-backups"

    def __init__(self, outside: Outside) -> None:
        self.container = outside.estate.container("spaces")
        found = ["docker", "inspect", "--format", "{{.Config.Image}}", outside.estate.container("rabbitmq")]
        self.image = subprocess.run(found, check=True, capture_output=True, text=True).stdout.strip()

    def _sh(self, script: str, *words: str, given: bytes = b"") -> bytes:
        command = ["docker", "run", "--rm", "--interactive", "--volumes-from", self.container, "--entrypoint", "sh", self.image]
        return subprocess.run([*command, "-c", script, "sh", *words], check=True, capture_output=True, input=given).stdout

    def files(self, path: str) -> list[str]:
        """A file, or the files below a folder, the largest first."""
        found = self._sh('find "$1" -type f -size +0 -printf "%s %p\\n" | sort -rn | cut -d" " -f2', f"{self.folder}/{path}")
        return found.decode().split()

    @contextmanager
    def spoiled(self, path: str) -> Iterator[None]:
        """Some bytes in the middle of a file are others until the block ends."""
        middle = str(int(self._sh('stat --format=%s "$1"', path)) // 2)
        before = self._sh('dd if="$1" bs=1 skip="$2" count=32 status=none', path, middle)
        write = 'dd of="$1" bs=1 seek="$2" conv=notrunc status=none'
        self._sh(write, path, middle, given=bytes(byte ^ 0xFF for byte in before))
        try:
            yield
        finally:
            self._sh(write, path, middle, given=before)


@pytest.fixture
def bucket(outside: Outside) -> Bucket:
    """The estate's."""
    return Bucket(outside)


def backups(person: Person) -> list[dict[str, Any]]:
    """`./hs backup list --json`: newest first."""
    done = subprocess.run(["./hs", "backup", "list", "--json"], cwd=person.checkout, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["backups"]
    return found


@pytest.fixture
def machine(outside: Outside) -> DatabaseMachine:
    """The estate's."""
    return DatabaseMachine(outside)


def test_a_backup_counts_when_it_was_restored_and_one_that_was_tampered_with_is_found(
    person: Person, machine: DatabaseMachine, bucket: Bucket
) -> None:
    place_order(person)
    assert "./hs backup verify kind" in person.types("./hs", "backup")
    taken = backups(person)[0]
    assert taken["outcome"] == "taken"
    assert set(taken["databases"]) == {f"kind_{context}" for context in CONTEXTS}
    assert taken["databases"]["kind_orders"]["tables"]["public.events"]["rows"] == len(machine.orders())
    held = {"certificates.json", "accounts.json", "etcd.db", "control-plane.tar.gz", "state/highstreetly/kind.json"}
    assert held <= set(taken["archive"]["holds"])
    assert taken["etcd"]["keys"] > 0
    assert int(taken["definitions"]["holds"]["vhosts"]) > 1
    place_order(person)  # what is written afterwards does not concern the backup

    databases = bucket.files(f"postgres/backup/main/{taken['postgres']['name']}/bundle")[0]
    with bucket.spoiled(databases), bucket.spoiled(f"{bucket.folder}/platform/kind/{taken['archive']['name']}"):
        refused = person.types("./hs", "backup", "verify", expect=1)
        assert "cannot be restored" in refused
        assert "the archive cannot be opened" in refused
        assert f"Backup {taken['number']} of kind: damaged" in refused
    assert set(backups(person)[0]["restored"]) == {"definitions"}, "what is damaged was not restored"
    person.types("./hs", "backup", "verify")
    newest = backups(person)[0]
    assert (newest["number"], newest["outcome"], newest["failures"]) == (taken["number"], "verified", [])
    assert set(newest["restored"]) == {"databases", "definitions", "states", "certificates.json", "accounts.json", "etcd.db"}
    assert newest["restored"]["etcd.db"] == f"{taken['etcd']['keys']} keys at revision {taken['etcd']['revision']}"
    assert not newest["restored"]["certificates.json"].startswith("0 ")
    assert "kind-restored" not in person.kubectl("get", "namespaces", "--output", "name")
    assert machine.run("sh", "-c", "test -e /var/lib/postgresql/restore-aside && echo left || echo gone") == "gone"


def test_an_environment_returns_to_a_chosen_second_and_what_it_replaces_is_kept(person: Person, machine: DatabaseMachine) -> None:
    place_order(person)
    before, moment = machine.orders(), machine.moment()
    late = {place_order(person) for _ in range(2)}
    rights = {f"kind_{context}": machine.rights(f"kind_{context}") for context in CONTEXTS}

    output = person.types("./hs", "restore", "kind", "--at", moment, "--yes")
    assert machine.orders() == before
    [kept] = [name for name in machine.databases() if name.startswith("kind_orders_before_")]
    assert f"dropdb {kept}" in output
    assert late <= set(machine.sql("SELECT id FROM events", kept).split())
    assert {name: machine.rights(name) for name in rights} == rights

    wait_until_healthy(person)
    order = place_order(person)
    wait_for_event(person, "payments-api", order)
    assert "restored to that already" in person.types("./hs", "restore", "kind", "--at", moment, "--yes")
    assert machine.orders() == before | {order}
    drop_kept(machine)


def test_a_context_returns_to_a_dump_and_a_damaged_one_replaces_nothing(person: Person, machine: DatabaseMachine, tmp_path: Path) -> None:
    before, payments = machine.orders(), machine.sql("SELECT oid FROM pg_database WHERE datname = 'kind_payments'")
    dump = tmp_path / "kind_orders.dump"
    words = ["docker", "exec", machine.container, "runuser", "-u", "postgres", "--", "pg_dump", "--format=custom", "kind_orders"]
    dump.write_bytes(b"PGDMP and nothing else")
    assert "could not be filled from the dump" in person.types("./hs", "restore", "kind", "--from", str(dump), "--yes", expect=1)
    assert machine.orders() == before

    dump.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)
    place_order(person)
    person.types("./hs", "restore", "kind", "--from", str(dump), "--yes")
    assert machine.orders() == before
    assert machine.sql("SELECT oid FROM pg_database WHERE datname = 'kind_payments'") == payments
    drop_kept(machine)


def test_a_lost_database_machine_comes_back_with_exactly_the_orders_of_a_chosen_second(person: Person, machine: DatabaseMachine) -> None:
    early = {place_order(person)}
    machine.run("systemctl", "start", "pgbackrest-backup@incr.service")
    early |= {place_order(person)}
    before = machine.orders()
    assert early <= before
    moment = machine.moment()
    late = {place_order(person) for _ in range(2)}
    machine.archive()
    assert late <= machine.orders()
    subprocess.run(["docker", "rm", "--force", "--volumes", machine.container], check=True, capture_output=True)

    output = person.types("./hs", "restore-server", "--at", moment)
    assert f"Restoring PostgreSQL to {moment}" in output
    assert machine.orders() == before

    wait_until_healthy(person)
    order = place_order(person)
    wait_for_event(person, "payments-api", order)
    assert machine.orders() == before | {order}


def drop_kept(machine: DatabaseMachine) -> None:
    """Drop what a restore has kept, as it says that one does."""
    for name in machine.databases():
        if "_before_" in name:
            machine.sql(f'DROP DATABASE "{name}"')


def wait_until_healthy(person: Person) -> None:
    """Wait until `./hs status` finds nothing wrong; none is restarted by hand."""
    deadline = time.monotonic() + HEALTHY_SECONDS
    while (done := subprocess.run(["./hs", "status", "kind"], cwd=person.checkout, capture_output=True, text=True, check=False)).returncode:
        assert time.monotonic() < deadline, f"the services did not come back by themselves:\n{done.stdout}{done.stderr}"
        time.sleep(LOOK_SECONDS)
