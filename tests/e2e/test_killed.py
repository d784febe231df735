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
from contextlib import suppress
from typing import Any

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
"""How many runs are killed, half of them deploys, half rollbacks; HS_TEST_KILLS=30 takes eighteen minutes."""
LATEST_SECONDS = 16.0
"""When such a run is over or nearly so, counted from the engine's start."""
TRIES = 5
"""How often a run that was over before its moment is begun anew, to be killed earlier."""
APPLIER = "pulumi-kubernetes"
"""How the name begins under which the engine's provider applies an object (its managedFields); other objects there are others'."""
KINDS = (
    "deployment", "service", "configmap", "secret", "serviceaccount", "networkpolicy", "ingress", "job", "resourcequota", "limitrange",
)  # fmt: skip


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
        deploys = number % 2 == 0
        words = ["./hs", "deploy", ENVIRONMENT] if deploys else ["./hs", "rollback", ENVIRONMENT, "--yes", "--to", first]
        killed = kill_one(platform, words, f"extra{number}" if deploys else "", chance)
        output = platform.person.types(*words)
        where = f"run {number}: {' '.join(words)}, {killed}\n{output}"
        assert "verified" in output or "nothing to do" in output, where  # the second: it was killed as it said that it was done
        if deploys:  # after a rollback the checkout's catalogue is newer than what runs
            assert platform.person.status(ENVIRONMENT)["healthy"] is True, where
        nothing_is_doubled_or_forgotten(platform, outside, where)


def kill_one(platform: Platform, words: list[str], context: str, chance: random.Random) -> str:
    """Begin a run, of a release with a new context where one is named, and kill it at some moment; returns what was killed and when.

    One that was over by then is followed by another, with another new context, that is killed earlier.
    """
    latest = LATEST_SECONDS
    for again in range(TRIES):
        if context:
            add_a_context(platform, f"{context}{'again' * again}")
        moment, whole = chance.uniform(0, latest), bool(chance.getrandbits(1))
        if kill_after(platform, words, moment, whole=whole):
            return f"{'all of it' if whole else 'its engine'} killed after {moment:.1f} s"
        latest = moment
    pytest.fail(f"{TRIES} times {' '.join(words)} was over before it could be killed")


def add_a_context(platform: Platform, name: str) -> None:
    """The next release: a context that was never there before, with its database, broker user, services and a public name."""
    catalogue = platform.person.read_yaml("catalogue.yaml")
    for earlier in [found for found in catalogue["contexts"] if found.startswith("extra")]:
        del catalogue["contexts"][earlier]
    catalogue["contexts"][name] = {"api": {"ingress": {}}}
    platform.person.write("catalogue.yaml", yaml.safe_dump(catalogue))
    for folder in (platform.person.checkout / "migrations").glob("extra*"):
        shutil.rmtree(folder)
    platform.person.write(f"migrations/{name}/V1__create.sql", "CREATE TABLE thing (id uuid PRIMARY KEY);\n")
    platform.commit(f"a context {name}")


def kill_after(platform: Platform, words: list[str], seconds: float, *, whole: bool) -> bool:
    """Start a command, and ``seconds`` after it began to deploy kill its engine, or everything; returns whether it ended by that."""
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
            pytest.fail(f"{' '.join(words)} ended before it deployed:\n{''.join(said)}")
        time.sleep(seconds)
        if whole:
            killed = command.poll() is None
            with suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
        else:
            killed = kill_the_engine(command)
        command.stdout.read()
        end_orphans(command.pid)
        return command.wait() != 0 and killed


def kill_the_engine(command: subprocess.Popen[str]) -> bool:
    """Kill the engine of a command as soon as there is one; returns whether there was one before the command was over."""
    while command.poll() is None:
        found = subprocess.run(["pgrep", "--session", str(command.pid), "--exact", "pulumi"], capture_output=True, text=True, check=False)
        for engine in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(engine), signal.SIGKILL)
        if found.stdout:
            return True
        time.sleep(0.05)
    return False


def end_orphans(session: int) -> None:
    """End what a killed engine leaves running, as the end of its pod or a reboot would: its plugins."""
    subprocess.run(["pkill", "-KILL", "--session", str(session)], check=False)


def nothing_is_doubled_or_forgotten(platform: Platform, outside: Outside, where: str) -> None:
    """What is there is what the stack's state says, object by object, each once."""
    state = json.loads(platform.output("sh", "-c", f'eval "$(./hs env)"; exec pulumi stack export --stack {ENVIRONMENT}'))["deployment"]
    assert not state.get("pending_operations"), where
    resources = state["resources"]
    assert kubernetes_objects(platform) == kubernetes_objects_of(resources), where
    records = Counter(record["name"] for record in outside.records() if record["name"].endswith(f".{ENVIRONMENT}"))
    hosts = {resource["inputs"]["name"] for resource in resources if resource["type"].endswith("/dnsRecord:DnsRecord")}
    assert dict(records) == dict.fromkeys(hosts, 1), where
    postgres = {name for name in databases_and_roles(platform.person) if name.startswith(f"{ENVIRONMENT}_")}
    assert postgres == {resource["id"] for resource in resources if resource["type"].endswith(("/role:Role", "/database:Database"))}, where
    rabbitmq = Counter(name for name in vhosts_and_users(platform.person) if name == ENVIRONMENT or name.startswith(f"{ENVIRONMENT}_"))
    assert set(rabbitmq) == {resource["id"] for resource in resources if resource["type"].endswith(("/vHost:VHost", "/user:User"))}, where


def kubernetes_objects(platform: Platform) -> set[tuple[str, str]]:
    """(kind, name) of everything in the namespace that the engine's provider applied."""
    words = ("get", ",".join(KINDS), "--namespace", ENVIRONMENT, "--output", "json", "--show-managed-fields")
    return {
        (str(item["kind"]).lower(), str(item["metadata"]["name"]))
        for item in json.loads(platform.person.kubectl(*words))["items"]
        if any(field["manager"].startswith(APPLIER) for field in item["metadata"].get("managedFields", []))
    }


def kubernetes_objects_of(resources: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(kind, name) of everything of these kinds in the namespace that the stack's state holds."""
    found = ((str(resource["type"]), str(resource.get("id", ""))) for resource in resources)
    return {
        (kind.rpartition(":")[2].lower(), identity.removeprefix(f"{ENVIRONMENT}/"))
        for kind, identity in found
        if kind.startswith("kubernetes:") and kind.rpartition(":")[2].lower() in KINDS and identity.startswith(f"{ENVIRONMENT}/")
    }


def test_every_context_that_came_and_went_left_its_database(platform: Platform) -> None:
    password = (secrets_of() / "postgres_admin_password").read_text().strip()
    with psycopg.connect(
        host=person_address(platform.person, "postgres"), user="platform", password=password, dbname="postgres",
        sslmode="verify-full", sslrootcert=str(secrets_of() / "ca.crt"),
    ) as connection:  # fmt: skip
        names = {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}
    assert {f"{ENVIRONMENT}_extra{number}" for number in range(0, MOMENTS, 2)} <= names
