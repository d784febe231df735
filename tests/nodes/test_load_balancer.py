"""The datacenter's edge on two nodes: MetalLB gives the ingress controller its address, and two replicas share the work."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.addons.charts import ensure_charts
from local.addons.images import ensure_addon_images, ensure_load_balancer_images
from local.cluster import cluster
from local.environment import variables
from local.estate import Estate
from local.toolchain import Toolchain
from settings.load import LOCAL_SETTINGS_VARIABLE
from tests.e2e.conftest import Person

STACK = "edge"
PLACE = 100
ANSWER_SECONDS = 30


@pytest.fixture(scope="module")
def edge(person: Person, estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The two-node cluster with the cluster half of a stack as the datacenter has it, deployed by the program itself."""
    toolchain = Toolchain()
    kubectl(estate, "taint", "nodes", f"{estate.cluster}-control-plane", "node-role.kubernetes.io/control-plane-")  # two nodes for two pods
    cluster.load_images(estate, [*ensure_addon_images(toolchain), *ensure_load_balancer_images(toolchain)])
    charts = ensure_charts(toolchain)
    addresses = f"{estate.subnet[PLACE]}-{estate.subnet[PLACE + 9]}"
    traefik = {"replicas": 2, "address": str(estate.subnet[PLACE]), "traefik": {"chart": str(charts["traefik"])}}
    metallb = {"addresses": [addresses], "metallb": {"chart": str(charts["metallb"]), "repository": None}}
    config = {"highstreetly:cluster": {"ingress_controller": traefik, "load_balancer": metallb}}
    path = person.write(f"Pulumi.{STACK}.yaml", yaml.safe_dump({"config": config}))
    state: Path = tmp_path_factory.mktemp("state")
    environment = os.environ | variables(estate, str(toolchain.pulumi_home()), toolchain.path())
    environment |= {"PULUMI_BACKEND_URL": f"file://{state}", "PATH": f"{person.checkout}/.venv/bin:{toolchain.path()}"}
    environment.pop(LOCAL_SETTINGS_VARIABLE)
    try:
        for words in (["stack", "init", STACK], ["up", "--stack", STACK, "--yes", "--skip-preview"]):
            done = subprocess.run(
                ["pulumi", *words, "--non-interactive"], cwd=person.checkout, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        yield estate
    finally:
        path.unlink()


def kubectl(estate: Estate, *words: str) -> str:
    """kubectl on the two-node cluster."""
    return subprocess.run(["kubectl", "--kubeconfig", str(estate.kubeconfig), *words], capture_output=True, text=True, check=True).stdout


def location(estate: Estate) -> str:
    """Where the ingress controller's own address sends a plain request."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            connection = http.client.HTTPConnection(str(estate.subnet[PLACE]), timeout=3)
            connection.request("GET", "/menu", headers={"Host": "shop.highstreet.ly"})
            return str(connection.getresponse().headers["Location"])
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_the_ingress_controller_has_the_address_that_the_firewall_knows(edge: Estate) -> None:
    service = json.loads(kubectl(edge, "--namespace", "traefik", "get", "service", "traefik", "--output", "json"))
    assert [entry["ip"] for entry in service["status"]["loadBalancer"]["ingress"]] == [str(edge.subnet[PLACE])]
    assert location(edge) == "https://shop.highstreet.ly/menu"


def test_its_replicas_are_on_different_nodes(edge: Estate) -> None:
    pods = json.loads(kubectl(edge, "--namespace", "traefik", "get", "pods", "--output", "json"))["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods) == 2


def test_it_answers_on_while_either_replica_is_away(edge: Estate) -> None:
    for pod in kubectl(edge, "--namespace", "traefik", "get", "pods", "--output", "name").split():
        kubectl(edge, "--namespace", "traefik", "delete", pod)
        assert location(edge) == "https://shop.highstreet.ly/menu"
        kubectl(edge, "--namespace", "traefik", "rollout", "status", "deployment/traefik", "--timeout=60s")
