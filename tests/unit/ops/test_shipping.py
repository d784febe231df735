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


def test_silence_is_good() -> None:
    assert judge([]) == ("", "")
    assert judge(["2026-11-23T20:10:00.000Z\twarn\tsomething else"]) == ("", "")


@pytest.mark.parametrize(("shipping", "good"), [(Shipping(3, 3), True), (Shipping(3, 2), False), (Shipping(3, 3, "away"), False)])
def test_every_node_s_shipper_must_be_ready_and_content(shipping: Shipping, good: bool) -> None:
    assert shipping.good is good
