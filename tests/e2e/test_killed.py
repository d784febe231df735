"""A deploy or rollback that is killed at any moment: the same command, typed once more, ends it, and nothing is doubled or forgotten."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
import yaml

from tests.e2e.conftest import Person
from tests.e2e.outside import Outside
from tests.e2e.releases import Platform, small_product
from tests.e2e.test_environment import person_address
from tests.e2e.test_growing import databases_and_roles, secrets_of, vhosts_and_users

ENVIRONMENT = "small"
SEED = 20261123
MOMENTS = int(os.environ.get("HS_TEST_KILLS", "6"))
"""How many runs are killed, half of them deploys, half rollbacks; HS_TEST_KILLS=30 takes a quarter of an hour."""
LATEST_SECONDS = 16.0
"""When such a run is over or nearly so, counted from the engine's start."""
MANAGED = "app.kubernetes.io/managed-by=pulumi"
KINDS = "deployments,services,configmaps,secrets,serviceaccounts,networkpolicies,ingresses,jobs,resourcequotas,limitranges"


@pytest.fixture(scope="module")
def platform(person: Person, outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A checkout of its own with a small product, and its environment."""
    small = small_product(person, tmp_path_factory.mktemp("killed") / "checkout", ENVIRONMENT)
    found = Platform(small, outside.estate, ENVIRONMENT)
    small.types("./hs", "deploy", ENVIRONMENT)
    yield found
    small.types("./hs", "destroy", ENVIRONMENT, "--yes")
    small.kubectl("delete", "namespace", ENVIRONMENT)


def test_whatever_moment_it_is_killed_at_one_rerun_ends_it(platform: Platform, outside: Outside) -> None:
    chance = random.Random(SEED)
    first = str(platform.history()[0]["number"])
    for number in range(MOMENTS):
        moment, whole = chance.uniform(0, LATEST_SECONDS), bool(chance.getrandbits(1))
        if number % 2 == 0:
            add_a_context(platform, number)
        words = ["./hs", "deploy", ENVIRONMENT] if number % 2 == 0 else ["./hs", "rollback", ENVIRONMENT, "--yes"]
        if number % 2:
            words += ["--to", first]
        killed = kill_after(platform, words, moment, whole=whole)
        output = platform.person.types(*words)
        where = f"run {number}: {' '.join(words)}, killed after {moment:.1f} s ({'all' if whole else 'the engine'}, {killed})\n{output}"
        assert "verified" in output or "nothing to do" in output, where
        if number % 2 == 0:  # after a rollback the checkout's catalogue is newer than what runs
            assert platform.person.status(ENVIRONMENT)["healthy"] is True, where
        nothing_is_doubled_or_forgotten(platform, outside, where)


def add_a_context(platform: Platform, number: int) -> None:
    """The next release: a context that was never there before, with its database, broker user, services and a public name."""
    catalogue = platform.person.read_yaml("catalogue.yaml")
    for name in [name for name in catalogue["contexts"] if name.startswith("extra")]:
        del catalogue["contexts"][name]
    catalogue["contexts"][f"extra{number}"] = {"api": {"ingress": {}}}
    platform.person.write("catalogue.yaml", yaml.safe_dump(catalogue))
    for folder in (platform.person.checkout / "migrations").glob("extra*"):
        shutil.rmtree(folder)
    platform.person.write(f"migrations/extra{number}/V1__create.sql", "CREATE TABLE thing (id uuid PRIMARY KEY);\n")
    platform.commit(f"a context extra{number}")


def kill_after(platform: Platform, words: list[str], seconds: float, *, whole: bool) -> str:
    """Start a command, and ``seconds`` after its engine began to deploy kill the engine, or everything; returns what became of it."""
    with subprocess.Popen(
        words, cwd=platform.person.checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as command:
        assert command.stdout
        said = []
        for line in command.stdout:
            said.append(line)
            if f"… Deploying {ENVIRONMENT}" in line:
                break
        else:
            return f"it ended before: {''.join(said)[-300:]}"
        time.sleep(seconds)
        if command.poll() is not None:
            return "it was over"
        if whole:
            os.killpg(command.pid, signal.SIGKILL)
        else:
            engines = subprocess.run(
                ["pgrep", "--session", str(command.pid), "--exact", "pulumi"], capture_output=True, text=True, check=False
            )
            for engine in engines.stdout.split():
                os.kill(int(engine), signal.SIGKILL)
        command.stdout.read()
        end_orphans(command.pid)
        return f"exit code {command.wait()}"


def end_orphans(session: int) -> None:
    """End what a killed engine leaves running, as the end of its pod or a reboot would: its plugins."""
    subprocess.run(["pkill", "-KILL", "--session", str(session)], check=False)


def nothing_is_doubled_or_forgotten(platform: Platform, outside: Outside, where: str) -> None:
    """What is there is what the stack's state says, object by object, each once."""
    state = json.loads(platform.output("sh", "-c", f'eval "$(./hs env)"; exec pulumi stack export --stack {ENVIRONMENT}'))["deployment"]
    assert not state.get("pending_operations"), where
    resources = state["resources"]
    known = {resource["id"].rpartition("/")[2] for resource in resources if str(resource["type"]).startswith("kubernetes:")}
    listed = platform.person.kubectl("get", KINDS, "--namespace", ENVIRONMENT, "--selector", MANAGED, "--output", "name").split()
    assert {name.partition("/")[2] for name in listed} <= known, where
    records = Counter(record["name"] for record in outside.records() if record["name"].endswith(f".{ENVIRONMENT}"))
    hosts = {resource["inputs"]["name"] for resource in resources if resource["type"].endswith("/dnsRecord:DnsRecord")}
    assert dict(records) == dict.fromkeys(hosts, 1), where
    postgres = {name for name in databases_and_roles(platform.person) if name.startswith(f"{ENVIRONMENT}_")}
    assert postgres == {resource["id"] for resource in resources if resource["type"].endswith(("/role:Role", "/database:Database"))}, where
    rabbitmq = Counter(name for name in vhosts_and_users(platform.person) if name == ENVIRONMENT or name.startswith(f"{ENVIRONMENT}_"))
    assert set(rabbitmq) == {resource["id"] for resource in resources if resource["type"].endswith(("/vHost:VHost", "/user:User"))}, where


def test_every_context_that_came_and_went_left_its_database(platform: Platform) -> None:
    password = (secrets_of() / "postgres_admin_password").read_text().strip()
    with psycopg.connect(
        host=person_address(platform.person, "postgres"), user="platform", password=password, dbname="postgres",
        sslmode="verify-full", sslrootcert=str(secrets_of() / "ca.crt"),
    ) as connection:  # fmt: skip
        names = {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}
    assert {f"{ENVIRONMENT}_extra{number}" for number in range(0, MOMENTS, 2)} <= names
