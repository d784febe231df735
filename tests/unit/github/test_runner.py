"""Runner pods: one waits, takes one run, and is replaced; no secret in an argument list."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from local.github import runner
from ops.errors import PlatformError
from tests.unit.github.conftest import GitHub, pod


@pytest.fixture
def pods(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of descriptions, with the fake kubectl on this process's PATH."""
    monkeypatch.setenv("PATH", f"{github.place.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PLACE", str(github.place))
    return github.repository / "runners"


def _has(github: GitHub, *found: tuple[str, str]) -> None:
    (github.place / "pods.json").write_text(json.dumps({"items": [pod(name, state) for name, state in found]}))


def test_a_run_takes_the_waiting_pod_and_leaves_a_fresh_one(github: GitHub) -> None:
    github.push_tags("live/1.0.0")
    github.finished()
    said = [line.split(" ", 2)[2] for line in github.wrote("kubectl").splitlines()]
    assert said[0].startswith("get pods --selector ly.highstreet.environment=live ")
    assert said[1] == "label pod warm ly.highstreet.runner=busy --overwrite"
    assert said[2].startswith("exec --stdin warm -- ")
    assert said[3] == "delete pod warm --wait=false"
    assert said[4].startswith("apply ")
    assert len(said) == 5
    assert json.loads(github.wrote("applied"))["metadata"]["name"].startswith("runner-live-")


def test_a_pod_that_an_earlier_run_left_at_work_is_removed_and_not_used(github: GitHub, pods: Path) -> None:
    _has(github, ("left", "busy"), ("warm", "idle"))
    assert runner.claim(pods, "live") == "warm"
    assert "delete pod left --wait" in github.wrote("kubectl")


def test_without_a_waiting_pod_a_new_one_is_waited_for(github: GitHub, pods: Path) -> None:
    _has(github)
    name = runner.claim(pods, "live")
    assert name.startswith("runner-live-")
    assert f"wait --for=condition=Ready pod/{name} " in github.wrote("kubectl")


def test_an_environment_without_a_runner_is_refused(pods: Path) -> None:
    with pytest.raises(PlatformError, match="No runner answers to highstreetly-dev"):
        runner.claim(pods, "dev")


def test_no_secret_is_in_an_argument_list_or_in_the_kept_description(github: GitHub, pods: Path) -> None:
    runner.ensure(pods, "live", {"PULUMI_CONFIG_PASSPHRASE": "hush"}, {"settings.yaml": "hush"})
    assert "hush" in github.wrote("applied")
    assert "hush" not in github.wrote("kubectl")
    assert "hush" not in (pods / "live.json").read_text()


def test_the_pod_is_restricted_and_uses_the_environment_s_deployer() -> None:
    spec = runner.pod("live")["spec"]
    assert spec["serviceAccountName"] == "deployer-live"
    assert spec["automountServiceAccountToken"]
    assert (spec["restartPolicy"], spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == ("Never", True, 1001)
    assert spec["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_the_runner_of_no_environment_has_no_rights() -> None:
    spec = runner.pod(runner.HOSTED)["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("default", False)
