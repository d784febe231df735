"""kind's configuration follows from the estate and from what the machine can do."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
import yaml

from local.cluster.config import POD_SUBNET, SERVICE_SUBNET, Doors, Machine, kind_config, kubelet_patch
from local.cluster.node_image import IMAGE
from local.estate import Estate

DOORS = Doors("127.0.0.1", {80: 30080, 443: 30443})
USUAL = Machine(cgroup_v1=False, lacks_sys_resource=False)


def roles(config: dict[str, Any]) -> list[str]:
    return [node["role"] for node in config["nodes"]]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [(1, ["control-plane"]), (2, ["control-plane", "worker"]), (3, ["control-plane", "worker", "worker"])],
)
def test_the_first_node_is_the_control_plane_and_the_others_are_workers(nodes: int, expected: list[str]) -> None:
    assert roles(kind_config("scratch", nodes, USUAL, DOORS)) == expected


def test_every_node_starts_from_the_one_image() -> None:
    assert {node["image"] for node in kind_config("scratch", 3, USUAL, DOORS)["nodes"]} == {IMAGE}


def test_nodes_say_on_which_of_three_servers_they_are() -> None:
    zones = [node["labels"]["topology.kubernetes.io/zone"] for node in kind_config("scratch", 4, USUAL, DOORS)["nodes"]]
    assert zones == ["host-1", "host-2", "host-3", "host-1"]


def test_only_the_first_node_is_reached_from_this_machine_and_from_nowhere_else() -> None:
    nodes = kind_config("scratch", 2, USUAL, DOORS)["nodes"]
    mappings = [(m["listenAddress"], m["hostPort"], m["containerPort"]) for m in nodes[0]["extraPortMappings"]]
    assert mappings == [("127.0.0.1", 80, 30080), ("127.0.0.1", 443, 30443)]
    assert "extraPortMappings" not in nodes[1]


def test_the_cluster_bears_the_name_of_its_estate() -> None:
    assert kind_config("scratch", 1, USUAL, DOORS)["name"] == "scratch"


def test_kinds_own_network_stays_out_because_it_enforces_no_policies() -> None:
    assert kind_config("scratch", 1, USUAL, DOORS)["networking"]["disableDefaultCNI"] is True


def test_pods_services_and_the_estate_share_no_addresses() -> None:
    networks = [ipaddress.ip_network(POD_SUBNET), ipaddress.ip_network(SERVICE_SUBNET), Estate.load().subnet]
    overlaps = [(one, other) for number, one in enumerate(networks) for other in networks[number + 1 :] if one.overlaps(other)]
    assert overlaps == []


def test_the_configuration_survives_being_written_as_yaml() -> None:
    config = kind_config("scratch", 2, Machine(cgroup_v1=True, lacks_sys_resource=True), DOORS)
    assert yaml.safe_load(yaml.safe_dump(config, sort_keys=False)) == config


@pytest.mark.parametrize("cgroup_v1", [True, False])
@pytest.mark.parametrize("lacks_sys_resource", [True, False])
def test_kubelets_get_only_the_exceptions_that_this_machine_needs(cgroup_v1: bool, lacks_sys_resource: bool) -> None:
    patch = yaml.safe_load(kubelet_patch(Machine(cgroup_v1=cgroup_v1, lacks_sys_resource=lacks_sys_resource)))
    assert patch["kind"] == "KubeletConfiguration"
    assert ("failCgroupV1" in patch) == cgroup_v1
    assert ("KubeletInUserNamespace" in patch.get("featureGates", {})) == lacks_sys_resource
