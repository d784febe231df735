"""What the role ``postgres`` promises."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.estate import CHECKOUT
from local.machines.configure import Controller, play
from tests.hosts.machine import Machine, files_that_hold

Connection = psycopg.Connection[tuple[Any, ...]]


def setting(connection: Connection, name: str) -> str:
    """The value of a setting of the server, as it is in force."""
    row = connection.execute("select current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def megabytes(connection: Connection, name: str) -> int:
    """A memory setting in MiB."""
    row = connection.execute("select pg_size_bytes(current_setting(%s)) / 1048576", [name]).fetchone()
    assert row is not None
    return int(row[0])


def as_superuser(host: Machine, statement: str) -> str:
    """The answer of the server's own account on the machine itself."""
    return str(host.check_output("sudo -u postgres psql --no-psqlrc -Atqc %s", statement))


@pytest.fixture(scope="module")
def fact(postgres: Machine) -> dict[str, Any]:
    """What the machine says of its server."""
    found: dict[str, Any] = json.loads(postgres.file("/etc/ansible/facts.d/postgres.fact").content_string)
    return found


def test_the_running_version_is_the_one_the_machine_tells(database: Connection, fact: dict[str, Any]) -> None:
    assert setting(database, "server_version").split()[0] == fact["version"]
    assert fact["major"] == (18 if fact["source"] == "vendor" else int(fact["version"].split(".")[0]))


def test_tls_with_the_platforms_certificate_and_the_right_address_works(database: Connection) -> None:
    row = database.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    assert row is not None
    assert row[0] is True
    assert row[1] in ("TLSv1.2", "TLSv1.3")


def test_a_certificate_of_another_authority_is_not_believed(database_url: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"certificate verify failed|root certificate"):
        psycopg.connect(**{**database_url, "sslrootcert": "/etc/ssl/certs/ca-certificates.crt"})


def test_a_plain_connection_is_refused(database_url: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba.conf rejects connection .*no encryption"):
        psycopg.connect(**{**database_url, "sslmode": "disable"})


def test_a_wrong_password_is_refused(database_url: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**database_url, "password": "wrong"})


def test_the_superuser_never_comes_over_the_network(database_url: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba.conf rejects connection"):
        psycopg.connect(**{**database_url, "user": "postgres"})


def test_old_tls_is_not_spoken(postgres: Machine) -> None:
    assert as_superuser(postgres, "show ssl_min_protocol_version") == "TLSv1.2"


def test_only_scram_is_known(postgres: Machine) -> None:
    methods = as_superuser(postgres, "select distinct auth_method from pg_hba_file_rules where type <> 'local'").split()
    assert set(methods) == {"scram-sha-256", "reject"}
    assert as_superuser(postgres, "show password_encryption") == "scram-sha-256"
    assert as_superuser(postgres, "select count(*) from pg_authid where rolpassword not like 'SCRAM-SHA-256$%'") == "0"


def test_the_access_rules_hold_no_mistake_and_end_in_reject(postgres: Machine) -> None:
    assert as_superuser(postgres, "select count(*) from pg_hba_file_rules where error is not null") == "0"
    last = as_superuser(
        postgres, "select type, database, user_name, address, auth_method from pg_hba_file_rules order by line_number desc limit 1"
    )
    assert last == "host|{all}|{all}|all|reject"


def test_only_the_estates_network_may_connect(postgres: Machine, subnet: str) -> None:
    rules = as_superuser(postgres, "select address, netmask from pg_hba_file_rules where type = 'hostssl'").splitlines()
    assert [ipaddress.ip_network(rule.replace("|", "/")) for rule in rules] == [ipaddress.ip_network(subnet)]


def test_it_listens_on_the_machines_address_and_nowhere_else(postgres: Machine, addresses: dict[str, str]) -> None:
    listening = [line.split()[3] for line in postgres.check_output("ss -Htln 'sport = :5432'").splitlines()]
    assert listening == [f"{addresses['postgres']}:5432"]


def test_memory_settings_follow_from_the_machines_memory(postgres: Machine, database: Connection) -> None:
    group = postgres.check_output("sed -n 's/^0:://p; s/^[0-9]*:memory://p' /proc/1/cgroup | sort -u | tail -n 1").removesuffix(
        "/init.scope"
    )
    limits = postgres.run(
        f"cat /sys/fs/cgroup{group}/memory.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory{group}/memory.limit_in_bytes 2>/dev/null"
    ).stdout.split()
    total = int(postgres.check_output("awk '/^MemTotal:/ {print $2}' /proc/meminfo")) * 1024
    mib = min([total, *(int(limit) for limit in limits if limit.isdigit())]) // 1048576
    connections = int(setting(database, "max_connections"))
    assert megabytes(database, "shared_buffers") == mib * 25 // 100
    assert megabytes(database, "effective_cache_size") == mib * 75 // 100
    assert megabytes(database, "maintenance_work_mem") == max(16, min(mib * 5 // 100, 2048))
    assert megabytes(database, "work_mem") == max(1, min(mib * 50 // 100 // connections, 64))


def test_there_are_connections_for_every_service_of_two_environments(database: Connection) -> None:
    assert int(setting(database, "max_connections")) == 2 * 9 * 1 * 5 + 9 * 5 + 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("wal_level", "replica"),
        ("archive_mode", "on"),
        ("log_lock_waits", "on"),
        ("lock_timeout", "0"),
        ("TimeZone", "Etc/UTC"),
    ],
)
def test_nothing_is_traded_for_speed(postgres: Machine, name: str, value: str) -> None:
    assert as_superuser(postgres, f"show {name}") == value


def test_connections_are_logged(postgres: Machine) -> None:
    assert as_superuser(postgres, "show log_connections") in ("on", "all")


def test_text_is_ordered_independently_of_the_systems_library(database: Connection) -> None:
    row = database.execute("select datcollate, pg_encoding_to_char(encoding) from pg_database where datname = 'template1'").fetchone()
    assert row == ("C.UTF-8", "UTF8")


@pytest.fixture(scope="module")
def archive_script(controller: Controller, postgres: Machine) -> Iterator[str]:
    """The script that archives on a machine without a repository, as the role would put it there; it keeps in /tmp/archive."""
    postgres.check_output("install -d -o postgres -g postgres -m 0700 /tmp/archive")
    template = controller.roles / "roles" / "postgres" / "templates" / "archive-wal.j2"
    command: list[str | Path] = [controller.program("ansible"), "postgres", "--inventory", controller.inventory, "--become"]
    command += ["--module-name", "ansible.builtin.template", "--args", f"src={template} dest=/tmp/archive/archive-wal mode=0755"]
    command += ["--extra-vars", json.dumps({"postgres_archive_directory": "/tmp/archive", "postgres_archive_keep_days": 0})]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(controller.roles / "ansible.cfg"), "VIRTUAL_ENV": ""}
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    yield "sudo -u postgres /tmp/archive/archive-wal"
    postgres.run("rm -rf /tmp/archive /tmp/one /tmp/two")


def test_an_archive_without_a_repository_takes_a_segment_twice_and_never_overwrites_another(postgres: Machine, archive_script: str) -> None:
    name = "F" * 24
    postgres.check_output("sudo -u postgres sh -c 'echo one > /tmp/one; echo two > /tmp/two'")
    assert postgres.run(f"{archive_script} /tmp/one {name}").succeeded
    assert postgres.run(f"{archive_script} /tmp/one {name}").succeeded
    refused = postgres.run(f"{archive_script} /tmp/two {name}")
    assert refused.failed
    assert "holds another segment" in refused.stderr
    assert postgres.check_output(f"gunzip -c /tmp/archive/{name}.gz") == "one"
    assert postgres.file(f"/tmp/archive/{name}.gz").mode == 0o600
    assert postgres.run("ls /tmp/archive | grep partial").failed


def test_the_admin_role_makes_databases_and_roles_and_is_no_superuser(database: Connection) -> None:
    row = database.execute(
        "select rolcanlogin, rolcreatedb, rolcreaterole, rolsuper, rolreplication, rolbypassrls from pg_roles where rolname = 'platform'"
    ).fetchone()
    assert row == (True, True, True, False, False, False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute("select pg_read_file('/etc/passwd')")


@pytest.fixture(scope="module")
def state_password(estate_dir: Path) -> str:
    """What the role that keeps the state of shared stacks signs in with."""
    return (estate_dir / "secrets" / "pulumi_state_password").read_text().strip()


def test_the_state_s_role_owns_its_database_and_may_do_nothing_else(database_url: dict[str, Any], state_password: str) -> None:
    place = {"user": "pulumi_state", "password": state_password, "dbname": "pulumi_state"}
    with psycopg.connect(**{**database_url, **place}, autocommit=True) as connection:
        row = connection.execute(
            "select pg_get_userbyid(datdba), has_schema_privilege('public', 'create') from pg_database where datname = current_database()"
        ).fetchone()
        assert row == ("pulumi_state", True)
        row = connection.execute(
            "select rolcanlogin, rolcreatedb, rolcreaterole, rolsuper, rolreplication, rolbypassrls from pg_roles "
            "where rolname = current_user"
        ).fetchone()
        assert row == (True, False, False, False, False, False)


def test_the_state_is_closed_to_every_other_role(database_url: dict[str, Any]) -> None:
    with pytest.raises(psycopg.OperationalError, match='permission denied for database "pulumi_state"'):
        psycopg.connect(**{**database_url, "dbname": "pulumi_state"})


def test_a_minor_upgrade_is_the_runbook_s_two_commands(
    controller: Controller, postgres: Machine, secrets: dict[str, str], fact: dict[str, Any]
) -> None:
    runbook = (CHECKOUT / "docs" / "runbooks" / "upgrade-postgres.md").read_text()
    [upgrade] = re.findall(r"^ +sudo (apt-get install --only-upgrade .*)$", runbook, re.MULTILINE)
    packages = upgrade.replace("-18", f"-{fact['major']}").removeprefix("apt-get install --only-upgrade ")
    would = postgres.check_output(f"apt-get install --simulate --only-upgrade {packages}")
    assert re.search(r"^\d+ upgraded, 0 newly installed, 0 to remove", would, re.MULTILINE), would
    assert [name for name in packages.split() if not postgres.package(name).is_installed] == []

    assert re.search(r"ansible-playbook data\.yml .* --limit postgres$", runbook, re.MULTILINE)
    afterwards = play(controller, {name.upper(): value for name, value in secrets.items()}, ["--limit", "postgres"])
    assert afterwards.changed_tasks == []


def test_no_password_is_in_a_file_or_a_log(controller: Controller, postgres: Machine, secrets: dict[str, str], state_password: str) -> None:
    places = "/etc /var/log /var/lib/postgresql /home /root"
    for password in (secrets["postgres_admin_password"], state_password):
        assert files_that_hold(controller, "postgres", password, places) == []
    assert postgres.run("grep -lF SCRAM-SHA-256$ /var/log/postgresql/*.log").stdout == ""
