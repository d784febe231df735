"""Network policies are enforced, on one node and between nodes: default deny cuts, and what a policy allows comes through."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.base_images.debian import TAG as IMAGE
from local.cluster import cluster
from local.estate import Estate

NAMESPACE = "policy-check"
PORT = 8080
API_PORT = 6443
SETTLE_SECONDS = 20
LISTEN = f"IO::Socket::INET->new(LocalPort => {PORT}, Listen => 9, ReuseAddr => 1)"
SERVE = f"perl -MIO::Socket::INET -e '$server = {LISTEN} or die; close($server->accept) while 1'"
DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


class Pods:
    """A server and a client, on different nodes where the cluster has more than one, and what they can reach."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate

    def kubectl(self, *words: str, manifest: list[dict[str, Any]] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl in the check's namespace."""
        command = ["kubectl", "--kubeconfig", str(self.estate.kubeconfig), "--namespace", NAMESPACE, *words]
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifest}) if manifest else None
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=240)
        assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done

    def allow(self, name: str, spec: dict[str, Any]) -> None:
        """Apply a policy."""
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}
        self.kubectl("apply", "--filename", "-", manifest=[policy])

    def address(self, name: str) -> str:
        """A pod's address."""
        return self.kubectl("get", "pod", name, "--output", "jsonpath={.status.podIP}").stdout

    def node_address(self) -> str:
        """The control plane's address on the estate's network: outside the cluster's pods, and with a port that answers."""
        query = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
        return self.kubectl("get", "nodes", "--selector", "node-role.kubernetes.io/control-plane", "--output", query).stdout

    def reaches(self, client: str, address: str, port: int) -> bool:
        """Whether a pod can open a connection."""
        connect = ["timeout", "2", "bash", "-c", f"</dev/tcp/{address}/{port}"]
        return self.kubectl("exec", client, "--", *connect, check=False).returncode == 0


def pod(name: str, command: str, node: str) -> dict[str, Any]:
    """A pod on a node."""
    container = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": ["bash", "-c", command]}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def becomes(wanted: bool, question: Callable[[], bool]) -> bool:
    """Whether the answer becomes the wanted one before policies must have taken effect."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while question() is not wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@pytest.fixture(scope="module")
def pods(estate: Estate) -> Iterator[Pods]:
    """The pods of the check, in a namespace of their own that goes with them."""
    cluster.load_images(estate, [IMAGE])
    check = Pods(estate)
    nodes = check.kubectl("get", "nodes", "--output", "jsonpath={.items[*].metadata.name}").stdout.split()
    remove = ("delete", "namespace", NAMESPACE, "--ignore-not-found")
    check.kubectl(*remove)
    check.kubectl("create", "namespace", NAMESPACE)
    try:
        idle = "exec sleep infinity"
        check.kubectl("apply", "--filename", "-", manifest=[
            pod("server", f"exec {SERVE}", nodes[0]), pod("client", idle, nodes[-1]), pod("stranger", idle, nodes[-1])
        ])  # fmt: skip
        check.kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=180s")
        yield check
    finally:
        check.kubectl(*remove, "--wait=false", check=False)


@pytest.fixture
def denied(pods: Pods) -> Iterator[Pods]:
    """Everything is denied, unless the test allows it."""
    pods.allow("deny-all", DENY_ALL)
    yield pods
    pods.kubectl("delete", "networkpolicy", "--all")


def test_without_a_policy_pods_reach_each_other_across_nodes_and_the_outside(pods: Pods) -> None:
    assert becomes(True, lambda: pods.reaches("client", pods.address("server"), PORT))
    assert pods.reaches("client", pods.node_address(), API_PORT)


def test_default_deny_cuts_pods_from_each_other_and_from_the_outside(denied: Pods) -> None:
    assert becomes(False, lambda: denied.reaches("client", denied.address("server"), PORT))
    assert becomes(False, lambda: denied.reaches("client", denied.node_address(), API_PORT))


def test_a_pod_selector_lets_in_the_pods_it_names_and_no_others(denied: Pods) -> None:
    ingress = [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": PORT}]}]
    denied.allow("server", {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": ingress})
    egress = [{"to": [{"podSelector": {"matchLabels": {"app": "server"}}}]}]
    denied.allow("to-server", {"podSelector": {}, "policyTypes": ["Egress"], "egress": egress})
    address = denied.address("server")
    assert becomes(True, lambda: denied.reaches("client", address, PORT))
    assert becomes(False, lambda: denied.reaches("stranger", address, PORT))


@pytest.mark.parametrize(("port", "open_"), [(API_PORT, True), (API_PORT + 1, False)], ids=["its port", "another port"])
def test_an_address_outside_the_cluster_is_reached_at_the_allowed_port_only(denied: Pods, port: int, open_: bool) -> None:
    outside = denied.node_address()
    egress = [{"to": [{"ipBlock": {"cidr": str(ipaddress.ip_network(outside))}}], "ports": [{"port": port}]}]
    assert becomes(False, lambda: denied.reaches("client", outside, API_PORT))
    denied.allow("outside", {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"], "egress": egress})
    if open_:
        assert becomes(True, lambda: denied.reaches("client", outside, API_PORT))
        assert not denied.reaches("stranger", outside, API_PORT)
    else:
        time.sleep(3)
        assert not denied.reaches("client", outside, API_PORT)
