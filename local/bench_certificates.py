"""How long certificates take, from a name's Ingress to its certificate."""

from __future__ import annotations

import json
import time
from typing import Any

from local.estate import Estate
from ops.errors import PlatformError
from ops.process import run

ONE_BY_ONE = 20
AT_ONCE = 12
GIVE_UP_SECONDS = 180
NAMESPACE = "certificate-bench"


def one_by_one(estate: Estate) -> list[float]:
    """The seconds of twenty certificates, each asked for when the one before had come, sorted."""
    return sorted(seconds for number in range(ONE_BY_ONE) for seconds in issue_seconds(estate, [f"one-{number}.highstreet.localhost"]))


def at_once(estate: Estate) -> list[float]:
    """The seconds of twelve certificates asked for at the same moment, sorted."""
    return issue_seconds(estate, [f"twelve-{number}.highstreet.localhost" for number in range(AT_ONCE)])


def issue_seconds(estate: Estate, hosts: list[str]) -> list[float]:
    """The seconds from an Ingress to its certificate for each host, sorted; leaves nothing behind.

    Raises PlatformError when one does not come.
    """
    kubectl(estate, "create", "namespace", NAMESPACE)
    try:
        items = [_ingress(host) for host in hosts]
        kubectl(estate, "create", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        return _wait(estate, len(hosts))
    finally:
        kubectl(estate, "delete", "namespace", NAMESPACE)


def _ingress(host: str) -> dict[str, Any]:
    name = host.replace(".", "-")
    backend = {"service": {"name": "nobody", "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"}},
        "spec": {
            "ingressClassName": "traefik",
            "tls": [{"hosts": [host], "secretName": f"{name}-tls"}],
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }


def _wait(estate: Estate, wanted: int) -> list[float]:
    started, ready = time.monotonic(), dict[str, float]()
    while len(ready) < wanted:
        elapsed = time.monotonic() - started
        if elapsed > GIVE_UP_SECONDS:
            raise PlatformError(
                f"{wanted - len(ready)} of {wanted} certificates did not come in {GIVE_UP_SECONDS} s.",
                remedy="kubectl describe challenges --all-namespaces",
            )
        for certificate in json.loads(kubectl(estate, "get", "certificates", "--namespace", NAMESPACE, "--output", "json"))["items"]:
            conditions = certificate.get("status", {}).get("conditions", [])
            if any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions):
                ready.setdefault(certificate["metadata"]["name"], elapsed)
        time.sleep(0.25)
    return sorted(ready.values())


def percentile_95(values: list[float]) -> float:
    """The value that at least 95 in a hundred of the sorted ``values`` do not exceed."""
    return values[-(-95 * len(values) // 100) - 1]


def kubectl(estate: Estate, *words: str, input: str | None = None) -> str:  # noqa: A002 - the word that subprocess.run uses
    """kubectl on the estate's cluster; returns what it said."""
    command = ["kubectl", "--kubeconfig", str(estate.kubeconfig), *words]
    return run(command, input=input, what="The cluster did not take a command.", remedy="./hs doctor").stdout
