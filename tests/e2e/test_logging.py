"""What a service writes arrives once, with its attributes and without personal data, whatever happens on the way. In this order."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from local.newrelic import container as newrelic
from tests.e2e.conftest import Person
from tests.e2e.outside import TIMEOUT_SECONDS, Outside

ARRIVES_SECONDS = 60
"""A line waits a second for others; when the endpoint was away, half a minute for the next attempt."""
WHILE_AWAY = 25
SHOP = "shop.highstreet.localhost"


def visit(outside: Outside, word: str) -> str:
    """Ask orders-api for a path with a word that nobody else uses; the service writes a line with that path, once. Returns the word."""
    unique = f"{uuid.uuid4().hex[:12]}-{word}"
    assert outside.ask(SHOP, f"/api/orders/{unique}").status == httpx.codes.NOT_FOUND
    return unique


def lines_with(outside: Outside, words: list[str], told: Callable[[Counter[str]], bool]) -> list[dict[str, Any]]:
    """The lines of orders-api (the UI before it has them too) with any of these words, once there are as many as there should be."""
    deadline = time.monotonic() + ARRIVES_SECONDS
    while True:
        orders = [line for line in newrelic.arrived(outside.estate) if line["attributes"].get("service.name") == "orders-api"]
        found = [line for line in orders if any(word in line["body"] for word in words)]
        counts = Counter(word for line in found for word in words if word in line["body"])
        if told(counts):
            return found
        assert time.monotonic() < deadline, f"after {ARRIVES_SECONDS} s: {counts}"
        time.sleep(0.5)


def once(words: list[str]) -> Callable[[Counter[str]], bool]:
    """Whether every word has arrived."""
    return lambda counts: all(counts[word] for word in words)


@contextmanager
def away(outside: Outside) -> Iterator[None]:
    """The endpoint is gone until the block ends."""
    name = outside.estate.container(newrelic.MACHINE)
    subprocess.run(["docker", "stop", name], check=True, capture_output=True, timeout=TIMEOUT_SECONDS * 3)
    try:
        yield
    finally:
        subprocess.run(["docker", "start", name], check=True, capture_output=True, timeout=TIMEOUT_SECONDS * 3)
        newrelic.wait_until_healthy(outside.estate)


def test_a_line_arrives_once_and_says_where_it_comes_from(outside: Outside) -> None:
    word = visit(outside, "seen")
    [line] = lines_with(outside, [word], once([word]))
    attributes = line["attributes"]
    assert line["severity"] == "INFO"
    assert attributes["deployment.environment.name"] == attributes["k8s.namespace.name"] == "kind"
    assert (attributes["service.name"], attributes["highstreet.context"]) == ("orders-api", "orders")
    assert attributes["k8s.pod.name"].startswith("orders-api-")
    assert attributes["service.version"]


def test_personal_data_is_masked_before_it_leaves(outside: Outside) -> None:
    word = visit(outside, "to/grace.hopper@example.org")
    beginning = word.partition("/")[0]
    [line] = lines_with(outside, [beginning], once([beginning]))
    assert "example.org" not in line["body"]
    assert "****" in line["body"]


def test_an_endpoint_that_is_away_loses_nothing_and_disturbs_no_service(person: Person, outside: Outside) -> None:
    with away(outside):
        words = [visit(outside, f"away{number}") for number in range(WHILE_AWAY)]
        assert person.status()["healthy"] is True
    lines_with(outside, words, once(words))
    time.sleep(2)
    assert len(lines_with(outside, words, once(words))) == WHILE_AWAY, "each of them once"


def test_a_wrong_key_is_one_clear_message(person: Person, outside: Outside) -> None:
    key = outside.estate.data_dir / newrelic.MACHINE / "settings" / "key"
    right = key.read_text()
    assert newrelic.send(outside.estate, right) == httpx.codes.OK
    key.write_text("another")
    try:
        told: dict[str, Any] = {}
        deadline = time.monotonic() + ARRIVES_SECONDS
        while "refuses" not in str(told.get("trouble")):
            assert time.monotonic() < deadline, told
            visit(outside, "refused")
            told = person.status()["logs"]
        assert "licence key" in told["trouble"]
        assert "new_relic_license_key" in told["remedy"]
        assert person.status()["healthy"] is True
    finally:
        key.write_text(right)
    word = visit(outside, "right-again")
    lines_with(outside, [word], once([word]))


def test_what_alerts_are_raised_on_is_reported(person: Person, outside: Outside) -> None:
    person.types("./hs", "report", "kind")
    found = {
        (line["attributes"]["platform.fact"], line["attributes"]["platform.subject"]): float(line["attributes"]["platform.value"])
        for line in newrelic.arrived(outside.estate)
        if line["attributes"].get("service.name") == "platform-report"
    }
    assert found["healthy", "kind"] == 1
    assert found["dead_letters", "payments"] == 0
    assert found["certificate_days_left", SHOP] > 1
    assert 0 < found["connections_used_percent", "kind_orders"] < 100


def test_nobody_else_s_lines_are_shipped(outside: Outside) -> None:
    assert {line["attributes"]["k8s.namespace.name"] for line in newrelic.arrived(outside.estate)} == {"kind"}
