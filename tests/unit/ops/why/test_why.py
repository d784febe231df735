"""What `./hs why` prints, what it leaves with, and what it says of names that nobody has."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops import cli as ops_cli
from ops.errors import InputError, PlatformError
from ops.kubernetes import kubectl
from ops.why import gather as gathering
from ops.why.answers import SHOWS_BODIES, read
from ops.why.cli import add_commands
from ops.why.facts import Facts
from ops.why.gather import Question
from ops.why.report import about, age, paragraph
from settings.load import Settings
from tests.unit.conftest import SECRETS
from tests.unit.ops.why.test_roots import crash, database_away
from tests.unit.ops.why.world import NOW, World

BODY = b'{"checks":{"cache":"failing"},"status":"not ready"}\n'


@pytest.fixture
def why(monkeypatch: pytest.MonkeyPatch, local_settings: Path) -> Callable[..., tuple[int, str]]:
    """The command as a person types it; the facts are given."""
    for name, value in {**SECRETS, "HIGHSTREETLY_LOCAL_SETTINGS": str(local_settings)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ops_cli, "preparations", [])
    app = typer.Typer()
    add_commands(app)
    app.command()(ops_cli.status)  # with a second command, why is a word to be typed

    def type_it(facts: Facts, *words: str) -> tuple[int, str]:
        monkeypatch.setattr("ops.why.gather.gather", lambda _settings: facts)
        done = CliRunner().invoke(app, ["why", *words])
        if isinstance(done.exception, PlatformError):
            return done.exception.exit_code, str(done.exception)
        return done.exit_code, done.output

    return type_it


def test_a_healthy_environment_leaves_with_0(why: Callable[..., tuple[int, str]]) -> None:
    code, output = why(World().facts())
    assert code == 0
    assert "nothing is wrong" in output


def test_a_cause_leaves_with_1_and_prints_evidence_and_the_next_command(why: Callable[..., tuple[int, str]]) -> None:
    world = World()
    crash(world, "orders-api")
    code, output = why(world.facts())
    assert code == 1
    assert (
        "orders-api (pod orders-api-7c9d8f-0): ended with exit code 1, 3 times so far. Since 2026-07-01 11:57:00 UTC (3 minutes ago)."
        in output
    )
    assert "    log: panic: index out of range" in output
    assert "  next: ./hs logs orders-api --environment kind --lines 200" in output


def test_the_json_has_the_documented_shape(why: Callable[..., tuple[int, str]]) -> None:
    world = World()
    crash(world, "orders-api")
    code, output = why(world.facts(unknown=("releases: x",)), "--json")
    found = json.loads(output)
    assert code == 1
    assert (found["environment"], found["service"], found["healthy"], found["unknown"]) == ("kind", None, False, ["releases: x"])
    [cause] = found["causes"]
    assert set(cause) == {
        "kind", "subject", "cause", "since", "pod", "events", "log", "seen", "dependency", "affected", "release", "next",
    }  # fmt: skip
    assert (cause["kind"], cause["since"]) == ("crash", "2026-07-01T11:57:00+00:00")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("order-api",), "did you mean orders-api?"),
        (("orders-migrations",), "did you mean orders-migration?"),
        (("shop.highstreet.localhos",), "did you mean shop.highstreet.localhost?"),
        (("--environment", "kin"), "did you mean kind?"),
        (("--environment", "cluster"), "it holds what a cluster has once"),
        (("kind",), "./hs why --environment kind"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(why: Callable[..., tuple[int, str]], words: tuple[str, ...], said: str) -> None:
    code, output = why(World().facts(), *words)
    assert code == 2
    assert said in output


def test_a_service_is_told_what_touches_it_and_nothing_else(why: Callable[..., tuple[int, str]]) -> None:
    world = World()
    crash(world, "orders-api")
    crash(world, "shops-api")
    assert "shops-api" not in why(world.facts(), "orders-api")[1]
    assert why(world.facts(), "identity-api")[0] == 0


def test_what_a_service_depends_on_is_its_own_cause_too() -> None:
    world = World()
    database_away(world)
    assert len(about(world.causes(), world.facts(), "orders-api")) == 1
    assert about(world.causes(), world.facts(), "shop") == []


def test_a_receiver_is_told_of_its_queues() -> None:
    world = World()
    world.set_queue("orders.dead", ready=1)
    assert len(about(world.causes(), world.facts(), "orders-receiver")) == 1
    assert about(world.causes(), world.facts(), "shops-receiver") == []


def test_a_long_list_of_affected_is_cut() -> None:
    world = World()
    world.deployments.clear()
    assert "shop" in paragraph(world.cause(), NOW)


@pytest.mark.parametrize(("minutes", "words"), [(0.5, "30 s ago"), (1, "1 minute ago"), (90, "1 hour ago"), (3000, "2 days ago")])
def test_an_age_is_told_in_one_unit(minutes: float, words: str) -> None:
    from datetime import timedelta

    assert age(NOW, NOW - timedelta(minutes=minutes)) == words


def test_a_question_that_nobody_answers_is_left_out_and_named() -> None:
    never = threading.Event()
    question = Question("the moon", never.wait)
    unknown: list[str] = []
    assert question.answer(False, time.monotonic() + 0.05, unknown) is False
    assert unknown == ["the moon: no answer within 6 s"]
    never.set()


def test_a_question_that_fails_is_named_by_its_failure() -> None:
    def fail() -> int:
        raise InputError("State at nothing cannot be used.")

    unknown: list[str] = []
    assert Question("releases", fail).answer(0, time.monotonic() + 5, unknown) == 0
    assert unknown == ["releases: State at nothing cannot be used."]


def test_what_is_gathered_is_judged_as_given(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    crash(world, "orders-api")
    given = world.facts()
    monkeypatch.setattr(gathering, "get_objects", lambda _namespace: (list(given.items), ""))
    monkeypatch.setattr(gathering, "get_lines", lambda _namespace: dict(given.lines))
    monkeypatch.setattr(gathering, "_previous", lambda _namespace, pod, container: lambda: given.previous[pod, container])
    monkeypatch.setattr(gathering, "read_hosts", lambda _settings: [])
    monkeypatch.setattr(gathering, "ask_broker", lambda _settings: given.broker)
    monkeypatch.setattr(gathering, "get_releases", lambda _environment: [])
    found = gathering.gather(settings)
    assert found.environment == "kind"
    assert found.previous == given.previous
    assert found.machines["postgres"].port == 5432
    assert found.unknown == ()
    assert found.catalogue == settings.catalogue


def test_a_cluster_that_does_not_answer_keeps_nobody_waiting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_words: object, **_more: object) -> str:
        raise PlatformError("The cluster did not answer.", why="Unable to connect to the server")

    monkeypatch.setattr("ops.kubernetes.kubectl", away)
    monkeypatch.setattr(gathering, "kubectl", away)
    monkeypatch.setattr(gathering, "read_hosts", lambda _settings: [])
    monkeypatch.setattr(gathering, "ask_broker", lambda _settings: World().broker)
    monkeypatch.setattr(gathering, "get_releases", lambda _environment: [])
    found = gathering.gather(settings)
    assert found.cluster_trouble == "Unable to connect to the server"
    assert not found.has_workloads


class NotReady(BaseHTTPRequestHandler):
    """An API server whose pod answers 503."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        """Say nothing."""


def test_kubectl_itself_shows_the_body_of_an_answer_that_is_an_error() -> None:
    server = HTTPServer(("127.0.0.1", 0), NotReady)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        words = [
            "--kubeconfig",
            "/dev/null",
            "--server",
            f"http://127.0.0.1:{server.server_port}",
            SHOWS_BODIES,
            "get",
            "--raw",
            "/health/ready",
        ]
        output = kubectl(*words, check=False, timeout_seconds=20)
    finally:
        server.shutdown()
        server.server_close()
    assert read(output) == f"503 Service Unavailable: {BODY.decode().strip()}", output
