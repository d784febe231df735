"""A rollout is over when the cluster says so of the content that was asked for, not of what ran before."""

from __future__ import annotations

from typing import Any

import pytest

from ops import rollouts
from ops.errors import PlatformError
from ops.rollouts import progress_of, wait_for_rollouts

BEGUN = {"reason": "ReplicaSetUpdated", "status": "True"}
OVER = {"reason": "NewReplicaSetAvailable", "status": "True"}
GIVEN_UP = {"reason": "ProgressDeadlineExceeded", "status": "False"}


def deployment(
    progressing: dict[str, str] | None = None, *, name: str = "orders-api", generation: int = 2, **status: Any
) -> dict[str, Any]:
    """A Deployment of two pods that is rolled out, except for what is given."""
    conditions = [{"type": "Available", "status": "True"}, {"type": "Progressing", **(OVER if progressing is None else progressing)}]
    return {
        "metadata": {"name": name, "generation": generation},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "conditions": conditions} | status,
    }


@pytest.mark.parametrize(
    ("given", "progress"),
    [
        (deployment(), "done"),
        (deployment(availableReplicas=0), "done"),
        (deployment(generation=3), "under way"),
        (deployment(updatedReplicas=0), "under way"),
        (deployment(replicas=3, updatedReplicas=2), "under way"),
        (deployment(BEGUN), "under way"),
        (deployment(BEGUN, replicas=3, updatedReplicas=1), "under way"),
        (deployment({"reason": "DeploymentPaused", "status": "Unknown"}), "under way"),
        (deployment(conditions=[]), "under way"),
        (deployment(GIVEN_UP, replicas=3, updatedReplicas=1), "failed"),
        (deployment(GIVEN_UP, generation=3), "under way"),
        ({"metadata": {"name": "new", "generation": 1}, "spec": {}}, "under way"),
    ],
    ids=[
        "rolled out", "rolled out and ill since", "not yet seen by the controller", "seen, with the condition of before", "old pods left",
        "condition behind", "first pod", "paused", "no condition", "given up", "the one before was given up", "just made",
    ],
)  # fmt: skip
def test_how_far_a_rollout_is(given: dict[str, Any], progress: str) -> None:
    assert progress_of(given) == progress


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, Any]]]:
    """What the cluster answers, look by look; the last answer stays."""
    answers: list[list[dict[str, Any]]] = []
    monkeypatch.setattr(rollouts, "time", Clock())
    monkeypatch.setattr(rollouts, "get_items", lambda *_words: answers.pop(0) if len(answers) > 1 else answers[0])
    return answers


def wait(*names: str) -> tuple[list[str], list[str]]:
    """Wait; returns what did not get ready, and what was said meanwhile."""
    notes: list[str] = []
    return wait_for_rollouts("kind", names or ("orders-api",), notes.append, lambda: None), notes


def test_what_is_done_is_waited_for_with_one_look(looks: list[list[dict[str, Any]]]) -> None:
    looks.append([deployment(), deployment(BEGUN, name="somebody-s")])
    assert wait() == ([], [])


def test_a_rollout_that_the_controller_has_not_seen_yet_is_waited_for(looks: list[list[dict[str, Any]]]) -> None:
    looks += [[deployment(generation=3)], [deployment(BEGUN)], [deployment()]]
    assert wait() == ([], ["waiting for the new pods of orders-api"] * 2)


def test_one_that_the_cluster_gives_up_is_named_once_no_other_is_under_way(looks: list[list[dict[str, Any]]]) -> None:
    ill = deployment(GIVEN_UP, name="shops-api")
    looks += [[ill, deployment(BEGUN)]] * 9 + [[ill, deployment()]]
    stuck, notes = wait("orders-api", "shops-api")
    assert stuck == ["shops-api"]
    assert len(notes) == 9


def test_the_failure_of_the_one_before_is_not_taken_for_this_one_s(looks: list[list[dict[str, Any]]]) -> None:
    looks += [[deployment(GIVEN_UP)], [deployment(BEGUN)], [deployment()]]
    assert wait()[0] == []


def test_a_controller_that_does_nothing_is_not_waited_for_without_end(looks: list[list[dict[str, Any]]]) -> None:
    looks.append([deployment(generation=3)])
    assert wait()[0] == ["orders-api"]


def test_what_ends_the_waiting_is_raised(looks: list[list[dict[str, Any]]]) -> None:
    def give_way() -> None:
        raise PlatformError("stopped")

    looks.append([deployment(BEGUN)])
    with pytest.raises(PlatformError, match="stopped"):
        wait_for_rollouts("kind", ["orders-api"], lambda _note: None, give_way)
