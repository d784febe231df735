"""A lock is freed only when its owner is provably gone."""

from __future__ import annotations

import pytest

from ops.state.locks import Holder, Lock, judge, read_holders

HERE, ELSEWHERE = "laptop", "runner-x7k2p"


def lock(hostname: str = HERE, timestamp: str = "2026-11-23T09:00:05Z") -> Lock:
    return Lock.read("key", {"pid": 123, "username": "ada", "hostname": hostname, "timestamp": timestamp})


def holder(host: str, since: str = "2026-11-23T09:00:00+00:00") -> Holder:
    return Holder("ada", host, 99, since, "deploy test/1.0.0")


@pytest.mark.parametrize(
    ("found", "running", "earlier", "expected"),
    [
        pytest.param(lock(), True, [], "alive", id="a process of this host that runs"),
        pytest.param(lock(), False, [], "dead", id="a process of this host that is gone"),
        pytest.param(lock(), True, [holder(HERE)], "alive", id="the engine of a command that was killed still works"),
        pytest.param(lock(ELSEWHERE), False, [], "unknown", id="another host of which nothing is known"),
        pytest.param(lock(ELSEWHERE), False, [holder(ELSEWHERE)], "dead", id="taken in the turn before this one"),
        pytest.param(lock(ELSEWHERE), False, [holder(ELSEWHERE), holder("third")], "dead", id="the next holder died before it freed it"),
        pytest.param(lock(ELSEWHERE), False, [holder("third")], "unknown", id="the turn before was another host's"),
        pytest.param(lock(ELSEWHERE, "2026-11-23T08:59:59Z"), False, [holder(ELSEWHERE)], "unknown", id="taken before that turn began"),
    ],
)
def test_who_owns_a_lock_decides(found: Lock, running: bool, earlier: list[Holder], expected: str) -> None:
    assert judge(found, HERE, lambda _pid: running, earlier) == expected


def test_a_holder_survives_being_stored_and_half_of_one_is_none() -> None:
    assert Holder.read(holder(HERE).as_document()) == holder(HERE)
    assert Holder.read({"who": "ada"}) is None
    assert read_holders([holder(HERE).as_document(), {"who": "ada"}]) == [holder(HERE)]
    assert read_holders({"who": "ada"}) == []
