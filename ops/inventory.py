"""Ansible's inventory of a datacenter, from the outputs of the stack that made its machines (esxi/): no address is written twice.

The form is that of a dynamic inventory (https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html); the groups of the
cluster are kubespray's (https://github.com/kubernetes-sigs/kubespray/blob/v2.31.0/docs/ansible/inventory.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ops import console
from ops.errors import InputError, PlatformError
from settings.datacenter.load import DATACENTER, FOLDER, ROOT

GROUPS = {"control_plane": "kube_control_plane", "worker": "kube_node", "postgres": "databases", "rabbitmq": "brokers"}
"""Which group, and so which roles, the machines of a role are in. Control planes first: kubespray looks at the cluster's settings on the
first of all hosts (its roles/validate_inventory, run_once), and a data machine has none of them, so that any would pass."""
CLUSTER_GROUPS = ("kube_control_plane", "kube_node")
DEPLOY_USER = "deploy"
"""The account that a machine has from its first start on (esxi/cloud_init.py)."""
FIREWALL = "sonicwall"
"""The firewall's name in the inventory; it is no machine of the stack."""
ZONE = "topology.kubernetes.io/zone"
"""The label by which the cluster spreads pods (https://kubernetes.io/docs/reference/labels-annotations-taints/): here one ESXi host."""
FIRST_CONTACT = "-o StrictHostKeyChecking=accept-new"
"""A machine's key is believed at the first connection, and another one under its address never."""
NEEDED = ("machines", "network", "access")
BACKEND_VARIABLE, PASSPHRASE_VARIABLE = "HS_ESXI_BACKEND_URL", "HS_ESXI_PASSPHRASE"
"""Name the state of the datacenter's machines: it lies outside them, and that of all other stacks in the PostgreSQL on one of them."""
STATE_REMEDY = f"set {BACKEND_VARIABLE} and {PASSPHRASE_VARIABLE} (docs/runbooks/build-datacenter.md, step 3)"


def inventory(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The groups with their hosts and variables, as Ansible wants `--list` answered.

    There are only groups that have hosts. Raises PlatformError for outputs that are not those of the datacenter's program.
    """
    machines = _machines(outputs)
    members: dict[str, list[str]] = {group: [] for group in GROUPS.values()}
    for name, machine in machines.items():
        members[GROUPS[machine["role"]]].append(name)
    hostvars = {name: _host(name, machine) for name, machine in machines.items()}
    groups = {
        group: {"hosts": hosts} | ({"vars": variables} if (variables := _data_variables(group, outputs)) else {})
        for group, hosts in members.items()
        if hosts
    }
    if "kube_control_plane" in groups:
        groups["etcd"] = {"children": ["kube_control_plane"]}
    if cluster := [group for group in CLUSTER_GROUPS if group in groups]:
        groups["k8s_cluster"] = {"children": cluster, "vars": _cluster_variables(outputs)}
    if firewall := outputs.get("firewall"):
        groups["firewall"] = {"hosts": [FIREWALL]}
        hostvars[FIREWALL] = _firewall(firewall, outputs["network"]["subnet"])
    everywhere = {"children": list(groups), "vars": _common_variables(outputs)}
    return {"_meta": {"hostvars": hostvars}, "all": everywhere, **groups}


def ssh_config(outputs: Mapping[str, Any]) -> str:
    """An OpenSSH configuration with which `ssh -F FILE worker3` just works; keys are the user's own."""
    hosts = "".join(f"Host {name}\n    HostName {machine['address']}\n\n" for name, machine in _machines(outputs).items())
    return hosts + f"Host *\n    User {DEPLOY_USER}\n    StrictHostKeyChecking accept-new\n    ConnectTimeout 10\n    BatchMode yes\n"


def state_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the engine needs to open the state of the datacenter's machines, where it is not that of the other stacks.

    Raises InputError where it would be looked for on one of the machines.
    """
    if not environ.get(BACKEND_VARIABLE) and environ.get("PULUMI_BACKEND_URL", "").startswith("postgres://"):
        why = "PULUMI_BACKEND_URL leads to the PostgreSQL on one of them, and theirs lies outside."
        raise InputError("The state of the datacenter's machines is not named.", why=why, remedy=STATE_REMEDY)
    names = {"PULUMI_BACKEND_URL": BACKEND_VARIABLE, "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE_VARIABLE}
    return {name: environ[given] for name, given in names.items() if environ.get(given)}


def read_outputs(stack: str, root: Path = ROOT) -> dict[str, Any]:
    """The outputs of a stack of esxi/, from the state that $HS_ESXI_BACKEND_URL names, else $PULUMI_BACKEND_URL.

    Raises InputError when there is no such stack file, and PlatformError when its state cannot be opened or it was never deployed.
    """
    known = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (root / FOLDER).glob("Pulumi.*.yaml"))
    if stack not in known:
        raise InputError(f"There is no datacenter {stack!r}.", why=f"{FOLDER}/ has: {', '.join(known)}", remedy="./hs inventory datacenter")
    from pulumi import automation  # half a second that ./hs --help need not pay

    from ops.engine import BoundEngine

    environment = {"PATH": f"{root / '.venv' / 'bin'}:{os.environ['PATH']}", **(state_variables() if stack == DATACENTER else {})}
    options = automation.LocalWorkspaceOptions(env_vars=environment, pulumi_command=BoundEngine())
    with console.step(f"Reading the machines of {stack}"):
        try:
            selected = automation.select_stack(stack_name=stack, work_dir=str(root / FOLDER), opts=options)
            outputs = {name: output.value for name, output in selected.outputs().items()}
        except automation.CommandError as failed:
            why = "\n".join(re.findall(r"error: .*", str(failed))) or str(failed)[-2000:]
            remedy = f"{STATE_REMEDY}, and see: pulumi stack --cwd {FOLDER} --stack {stack}" if stack == DATACENTER else "./hs up"
            raise PlatformError(f"The state of {stack} cannot be opened.", why=why, remedy=remedy) from failed
    if not outputs:
        raise PlatformError(f"The machines of {stack} have not been made.", remedy=f"pulumi up --cwd {FOLDER} --stack {stack}")
    return outputs


def _machines(outputs: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The machines by name, by address: the state keeps no order, and kubespray takes the first control plane for the one that began."""
    missing = [name for name in NEEDED if name not in outputs]
    if missing:
        raise PlatformError(
            "These are not the outputs of a datacenter.", why=f"missing: {', '.join(missing)}", remedy=f"pulumi up --cwd {FOLDER}"
        )
    machines: Mapping[str, Mapping[str, Any]] = outputs["machines"]
    strange = [f"{name} is a {machine['role']}" for name, machine in machines.items() if machine["role"] not in GROUPS]
    if strange:
        raise PlatformError(
            "There is no group for a machine.", why="\n".join(strange), remedy=f"use the checkout that deployed {FOLDER}/, or a later one"
        )
    return dict(sorted(machines.items(), key=lambda item: ip_address(item[1]["address"])))


def _host(name: str, machine: Mapping[str, Any]) -> dict[str, Any]:
    if GROUPS[machine["role"]] not in CLUSTER_GROUPS:
        return {"ansible_host": machine["address"]}
    variables = {"ansible_host": machine["address"], "ip": machine["address"], "node_labels": {ZONE: machine["host"]}}
    if machine["role"] == "control_plane":
        # Not etcd1 and so on: while one joins, kubespray calls the others so by their position (its join_etcd_member.yml).
        variables["etcd_member_name"] = name
    return variables


def _common_variables(outputs: Mapping[str, Any]) -> dict[str, Any]:
    access = outputs["access"]
    return {
        "ansible_user": DEPLOY_USER,
        "ansible_ssh_common_args": FIRST_CONTACT,
        "common_management_networks": list(access["management_networks"]),
        "common_deploy_authorized_keys": list(access["deploy_authorized_keys"]),
    }


def _data_variables(group: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Who may connect: the cluster's nodes, whose addresses pods come with, and the networks from which people and Pulumi work."""
    subnet, management = outputs["network"]["subnet"], list(outputs["access"]["management_networks"])
    if group == "databases":
        people = [{"network": network, "purpose": "administration"} for network in management]
        return {"postgres_access": [{"network": subnet, "purpose": "the cluster's nodes"}, *people]}
    if group == "brokers":
        return {"rabbitmq_client_networks": [subnet], "rabbitmq_management_networks": [subnet, *management]}
    return {}


def _cluster_variables(outputs: Mapping[str, Any]) -> dict[str, Any]:
    network, addresses = outputs["network"], outputs.get("addresses") or {}
    if "kubernetes_api" not in addresses:
        why = "The outputs hold machines of a cluster, but not addresses.kubernetes_api."
        raise PlatformError("The control planes have no common address.", why=why, remedy=f"pulumi up --cwd {FOLDER}")
    return {
        "kube_vip_address": addresses["kubernetes_api"],
        "upstream_dns_servers": list(network["nameservers"]),
        "platform_subnet": network["subnet"],
    }


def _firewall(firewall: Mapping[str, Any], subnet: str) -> dict[str, Any]:
    """The role sonicwall's variables; what is not given keeps the role's default."""
    given = {f"sonicwall_{key}": value for key, value in firewall.items() if key != "address" and value not in (None, "")}
    # Machines and pods use the public names too: a release is verified from a runner inside.
    return {"ansible_host": firewall["address"], **given, "sonicwall_loopback_networks": [subnet]}


__all__ = ["GROUPS", "inventory", "read_outputs", "ssh_config", "state_variables"]
