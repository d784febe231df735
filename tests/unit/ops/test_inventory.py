"""Ansible's inventory from the outputs of the datacenter's stack."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from esxi.outputs import outputs as stack_outputs
from ops import inventory as ops_inventory
from ops import inventory_cli
from ops.errors import InputError, PlatformError
from ops.inventory import FIREWALL, inventory, read_outputs, ssh_config, state_variables
from settings.datacenter.checks import RESERVED_NAMES
from settings.datacenter.load import ROOT, load_stack
from tests.unit.datacenter.conftest import PASSWORDS

ANSIBLE = ROOT / "ansible"


@pytest.fixture
def outputs() -> dict[str, Any]:
    """What the stack of the real datacenter exports, in the order in which the state keeps it: none."""
    found = stack_outputs(load_stack("datacenter", environ=PASSWORDS))
    exported: dict[str, Any] = json.loads(json.dumps(found, sort_keys=True))
    return exported


def hostvars(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of every host."""
    variables: dict[str, dict[str, Any]] = found["_meta"]["hostvars"]
    return variables


def test_fourteen_machines_and_the_firewall_are_in_their_groups(outputs: dict[str, Any]) -> None:
    found = inventory(outputs)
    assert found["databases"]["hosts"] == ["postgres"]
    assert found["brokers"]["hosts"] == ["rabbitmq"]
    assert found["kube_control_plane"]["hosts"] == ["control-plane1", "control-plane2", "control-plane3"]
    assert found["kube_node"]["hosts"] == [f"worker{number}" for number in range(1, 10)]
    assert found["firewall"]["hosts"] == [FIREWALL]
    assert len(hostvars(found)) == 14 + 1


def test_etcd_is_on_the_control_planes_and_the_cluster_is_both(outputs: dict[str, Any]) -> None:
    found = inventory(outputs)
    assert found["etcd"] == {"children": ["kube_control_plane"]}
    assert found["k8s_cluster"]["children"] == ["kube_control_plane", "kube_node"]
    assert set(found["all"]["children"]) == set(found) - {"_meta", "all"}


def test_machines_are_in_the_order_of_their_addresses_not_of_their_names(outputs: dict[str, Any]) -> None:
    outputs["machines"]["worker10"] = {**outputs["machines"]["worker9"], "address": "10.10.0.50"}
    assert inventory(outputs)["kube_node"]["hosts"][-2:] == ["worker9", "worker10"]


def test_a_node_is_labelled_with_the_host_it_stands_on(outputs: dict[str, Any]) -> None:
    variables = hostvars(inventory(outputs))
    nodes = {name: machine["host"] for name, machine in outputs["machines"].items() if machine["role"] in ("control_plane", "worker")}
    assert {name: variables[name]["node_labels"] for name in nodes} == {
        name: {"topology.kubernetes.io/zone": host} for name, host in nodes.items()
    }
    assert len(set(nodes.values())) == 3


def test_members_of_etcd_bear_their_machine_s_name_which_no_other_is_given(outputs: dict[str, Any]) -> None:
    before = hostvars(inventory(outputs))
    del outputs["machines"]["control-plane1"]
    after = hostvars(inventory(outputs))
    assert after["control-plane3"]["etcd_member_name"] == before["control-plane3"]["etcd_member_name"] == "control-plane3"
    assert [name for name, variables in after.items() if "etcd_member_name" in variables] == ["control-plane2", "control-plane3"]


def test_people_reach_the_servers_from_the_management_networks_and_nobody_else_from_outside(outputs: dict[str, Any]) -> None:
    found = inventory(outputs)
    subnet, management = outputs["network"]["subnet"], outputs["access"]["management_networks"]
    assert [line["network"] for line in found["databases"]["vars"]["postgres_access"]] == [subnet, *management]
    assert found["brokers"]["vars"] == {"rabbitmq_client_networks": [subnet], "rabbitmq_management_networks": [subnet, *management]}
    assert found["all"]["vars"]["common_management_networks"] == management
    assert found["all"]["vars"]["common_deploy_authorized_keys"] == outputs["access"]["deploy_authorized_keys"]


def test_the_cluster_is_told_its_address_network_and_name_servers(outputs: dict[str, Any]) -> None:
    assert inventory(outputs)["k8s_cluster"]["vars"] == {
        "kube_vip_address": outputs["addresses"]["kubernetes_api"],
        "upstream_dns_servers": outputs["network"]["nameservers"],
        "platform_subnet": outputs["network"]["subnet"],
    }


def test_the_firewall_publishes_the_ingress_address_for_machines_inside_too(outputs: dict[str, Any]) -> None:
    variables = hostvars(inventory(outputs))[FIREWALL]
    assert variables["ansible_host"] == outputs["firewall"]["address"]
    assert variables["sonicwall_public_address"] == outputs["addresses"]["public"]
    assert variables["sonicwall_ingress_address"] == outputs["addresses"]["ingress"]
    assert variables["sonicwall_loopback_networks"] == [outputs["network"]["subnet"]]
    assert "sonicwall_certificate_sha256" not in variables, "what is not given keeps the role's default"


def test_every_variable_of_ours_is_one_a_role_or_the_datacenter_s_files_know(outputs: dict[str, Any]) -> None:
    known = {name for path in ANSIBLE.glob("roles/*/defaults/main.yml") for name in yaml.safe_load(path.read_text())}
    found = inventory(outputs)
    given = {name for variables in hostvars(found).values() for name in variables}
    given |= {name for group, entry in found.items() if group != "_meta" for name in entry.get("vars", {})}
    ours = {name for name in given if name.startswith(("common_", "postgres_", "rabbitmq_", "sonicwall_"))}
    assert len(ours) >= 12
    assert ours <= known
    assert "platform_subnet" in (ANSIBLE / "inventory" / "group_vars" / "k8s_cluster.yml").read_text()


def test_no_secret_of_the_stack_is_in_it(outputs: dict[str, Any]) -> None:
    assert "hidden-word" not in json.dumps(inventory(outputs))


def test_the_local_stack_has_neither_cluster_nor_firewall(outputs: dict[str, Any]) -> None:
    machines = {name: outputs["machines"][name] for name in ("postgres", "rabbitmq")}
    found = inventory({**outputs, "machines": machines, "addresses": {}, "firewall": {}})
    assert set(found) == {"_meta", "all", "databases", "brokers"}
    assert len(hostvars(found)) == 2


def test_a_cluster_without_a_common_address_is_refused(outputs: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="no common address"):
        inventory({**outputs, "addresses": {}})


@pytest.mark.parametrize("missing", ["machines", "network", "access"])
def test_outputs_of_something_else_are_refused_by_what_they_lack(outputs: dict[str, Any], missing: str) -> None:
    del outputs[missing]
    with pytest.raises(PlatformError) as refused:
        inventory(outputs)
    assert refused.value.why == f"missing: {missing}"


def test_a_machine_of_an_unknown_role_is_named(outputs: dict[str, Any]) -> None:
    changed = copy.deepcopy(outputs)
    changed["machines"]["worker3"]["role"] = "router"
    with pytest.raises(PlatformError) as refused:
        inventory(changed)
    assert refused.value.why == "worker3 is a router"


def test_ssh_knows_every_machine_by_name_and_refuses_another_key(outputs: dict[str, Any]) -> None:
    text = ssh_config(outputs)
    assert text.count("HostName ") == 14
    assert f"Host worker3\n    HostName {outputs['machines']['worker3']['address']}\n" in text
    assert "StrictHostKeyChecking accept-new" in text


def test_a_datacenter_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "esxi").mkdir()
    (tmp_path / "esxi" / "Pulumi.datacenter.yaml").touch()
    with pytest.raises(InputError) as refused:
        read_outputs("datacentre", tmp_path)
    assert refused.value.why == "esxi/ has: datacenter"


def test_the_local_stack_is_made_reachable_before_its_state_is_read(
    outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def read(stack: str) -> dict[str, Any]:
        done.append(f"read {stack}")
        return outputs

    monkeypatch.setitem(inventory_cli.preparations, "local", lambda: done.append("prepared"))
    monkeypatch.setattr(ops_inventory, "read_outputs", read)
    inventory_cli.show_inventory("local")
    assert done == ["prepared", "read local"]
    assert "postgres" in json.loads(capsys.readouterr().out)["databases"]["hosts"]


def test_the_machines_state_is_that_of_the_other_stacks_unless_it_is_named() -> None:
    assert state_variables({"PULUMI_BACKEND_URL": "s3://one"}) == {}
    assert state_variables({"HS_ESXI_BACKEND_URL": "s3://other", "HS_ESXI_PASSPHRASE": "word"}) == {
        "PULUMI_BACKEND_URL": "s3://other",
        "PULUMI_CONFIG_PASSPHRASE": "word",
    }


def test_no_machine_may_be_called_like_a_group_or_the_firewall(outputs: dict[str, Any]) -> None:
    groups = {group for group in inventory(outputs) if "_" not in group}  # no machine's name has one
    assert groups | {FIREWALL, "localhost", "ungrouped"} == RESERVED_NAMES


def test_the_machines_state_is_not_looked_for_on_one_of_them() -> None:
    with pytest.raises(InputError, match="is not named") as refused:
        state_variables({"PULUMI_BACKEND_URL": "postgres://one"})
    assert "HS_ESXI_BACKEND_URL" in refused.value.remedy
