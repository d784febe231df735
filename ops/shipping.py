"""Whether the platform's logs reach New Relic: what the log shippers say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.errors import PlatformError
from ops.kubernetes import get_items, kubectl

NAMESPACE = SELECTED = "log-shipper"
LOOK_BACK = "90s"
"""While something is wrong a shipper says so at least twice a minute (components/log_shipper.py: it tries again after 30 s at most)."""
REFUSED = re.compile(r"HTTP Status Code 40[13]|Permanent error.*(401|403|Unauthorized|Forbidden)")
AWAY = re.compile(r"Exporting failed|rpc error|connection refused|no such host|deadline exceeded|i/o timeout|HTTP Status Code 5\d\d|429")


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
            f"--selector=app.kubernetes.io/name={SELECTED}",
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
    """(what is wrong, what to do) from a shipper's own last lines; a refused key before an endpoint that is away."""
    lines = list(lines)
    if any(REFUSED.search(line) for line in lines):
        return (
            "New Relic refuses the licence key: lines are lost until it is right",
            "pulumi config set --secret highstreetly:new_relic_license_key in the cluster's stack, then deploy it",
        )
    if any(AWAY.search(line) for line in lines):
        return "New Relic does not answer: lines wait on the nodes' disks", "nothing, unless it lasts: see-logs.md says how much waits"
    return "", ""


__all__ = ["Shipping", "judge", "read_shipping"]
