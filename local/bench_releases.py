"""How long a release of one service and a rollback take: from the command to verified, and from a pushed tag to verified."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from local.bench_certificates import kubectl
from local.estate import Estate
from local.github import checkout, repository, runner, runs
from local.registry.push import push
from local.trial import Trial, commit_all
from ops.errors import PlatformError
from ops.process import run

SERVICE, IMAGE = "orders-api", "highstreetly/orders-api:2.0.0"
ENVIRONMENT = "highstreetly:environment"
RUN_SECONDS = 900
STEP = re.compile(r"✓ (?P<title>.+) (?P<seconds>\d+\.\d) s$")
PREFIX = re.compile(r"^ *[\d.]+ (\[[^\]]*\] +\| ?)?")
"""What the log has before a line of the deploy's: the seconds since the push, and act's name of the job."""


@dataclass(frozen=True, kw_only=True)
class Releases:
    """Seconds of a deploy with one service's new image and of the rollback from it, each from the command to verified."""

    deployed: float
    returned: float
    pod_start: float
    """What the rollback's pod took of them until it was ready."""


@dataclass(frozen=True, kw_only=True)
class Pushes:
    """Seconds after the push of a tag."""

    warm_step: float
    """Until the workflow's first step, with a runner that waits."""
    cold_step: float
    """The same without one."""
    converged: float
    """Until one service's new image was verified and recorded, on a warm runner."""
    steps: list[tuple[str, float]]
    """Where that time went: the deploy's steps."""


def release_and_return(trial: Trial, estate: Estate) -> Releases:
    """Deploy one service's new image to `kind` by command and roll back; the environment is as before afterwards.

    Raises PlatformError when a measured command fails.
    """
    _seconds(trial, "deploy", "kind")
    path = estate.checkout / "Pulumi.kind.yaml"
    before = path.read_text()
    _run_image(estate, path)
    commit_all(estate.checkout)
    deployed = _seconds(trial, "deploy", "kind")
    returned = _seconds(trial, "rollback", "kind", "--yes")
    path.write_text(before)
    return Releases(deployed=deployed, returned=returned, pod_start=_pod_start_seconds(estate, "kind"))


def push_tags(trial: Trial, estate: Estate) -> Pushes:
    """Push tags to GitHub's place (`./hs github`), and look into the runs' records.

    Raises PlatformError when a run fails.
    """
    _seconds(trial, "github")
    clone = checkout.path_of(estate)
    _push(estate, clone, f"{checkout.STACK}/1.0.0")  # makes the environment
    _run_image(estate, clone / f"Pulumi.{checkout.STACK}.yaml")
    commit_all(clone)
    warm = _push(estate, clone, f"{checkout.STACK}/1.1.0")
    kubectl(estate, "delete", "pods", "--namespace", runner.NAMESPACE, "--selector", runner.waiting(checkout.STACK), "--wait")
    cold = _push(estate, clone, f"{checkout.STACK}/1.1.1")
    log = (runs.folder_of(repository.path_of(estate), warm.number) / runs.LOG).read_text()
    return Pushes(
        warm_step=(warm.first_step or 0) - warm.pushed,
        cold_step=(cold.first_step or 0) - cold.pushed,
        converged=(warm.ended or 0) - warm.pushed,
        steps=steps_of(log.splitlines()),
    )


def steps_of(log: Iterable[str]) -> list[tuple[str, float]]:
    """The steps that a run's log shows as done, each with its seconds; one that was too long for a line goes on in the next."""
    found: list[tuple[str, float]] = []
    begun = ""
    for line in log:
        words = PREFIX.sub("", line).strip()
        begun = words if words.startswith("✓ ") else begun and f"{begun} {words}"
        if done := STEP.match(begun):
            found.append((done["title"], float(done["seconds"])))
            begun = ""
    return found


def _run_image(estate: Estate, stack_file: Path) -> None:
    """Have the stack file say that the service runs a new image, which is the reference one under another name."""
    content = yaml.safe_load(stack_file.read_text())
    content["config"][ENVIRONMENT].setdefault("services", {})[SERVICE] = {"image": IMAGE}
    push(estate, yaml.safe_load(estate.local_settings.read_text())["environment"]["images"]["service"], IMAGE)
    stack_file.write_text(yaml.safe_dump(content, sort_keys=False))


def _push(estate: Estate, clone: Path, tag: str) -> runs.Run:
    """Push the newest commit under a tag and wait for its run."""
    run(["git", "-C", clone, "tag", tag])
    run(["git", "-C", clone, "push", "--quiet", "origin", tag])
    found = repository.wait(estate, RUN_SECONDS)[-1]
    if found.exit_code != 0:
        log = runs.folder_of(repository.path_of(estate), found.number) / runs.LOG
        raise PlatformError(f"The run of {tag} failed.", why=found.problem or log.read_text()[-2000:], remedy="./hs github shows the same")
    return found


def _pod_start_seconds(estate: Estate, namespace: str) -> float:
    """How long the service's newest pod took from its creation until it was ready, in whole seconds, as Kubernetes writes them down."""
    label = f"app.kubernetes.io/name={SERVICE}"
    pods = json.loads(kubectl(estate, "get", "pods", "--namespace", namespace, "--selector", label, "--output", "json"))["items"]
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    (ready,) = [found["lastTransitionTime"] for found in newest["status"]["conditions"] if found["type"] == "Ready"]
    return (datetime.fromisoformat(ready) - datetime.fromisoformat(newest["metadata"]["creationTimestamp"])).total_seconds()


def _seconds(trial: Trial, *words: str) -> float:
    started = time.monotonic()
    if trial.hs(*words):
        raise PlatformError(f"./hs {' '.join(words)} failed.", why="Its output is above.", remedy="./hs up shows the same")
    return time.monotonic() - started


__all__ = ["Pushes", "Releases", "push_tags", "release_and_return", "steps_of"]
