"""How long a release of one service and a rollback take, from the command to verified."""

from __future__ import annotations

import time

import yaml

from local.estate import Estate
from local.registry.push import push
from local.trial import Trial, commit_all
from ops.errors import PlatformError

SERVICE, IMAGE = "orders-api", "highstreetly/orders-api:2.0.0"
STACK_FILE = "Pulumi.kind.yaml"


def release_and_return(trial: Trial, estate: Estate) -> tuple[float, float]:
    """Seconds of a deploy with one service's new image, and of the rollback from it; the environment is as before afterwards.

    Raises PlatformError when a measured command fails.
    """
    _seconds(trial, "deploy", "kind")
    path = estate.checkout / STACK_FILE
    before = path.read_text()
    content = yaml.safe_load(before)
    content["config"]["highstreetly:environment"].setdefault("services", {})[SERVICE] = {"image": IMAGE}
    reference = yaml.safe_load(estate.local_settings.read_text())["environment"]["images"]["service"]
    push(estate, reference, IMAGE)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    commit_all(estate.checkout)
    deployed = _seconds(trial, "deploy", "kind")
    returned = _seconds(trial, "rollback", "kind", "--yes")
    path.write_text(before)
    return deployed, returned


def _seconds(trial: Trial, *words: str) -> float:
    started = time.monotonic()
    if trial.hs(*words):
        raise PlatformError(f"./hs {' '.join(words)} failed.", why="Its output is above.", remedy="./hs up shows the same")
    return time.monotonic() - started


__all__ = ["release_and_return"]
