"""Shared state in a real PostgreSQL: turns, documents, and what the real engine writes."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from local.estate import CHECKOUT
from ops.errors import PlatformError
from ops.state import State, open_state
from tests.providers.private_servers import Backend

HOLD_UNTIL_KILLED = """
import sys, time
from ops.state import open_state
with open_state(sys.argv[1]).turn("test", "deploy test/1.0.0", print, print):
    print("has it", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def url(postgresql_server: Backend) -> Iterator[str]:
    """An empty database, as the engine and ./hs are told of it."""
    server, name = postgresql_server, f"state_{secrets.token_hex(4)}"
    with psycopg.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname="postgres",
        sslmode=server.sslmode, sslrootcert=str(server.ca), autocommit=True,
    ) as admin:  # fmt: skip
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        place = f"{server.user}:{quote(server.password)}@{server.host}:{server.port}/{name}"
        yield f"postgres://{place}?sslmode={server.sslmode}&sslrootcert={server.ca}"
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def state(url: str) -> State:
    """The state in that database."""
    return open_state(url)


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

        def kill(holder: str) -> None:
            waited.append(holder)
            first.kill()
            first.wait()

        with state.turn("test", "rollback", kill, lambda _line: None):
            assert f"process {first.pid}" in waited[0]
            assert "deploy test/1.0.0" in waited[0]


def test_two_that_start_at_once_have_the_turn_one_after_the_other(url: str) -> None:
    inside, most = [0], [0]

    def work(number: int) -> int:
        with open_state(url).turn("test", f"run {number}", lambda _holder: None, lambda _line: None):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1
        return number

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))
    assert most == [1]


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


def test_what_the_engine_writes_is_understood(state: State, url: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: highstreetly\nruntime: nodejs\n")
    engine = Engine(url, tmp_path)
    engine.run("stack", "init", "test")
    assert not state.has_pending_operations("test")
    assert state.checkpoint("test") == {}
    assert state.keys(".pulumi/stacks/highstreetly/") == [f".pulumi/stacks/highstreetly/test.json{ending}" for ending in ("", ".bak")]


def test_a_lock_of_the_engine_is_freed_once_its_process_is_gone(state: State, url: str) -> None:
    lock = json.dumps({"pid": 4_194_305, "username": "me", "hostname": os.uname().nodename, "timestamp": "2026-11-23T03:00:00Z"})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE pulumi_state (key text PRIMARY KEY, data json NOT NULL, updated_at timestamptz DEFAULT now())")
        key = f"{connection.info.dbname}/.pulumi/locks/organization/highstreetly/test/1.json"
        connection.execute("INSERT INTO pulumi_state (key, data) VALUES (%s, %s)", (key, lock))
    told: list[str] = []
    assert len(state.locks("test")) == 1
    with state.turn("test", "deploy", pytest.fail, told.append):
        assert state.locks("test") == []
    assert len(told) == 1


def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    away = open_state("postgres://me:hidden-word@127.0.0.1:1/state?sslmode=disable")
    with pytest.raises(PlatformError) as failed:
        away.read_documents("releases", "test")
    assert "127.0.0.1:1" in failed.value.what
    assert "hidden-word" not in str(failed.value)
    assert url


class Engine:
    """The real engine on that state."""

    def __init__(self, url: str, folder: Path) -> None:
        binary = os.environ.get("HS_TEST_PULUMI_BIN", "")
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{binary}:{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": url,
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def run(self, *words: str) -> None:
        """Run the engine's command line."""
        done = subprocess.run(["pulumi", *words, "--non-interactive"] if words[:2] == ("stack", "init") else ["pulumi", *words],
                              cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
