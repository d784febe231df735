"""Whether the platform's logs reach New Relic: what the log shippers say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.errors import PlatformError
from ops.kubernetes import get_items, kubectl
from settings.log_shipping import FAILED

NAMESPACE = NAME = "log-shipper"
"""Of the shippers (components/log_shipper.py)."""
LOOK_BACK = "90s"
"""While something is wrong a shipper says so at least every 45 s: it tries again after half a minute, give or take half of that, and what
it says of a failure is itself a line to deliver (components/log_shipper.py). Silence is good news, also while nobody else writes."""
DROPPED = f"{FAILED}. Dropping data"
REFUSED = re.compile(r"HTTP Status Code 40[13]|code = (?:Unauthenticated|PermissionDenied)")


@dataclass(frozen=True)
class Shipping:
    """The log shippers of a cluster; ``trouble`` is what is wrong, empty where nothing is."""

    nodes: int
    ready: int
    trouble: str = ""
    remedy: str = ""

    @property
    def good(self) -> bool:
        """Whether every node's lines reach New Relic."""
        return self.ready == self.nodes and not self.trouble


def read_shipping() -> Shipping | None:
    """Ask the cluster; None where it ships no logs, or where whoever asks may not know."""
    try:
        daemons = get_items(NAMESPACE, "daemonsets.apps")
        said = kubectl(
            "logs",
            "--namespace",
            NAMESPACE,
            f"--selector=app.kubernetes.io/name={NAME}",
            f"--since={LOOK_BACK}",
            "--tail=200",
            check=False,
        )
    except PlatformError:
        return None
    if not daemons:
        return None
    status = daemons[0].get("status", {})
    trouble, remedy = judge(said.splitlines())
    return Shipping(status.get("desiredNumberScheduled", 0), status.get("numberReady", 0), trouble, remedy)


def judge(lines: Iterable[str]) -> tuple[str, str]:
    """(what is wrong, what to do) from a shipper's own last lines; a refused key before other losses, and those before an endpoint away."""
    failures = [line for line in lines if FAILED in line]
    dropped = [line for line in failures if DROPPED in line]
    if any(REFUSED.search(line) for line in dropped):
        return (
            "New Relic refuses the licence key: lines are lost until it is right",
            "pulumi config set --secret highstreetly:new_relic_license_key in the cluster's stack, then deploy it",
        )
    if dropped:
        return "New Relic refuses what is sent: those lines are lost", f"kubectl logs --namespace {NAMESPACE} daemonset/{NAME} says why"
    if failures:
        return "New Relic does not answer: lines wait on the nodes' disks", "nothing, unless it lasts: see-logs.md says how much waits"
    return "", ""


__all__ = ["Shipping", "judge", "read_shipping"]
