"""kind's configuration of the cluster, derived from the estate and from what this machine can do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cluster.node_image import IMAGE

POD_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"
ZONE = "topology.kubernetes.io/zone"
"""Which server a node is on. Without the label on every node the scheduler spreads no pods at all, over nodes neither."""
HOSTS = 3
"""As many as the datacenter has servers."""


@dataclass(frozen=True)
class Machine:
    """What of this machine matters to kubelets in containers."""

    cgroup_v1: bool
    lacks_sys_resource: bool


@dataclass(frozen=True)
class Doors:
    """The ports of this machine that lead to the ingress controller's on the first node."""

    address: str
    ports: Mapping[int, int]
    """The node's port by this machine's."""


def kind_config(name: str, nodes: int, machine: Machine, doors: Doors) -> dict[str, Any]:
    """The cluster: one control plane and ``nodes`` - 1 workers, Calico instead of kind's own network, kube-proxy as in production."""
    roles = ["control-plane", *["worker"] * (nodes - 1)]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        "networking": {
            "disableDefaultCNI": True,
            "kubeProxyMode": "nftables",
            "podSubnet": POD_SUBNET,
            "serviceSubnet": SERVICE_SUBNET,
        },
        "nodes": [
            {"role": role, "image": IMAGE, "labels": {ZONE: f"host-{number % HOSTS + 1}"}}
            | ({"extraPortMappings": port_mappings(doors)} if number == 0 else {})
            for number, role in enumerate(roles)
        ],
        "kubeadmConfigPatches": [kubelet_patch(machine)],
    }


def port_mappings(doors: Doors) -> list[dict[str, Any]]:
    """kind's words for the doors (https://kind.sigs.k8s.io/docs/user/configuration/#extra-port-mappings)."""
    return [
        {"listenAddress": doors.address, "hostPort": port, "containerPort": node_port, "protocol": "TCP"}
        for port, node_port in doors.ports.items()
    ]


def kubelet_patch(machine: Machine) -> str:
    """The kubelets' settings that this machine needs (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/)."""
    lines = ["apiVersion: kubelet.config.k8s.io/v1beta1", "kind: KubeletConfiguration", "maxPods: 200"]
    if machine.cgroup_v1:
        lines.append("failCgroupV1: false")
    if machine.lacks_sys_resource:
        # Without the capability the kubelet may not set kernel limits; with this gate it goes on.
        lines += ["featureGates:", "  KubeletInUserNamespace: true"]
    return "\n".join(lines) + "\n"
