"""What a service writes arrives once, with its attributes and without personal data, whatever happens on the way. In this order."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.newrelic import container as newrelic
from settings.log_shipping import FAILED, LogShipping
from tests.e2e import collector
from tests.e2e.conftest import Person
from tests.e2e.outside import TIMEOUT_SECONDS, Outside
from tests.unit.settings.test_masks import HIDDEN_PERSONAL, HIDDEN_SECRETS, STAYS, by_collector

pytestmark = pytest.mark.usefixtures("second")
ARRIVES_SECONDS = 90
"""A line waits a second for others; when the endpoint was away, half a minute for the next attempt, give or take half of that."""
AWAY_SECONDS = 120
WHILE_AWAY = 25
SHOP = "shop.highstreet.localhost"
SHIPPER = ("--namespace", "log-shipper")
ROLLOUT_SECONDS = 60
SILENCE_SECONDS = 5
LOAD_SECONDS, LINES_A_SECOND = 30, 1_000
MEMORY_MIB_MAX = 100
"""Of the shipper's limit of 128 MiB: under it however much is written."""


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


def test_every_pattern_masks_and_every_rule_drops_in_the_real_collector(outside: Outside, tmp_path: Path) -> None:
    settings = LogShipping(region="eu", namespaces=("kind",), drop=("^GET /health", 'say "hi"', r"\bdebug\d+\b"), mask=("voucher-[0-9]+",))
    told = [*(line for line, _ in (*HIDDEN_SECRETS, *HIDDEN_PERSONAL)), *STAYS]
    dropped = ["GET /health/live", 'they say "hi" there', "at debug17 now"]
    own = [f"{FAILED}. Will retry the request after interval.", "Started watching file"]
    arrived = collector.shipped(outside.estate, settings, {"kind": [*told, *dropped, "debug", "voucher-123"], "log-shipper": own}, tmp_path)
    assert arrived == {"kind": [*map(by_collector, told), "debug", "****"], "log-shipper": own[:1]}


def test_an_endpoint_that_is_away_for_minutes_loses_nothing_while_the_shipper_starts_anew(person: Person, outside: Outside) -> None:
    with away(outside):
        began = time.monotonic()
        words = [visit(outside, f"away{number}") for number in range(WHILE_AWAY)]
        trouble(person, outside, "does not answer")
        person.kubectl("rollout", "restart", "daemonset/log-shipper", *SHIPPER)
        person.kubectl("rollout", "status", "daemonset/log-shipper", f"--timeout={ROLLOUT_SECONDS}s", *SHIPPER)
        words += [visit(outside, f"anew{number}") for number in range(WHILE_AWAY)]
        assert person.status()["healthy"] is True
        time.sleep(max(0.0, began + AWAY_SECONDS - time.monotonic()))
    lines_with(outside, words, once(words))
    time.sleep(2)
    assert len(lines_with(outside, words, once(words))) == len(words), "each of them once"


def test_a_thousand_lines_a_second_arrive_once_each_and_the_shipper_stays_small(outside: Outside) -> None:
    mark = f"load{uuid.uuid4().hex[:12]}"
    place = on_node(outside, "ls --directory --sort=time /var/log/pods/kind_orders-api-* | head --lines 1").strip() + "/load"
    line = f"$(date --utc +%Y-%m-%dT%H:%M:%S.%NZ) stdout F {mark}-$second-%.0f {'x' * 120}"
    write = f'for second in $(seq {LOAD_SECONDS}); do seq --format "{line}" {LINES_A_SECOND} >> {place}/0.log; sleep 1; done'
    expected = LOAD_SECONDS * LINES_A_SECOND
    try:
        on_node(outside, f"mkdir {place} && {write}")
        deadline = time.monotonic() + ARRIVES_SECONDS
        while sum((counts := load_lines(outside, mark)).values()) < expected and time.monotonic() < deadline:
            time.sleep(2)
    finally:
        on_node(outside, f"rm --recursive --force {place}")
    assert (len(counts), set(counts.values())) == (expected, {1})
    peaks = on_node(outside, "for one in /proc/[0-9]*; do grep --quiet ^otelcol $one/comm && grep VmHWM $one/status; done; true")
    assert [int(peak.split()[1]) < MEMORY_MIB_MAX * 1024 for peak in peaks.splitlines()] == [True], peaks


def on_node(outside: Outside, script: str) -> str:
    """What a script prints on the cluster's first node."""
    words = ["docker", "exec", f"{outside.estate.cluster}-control-plane", "bash", "-c", script]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=LOAD_SECONDS + ARRIVES_SECONDS).stdout


def load_lines(outside: Outside, mark: str) -> Counter[str]:
    """How often each line of a load arrived, by its number."""
    return Counter(line["body"].split()[0] for line in newrelic.arrived(outside.estate) if line["body"].startswith(f"{mark}-"))


def trouble(person: Person, outside: Outside, words: str) -> dict[str, Any]:
    """What `./hs status` says of the logs, once these words are in it."""
    deadline = time.monotonic() + ARRIVES_SECONDS
    while words not in str((told := person.status()["logs"]).get("trouble")):
        assert time.monotonic() < deadline, told
        visit(outside, "trouble")
    found: dict[str, Any] = told
    return found


def test_a_wrong_key_is_one_clear_message(person: Person, second: Person, outside: Outside) -> None:
    key = outside.estate.data_dir / newrelic.MACHINE / "settings" / "key"
    right = key.read_text()
    assert newrelic.send(outside.estate, right) == httpx.codes.OK
    key.write_text("another")
    try:
        told = trouble(person, outside, "refuses")
        assert "licence key" in told["trouble"]
        assert "new_relic_license_key" in told["remedy"]
        assert person.status()["healthy"] is True
        assert second.types("./hs", "status").count("New Relic refuses the licence key") == 1, "once below both environments"
        time.sleep(SILENCE_SECONDS)
        again = person.kubectl("logs", "daemonset/log-shipper", f"--since={SILENCE_SECONDS}s", *SHIPPER)
        assert FAILED in again, "a failure is said for as long as it lasts, also while nobody writes"
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
    lines = newrelic.arrived(outside.estate)
    assert {line["attributes"]["k8s.namespace.name"] for line in lines} - {"log-shipper"} == {"kind"}
    assert all(FAILED in line["body"] for line in lines if line["attributes"]["k8s.namespace.name"] == "log-shipper")
