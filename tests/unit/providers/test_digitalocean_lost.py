"""DigitalOcean's plugin: a record that was made is never lost, whatever befalls the looks after it."""

from __future__ import annotations

import httpx
import pytest

from local.providers.errors import BackendError
from tests.unit.providers.test_digitalocean import Cloud, Fault, done_but_unanswered, make, status


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.mark.parametrize("taken_over", [True, False], ids=["taken over", "made by the repeated POST"])
def test_a_failing_look_for_late_ones_does_not_lose_the_record(cloud: Cloud, taken_over: bool) -> None:
    lost: list[Fault | None] = [done_but_unanswered(cloud), None] if taken_over else [status(500), None, None, None]
    cloud.faults = [None, *lost, *[status(500)] * 5]
    assert make(cloud)[0] == "101"
    assert list(cloud.records) == [101]


def refused() -> httpx.Response:
    return httpx.Response(422, json={"id": "unprocessable_entity", "message": "CNAME records cannot share a name"})


def test_a_late_cname_that_makes_the_repeated_post_be_refused_is_taken_over(cloud: Cloud) -> None:
    late: list[httpx.Request] = []

    def lost(request: httpx.Request) -> httpx.Response:
        late.append(request)
        return httpx.Response(504)

    def late_and_refused(_: httpx.Request) -> httpx.Response:
        cloud.serve(late[0])
        return refused()

    cloud.faults = [None, lost, None, None, late_and_refused]
    assert make(cloud, type="CNAME", value="elsewhere.example.net.")[0] == "101"
    assert (list(cloud.records), cloud.posts()) == ([101], 2)


def test_a_refusal_without_a_lost_request_takes_nothing_over(cloud: Cloud) -> None:
    def somebody_was_faster(request: httpx.Request) -> httpx.Response:
        cloud.serve(request)
        return refused()

    cloud.faults = [None, somebody_was_faster]
    with pytest.raises(BackendError, match=r"\(422\)"):
        make(cloud, type="CNAME", value="elsewhere.example.net.")
