"""Shared state in a real PostgreSQL and in real object storage: turns, documents, and what the real engine writes."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from local.estate import CHECKOUT
from ops.errors import PlatformError
from ops.state import State, open_state
from ops.state.bucket import BucketState
from ops.state.leases import LEASE_SECONDS
from ops.state.locks import Holder, Lock
from ops.state.postgres import PostgresState
from ops.state.state import POLL_SECONDS, is_running
from tests.providers.private_servers import BUCKET, REGION, Backend

TAKEOVER_SECONDS = 10.0
"""How long nobody waits for a dead one: the turn is had, and its lock freed, by then."""
HOLD_UNTIL_KILLED = """
import sys, time
from ops.state import open_state
with open_state(sys.argv[1]).turn("test", "deploy test/1.0.0", print, print):
    print("has it", flush=True)
    time.sleep(60)
"""
SLEEP = "import pathlib, time; pathlib.Path('runs').touch(); time.sleep(60)"
RUN_UNTIL_KILLED = """
import sys
from ops.engine import BoundEngine
from ops.state import open_state
with open_state(sys.argv[1]).turn("test", "deploy", print, print):
    BoundEngine().run(["up", "--stack", "test", "--yes", "--skip-preview"], sys.argv[2], {})
"""


class Engine:
    """The real engine on that state, with a program that has no resource but its stack."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "Pulumi.yaml").write_text("name: highstreetly\nruntime: {name: python, options: {virtualenv: .venv}}\n")
        self.environment = {
            **os.environ,
            "PATH": f"{sys.prefix}/bin:{os.environ.get('HS_TEST_PULUMI_BIN', '')}:{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": url,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def run(self, *words: str) -> None:
        """Run the engine's command line."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def up(self, program: str = "") -> int:
        """The exit code of `pulumi up` of a program."""
        with self.start(program) as process:
            return process.wait()

    def start(self, program: str) -> subprocess.Popen[bytes]:
        """A `pulumi up` in a session of its own."""
        (self.folder / "__main__.py").write_text(f"{program}\n")
        words = ["pulumi", "up", "--stack", "test", "--yes", "--skip-preview", "--non-interactive"]
        return subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)

    def strand_lock(self, state: State) -> Lock:
        """Kill an engine at work, with all that it had started, and return the lock that it left."""
        self.run("stack", "init", "test")
        with self.start(SLEEP) as process:
            self.wait_for_the_program(process)
            subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=True)
        (lock,) = state.locks("test")
        assert (lock.pid, lock.hostname) == (process.pid, os.uname().nodename)
        return lock

    def wait_for_the_program(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the engine that ``process`` is, or starts, runs the program SLEEP."""
        while not (self.folder / "runs").exists():
            assert process.poll() is None
            time.sleep(0.05)

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to what the engine writes."""
        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def database(server: Backend) -> Iterator[str]:
    """An empty database, as the engine and ./hs are told of it."""
    name = f"state_{secrets.token_hex(4)}"
    with psycopg.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname="postgres",
        sslmode=server.sslmode, sslrootcert=str(server.ca), autocommit=True,
    ) as admin:  # fmt: skip
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        place = f"{server.user}:{quote(server.password)}@{server.host}:{server.port}/{name}"
        yield f"postgres://{place}?sslmode={server.sslmode}&sslrootcert={server.ca}"
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def part_of_a_bucket(server: Backend, patch: pytest.MonkeyPatch) -> str:
    """A part of the bucket that holds nothing yet; the keys come from the environment, as the engine's do."""
    patch.setenv("AWS_ACCESS_KEY_ID", server.user)
    patch.setenv("AWS_SECRET_ACCESS_KEY", server.password)
    place = f"{BUCKET}/{secrets.token_hex(4)}"
    return f"s3://{place}?endpoint=http://{server.host}:{server.port}&region={REGION}&s3ForcePathStyle=true"


@pytest.fixture(params=["postgres", "s3"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Either kind of shared state, with nothing in it."""
    if request.param == "s3":
        yield part_of_a_bucket(request.getfixturevalue("object_storage"), monkeypatch)
    else:
        with database(request.getfixturevalue("postgresql_server")) as place:
            yield place


@pytest.fixture
def postgres_url(postgresql_server: Backend) -> Iterator[str]:
    """An empty database."""
    with database(postgresql_server) as place:
        yield place


@pytest.fixture
def state(url: str) -> State:
    """The state in that place."""
    return open_state(url)


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Engine:
    """The engine, on that state."""
    return Engine(url, tmp_path)


def test_a_new_state_is_empty(state: State) -> None:
    assert state.locks("test") == []
    assert state.checkpoint("test") == {}
    assert not state.last_run_failed("test")
    assert state.read_documents("releases", "test") == []


def test_the_turn_is_over_when_its_process_is_killed_and_whoever_waits_is_told_for_whom(state: State, url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD_UNTIL_KILLED, url], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "has it\n"
        waited: list[str] = []
        killed_at: list[float] = []

        def kill(holder: str) -> None:
            waited.append(holder)
            killed_at.append(time.monotonic())
            first.kill()
            first.wait()

        with state.turn("test", "rollback", kill, lambda _line: None):
            assert time.monotonic() - killed_at[0] < TAKEOVER_SECONDS
            assert f"process {first.pid}" in waited[0]
            assert "deploy test/1.0.0" in waited[0]


def test_two_that_start_at_once_have_the_turn_one_after_the_other(url: str) -> None:
    inside, most = [0], [0]

    def work(number: int) -> int:
        with open_state(url).turn("test", f"run {number}", lambda _holder: None, lambda _line: None):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.1)  # long enough for another one to come in
            inside[0] -= 1
        return number

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert sorted(pool.map(work, range(4))) == list(range(4))
    assert most == [1]


def test_the_second_of_two_that_start_at_once_is_told_whom_it_waits_for(url: str) -> None:
    told: tuple[list[str], list[str]] = [], []
    order: list[int] = []

    def work(number: int) -> None:
        with open_state(url).turn("test", f"run {number}", told[number].append, pytest.fail):
            order.append(number)
            time.sleep(3 * POLL_SECONDS)  # long enough for the other one to ask

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(work, range(2)))
    first, second = order
    assert told[first] == []
    assert any(f"process {os.getpid()}" in holder and holder.endswith(f": run {first}") for holder in told[second])


def test_a_run_whose_session_is_lost_ends_with_its_engine_and_says_so(postgres_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_KILLED, postgres_url], cwd=CHECKOUT, stdout=PIPE, stderr=PIPE, text=True
    ) as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.readline() == "has it\n"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert run.stdout.readline() == ""
        assert run.wait() == 1
        assert "The turn on test is lost" in run.stderr.read()


def test_the_server_gives_the_turn_of_a_host_that_vanished_away_within_ten_seconds(postgres_url: str) -> None:
    state = open_state(postgres_url)
    assert isinstance(state, PostgresState)
    with state.connect() as session:
        found = {str(name): int(value) for name, value in session.execute("SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_%'")}
        assert found["tcp_keepalives_idle"] + found["tcp_keepalives_interval"] * found["tcp_keepalives_count"] == 10
        assert found["tcp_user_timeout"] == 10_000


def test_another_stack_s_turn_is_its_own(state: State) -> None:
    with (
        state.turn("test", "one", pytest.fail, pytest.fail),
        state.turn("live", "two", pytest.fail, pytest.fail),
    ):
        pass


def test_documents_appended_at_once_get_a_number_each_without_a_gap(state: State) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        numbers = list(pool.map(lambda number: state.append_document("releases", "test", {"n": number}), range(32)))
    assert sorted(numbers) == list(range(1, 33))
    state.write_document("releases", "test", 1, {"n": "changed"})
    assert state.read_documents("releases", "test")[0] == (1, {"n": "changed"})
    state.delete_document("releases", "test", 1)
    assert state.append_document("releases", "live", {}) == 1
    assert len(state.read_documents("releases", "test")) == 31


def test_what_the_engine_writes_is_understood(state: State, engine: Engine) -> None:
    engine.run("stack", "init", "test")
    assert state.checkpoint("test")["manifest"]
    assert engine.up() == 0
    assert [resource["type"] for resource in state.checkpoint("test")["resources"]] == ["pulumi:pulumi:Stack"]
    assert not state.has_pending_operations("test")
    assert not state.last_run_failed("test")
    name = "release 1 test/1.0.0"
    engine.run("up", "--stack", "test", "--yes", "--skip-preview", "--message", name)
    assert state.last_run("test")["message"] == name
    engine.run("destroy", "--stack", "test", "--yes", "--skip-preview")
    assert state.last_run("test")["message"] != name
    assert engine.up("raise ValueError") != 0
    assert state.last_run_failed("test")
    assert state.locks("test") == []


def test_the_lock_of_a_killed_engine_is_freed_and_the_engine_works_again(state: State, engine: Engine) -> None:
    lock = engine.strand_lock(state)
    told: list[str] = []
    begun = time.monotonic()
    with state.turn("test", "deploy", pytest.fail, told.append):
        assert time.monotonic() - begun < TAKEOVER_SECONDS
        assert state.locks("test") == []
    assert told == [f"freed the lock of a run that is gone: {lock}"]
    assert engine.up() == 0


def test_a_killed_run_takes_its_engine_with_it_and_the_next_one_goes_on(state: State, engine: Engine) -> None:
    engine.run("stack", "init", "test")
    (engine.folder / "__main__.py").write_text(SLEEP)
    words = [sys.executable, "-c", RUN_UNTIL_KILLED, engine.url, str(engine.folder)]
    with subprocess.Popen(words, cwd=CHECKOUT, env=engine.environment, start_new_session=True) as run:
        engine.wait_for_the_program(run)
        (lock,) = state.locks("test")
        run.kill()
        killed_at = time.monotonic()
    told: list[str] = []
    with state.turn("test", "rollback", lambda _holder: None, told.append):
        assert time.monotonic() - killed_at < TAKEOVER_SECONDS
        assert not is_running(lock.pid)
        assert told == [f"freed the lock of a run that is gone: {lock}"]
    subprocess.run(["pkill", "-KILL", "--session", str(run.pid)], check=False)  # the language host and the program may still be there
    assert engine.up() == 0


def test_a_lock_of_another_host_is_not_broken_until_the_turn_it_was_taken_in_is_known_to_be_over(postgres_url: str, tmp_path: Path) -> None:
    state, engine = open_state(postgres_url), Engine(postgres_url, tmp_path)
    lock = engine.strand_lock(state)
    with engine.database() as connection:
        row = connection.execute("SELECT key, data->>'data' FROM pulumi_state WHERE key LIKE '%/locks/%'").fetchone()
        assert row
        content = json.loads(base64.b64decode(row[1])) | {"hostname": "runner-1"}
        data = json.dumps({"data": base64.b64encode(json.dumps(content).encode()).decode()})
        connection.execute("UPDATE pulumi_state SET data = %s WHERE key = %s", (data, row[0]))
    with pytest.raises(PlatformError) as refused, state.turn("test", "deploy", pytest.fail, pytest.fail):
        pytest.fail("it has the turn although somebody else may be at work")
    assert f"{lock.username} on runner-1" in refused.value.why
    assert "pulumi cancel --stack test" in refused.value.remedy
    assert len(state.locks("test")) == 1
    with engine.database() as connection:
        holder = Holder("ada", "runner-1", 1, "2026-01-01T00:00:00+00:00", "deploy")
        connection.execute("UPDATE highstreetly_turns SET holders = %s", (json.dumps([holder.as_document()]),))
    told: list[str] = []
    with state.turn("test", "deploy", pytest.fail, told.append):
        assert state.locks("test") == []
    assert len(told) == 1


def test_a_lease_that_another_run_has_taken_ends_the_run_and_its_engine(object_storage: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    url = part_of_a_bucket(object_storage, monkeypatch)
    state = open_state(url)
    assert isinstance(state, BucketState)
    with subprocess.Popen([sys.executable, "-c", HOLD_UNTIL_KILLED, url], cwd=CHECKOUT, stdout=PIPE, stderr=PIPE, text=True) as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.readline() == "has it\n"
        state.objects.put(".highstreetly/turns/highstreetly/test.json", b'{"held": true, "holders": []}')
        assert run.wait(timeout=30) == 1
        assert "another run has taken it" in run.stderr.read()


def test_a_live_lease_is_renewed_and_never_taken_however_long_it_is_held(object_storage: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    url = part_of_a_bucket(object_storage, monkeypatch)
    with open_state(url).turn("test", "long", pytest.fail, pytest.fail):
        time.sleep(LEASE_SECONDS + 2)  # older than a lease that nobody renews
        waited: list[str] = []

        def give_up(holder: str) -> None:
            waited.append(holder)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), open_state(url).turn("test", "other", give_up, pytest.fail):
            pytest.fail("two have the turn")
    assert "long" in waited[0]


def test_a_storage_that_ignores_conditions_is_refused(object_storage: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    state = open_state(part_of_a_bucket(object_storage, monkeypatch))
    assert isinstance(state, BucketState)
    conditional = state.objects.put

    def unconditional(key: str, content: bytes, **_condition: str) -> str:
        return conditional(key, content)

    monkeypatch.setattr(state.objects, "put", unconditional)
    with pytest.raises(PlatformError, match="conditional writes"), state.turn("test", "deploy", pytest.fail, pytest.fail):
        pytest.fail("it has a turn that is none")


@pytest.mark.parametrize(
    "away",
    [
        "postgres://me:hidden-word@127.0.0.1:1/state?sslmode=disable",
        "s3://state?endpoint=http://127.0.0.1:1&region=ams3&s3ForcePathStyle=true",
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-word")
    with pytest.raises(PlatformError) as failed:
        open_state(away).read_documents("releases", "test")
    assert "127.0.0.1:1" in failed.value.what
    assert "hidden-word" not in str(failed.value)
