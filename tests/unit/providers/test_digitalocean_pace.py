"""DigitalOcean's plugin: how often it asks, and the pauses the API asks for."""

from __future__ import annotations

import threading

from local.providers.digitalocean import failures, pace


def test_the_pause_the_api_asks_for_is_kept() -> None:
    assert failures.pause_asked({"retry-after": "7", "ratelimit-reset": "9999999999"}, now=0) == 7
    assert failures.pause_asked({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, now=40) == 60
    assert failures.pause_asked({"ratelimit-reset": "1012"}, now=1000) == 12
    assert failures.pause_asked({"ratelimit-reset": "9999"}, now=1000) == failures.LONGEST_PAUSE_SECONDS
    assert failures.pause_asked({"ratelimit-reset": "900"}, now=1000) == 0
    assert failures.pause_asked({"retry-after": "soon"}, now=0) is None
    assert failures.pause_asked({}, now=0) is None


def test_never_more_than_250_requests_in_any_minute() -> None:
    now, sent = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limit = pace.Pace(threading.Event(), clock=lambda: now[0], sleep=sleep)
    for _ in range(1000):
        limit.wait_for_turn()
        sent.append(now[0])
        now[0] += 0.01
    assert max(sum(start <= moment < start + 60 for moment in sent) for start in sent) <= 240
    assert sent[-1] < 4 * 61, "and not much fewer"


def test_requests_per_second_and_a_hold_are_kept() -> None:
    now, sent = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limit = pace.Pace(threading.Event(), 4, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        limit.wait_for_turn()
        sent.append(now[0])
    limit.hold(10)
    limit.wait_for_turn()
    assert [*sent, now[0]] == [0, 0.25, 0.5, 10.5]
