"""Whether logs arrive, from what the shippers say of themselves."""

from __future__ import annotations

import pytest

from ops.shipping import Shipping, judge

WRONG_KEY = (
    "2026-11-23T20:10:00.000Z\terror\tinternal/queue_sender.go:50\tExporting failed. Dropping data.\t"
    '{"error": "not retryable error: Permanent error: rpc error: code = Unauthenticated desc = error exporting items, '
    'request to https://otlp.eu01.nr-data.net/v1/logs responded with HTTP Status Code 401"}'
)
AWAY = (
    "2026-11-23T20:10:00.000Z\tinfo\tinternal/retry_sender.go:133\tExporting failed. Will retry the request after interval.\t"
    '{"error": "failed to make an HTTP request: Post \\"https://172.30.0.16:4318/v1/logs\\": dial tcp: connect: connection refused"}'
)


def test_a_wrong_key_is_one_clear_message() -> None:
    trouble, remedy = judge([AWAY, WRONG_KEY])
    assert "refuses the licence key" in trouble
    assert "new_relic_license_key" in remedy
    assert "refuses" in judge([WRONG_KEY.replace("401", "403")])[0]


def test_an_endpoint_that_is_away_loses_nothing_and_is_said() -> None:
    assert "wait on the nodes' disks" in judge([AWAY])[0]


def test_what_is_refused_for_another_reason_is_lost_and_said() -> None:
    trouble, remedy = judge([AWAY, WRONG_KEY.replace("Unauthenticated", "InvalidArgument").replace("401", "400")])
    assert "refuses what is sent" in trouble
    assert "kubectl logs" in remedy


@pytest.mark.parametrize(
    "line",
    [
        'W1123 20:10:00 reflector.go:561] failed to list *v1.Pod: Get "https://10.96.0.1:443/api/v1/pods": dial tcp: connection refused',
        'E1123 20:10:00 reflector.go:158] "Unhandled Error" err="failed to watch *v1.Pod: rpc error: code = Unavailable, 429"',
        "E1123 20:10:00 reflector.go:158] failed to list *v1.Namespace: namespaces is forbidden: HTTP Status Code 403",
        "2026-11-23T20:10:00.000Z\twarn\tk8s_attributes\tcontext deadline exceeded: i/o timeout, no such host",
    ],
)
def test_what_it_says_of_the_cluster_is_nothing_about_new_relic(line: str) -> None:
    assert judge([line]) == ("", "")


def test_silence_is_good() -> None:
    assert judge([]) == ("", "")
    assert judge(["2026-11-23T20:10:00.000Z\twarn\tsomething else"]) == ("", "")


@pytest.mark.parametrize(("shipping", "good"), [(Shipping(3, 3), True), (Shipping(3, 2), False), (Shipping(3, 3, "away"), False)])
def test_every_node_s_shipper_must_be_ready_and_content(shipping: Shipping, good: bool) -> None:
    assert shipping.good is good
