"""The dynamic inventory and the files beside it, as Ansible puts them together."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ansible.conftest import ANSIBLE, Play

MIRROR = "https://mirror.example.test"


@pytest.fixture(scope="session")
def listed(ansible: Play, checkout: Path) -> dict[str, Any]:
    """What ansible-inventory makes of it."""
    listing = ansible("ansible-inventory", "--list")
    assert listing.returncode == 0, listing.stderr
    assert "inventory datacenter --list" in (checkout / "asked").read_text()
    found: dict[str, Any] = json.loads(listing.stdout)
    return found


@pytest.fixture(scope="session")
def values(ansible: Play, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reads variables as a play on a host sees them, templates resolved."""
    folder = tmp_path_factory.mktemp("plays")

    def read(host: str, *names: str, **variables: str) -> dict[str, Any]:
        wanted = ", ".join(f"'{name}': {name}" for name in names)
        playbook = folder / "read.yml"
        playbook.write_text(
            f"- name: Read\n  hosts: {host}\n  gather_facts: false\n  tasks:\n"
            f'    - name: Write\n      ansible.builtin.copy: {{content: "{{{{ {{{wanted}}} | to_json }}}}", dest: {folder}/read.json}}\n'
            "      delegate_to: localhost\n      become: false\n"
        )
        run = ansible("ansible-playbook", playbook, **variables)
        assert run.returncode == 0, run.stdout + run.stderr
        found: dict[str, Any] = json.loads((folder / "read.json").read_text())
        return found

    return read


def test_the_script_may_be_executed() -> None:
    assert os.access(ANSIBLE / "inventory" / "estate", os.X_OK)


def test_ansible_finds_kubespray_s_groups_with_twelve_nodes(listed: dict[str, Any]) -> None:
    assert len(listed["kube_control_plane"]["hosts"]) == 3
    assert len(listed["kube_node"]["hosts"]) == 9
    assert listed["etcd"]["children"] == ["kube_control_plane"]
    assert len(listed["_meta"]["hostvars"]) == 15


def test_every_node_has_what_kubespray_asks_of_it(listed: dict[str, Any]) -> None:
    for group in ("kube_control_plane", "kube_node"):
        for name in listed[group]["hosts"]:
            variables = listed["_meta"]["hostvars"][name]
            assert variables["ip"] == variables["ansible_host"]
            assert variables["main_access_ip"] == "{{ ip }}"  # or a lost control plane stays in etcd
            assert variables["ansible_become"] is True
            assert list(variables["node_labels"]) == ["topology.kubernetes.io/zone"]


def test_the_first_of_all_hosts_knows_the_cluster_s_settings_which_kubespray_checks_there_alone(ansible: Play) -> None:
    listing = ansible("ansible", "all", "--list-hosts")
    assert listing.stdout.split()[2:5] == ["control-plane1", "control-plane2", "control-plane3"]


def test_the_cluster_s_settings_reach_no_data_machine_and_not_the_firewall(listed: dict[str, Any]) -> None:
    for name in ("postgres", "rabbitmq", "sonicwall"):
        assert not {"ansible_become", "kube_version", "common_firewall_trusted_networks"} & set(listed["_meta"]["hostvars"][name])


def test_data_machines_are_backed_up_into_the_object_storage(listed: dict[str, Any]) -> None:
    assert listed["_meta"]["hostvars"]["postgres"]["postgres_backup_repository"] == "s3"
    assert listed["_meta"]["hostvars"]["rabbitmq"]["rabbitmq_backup"] is True


def test_nodes_trust_their_network_and_pods_and_open_the_api_to_people(values: Any, described: dict[str, Any]) -> None:
    cluster, everywhere = described["k8s_cluster"]["vars"], described["all"]["vars"]
    found = values(
        "control-plane1", "loadbalancer_apiserver", "common_firewall_trusted_networks", "common_firewall_open", "kube_pods_subnet"
    )
    assert found["loadbalancer_apiserver"] == {"address": cluster["kube_vip_address"], "port": 6443}
    assert found["common_firewall_trusted_networks"] == [cluster["platform_subnet"], found["kube_pods_subnet"]]
    assert found["common_firewall_open"] == [
        {"port": 6443, "networks": everywhere["common_management_networks"], "purpose": "Kubernetes API"}
    ]


PROMISED = {
    "kube_vip_enabled": True,
    "kube_vip_arp_enabled": True,
    "kube_vip_controlplane_enabled": True,
    "kube_vip_services_enabled": False,
    "kube_encrypt_secret_data": True,
    "kube_encryption_algorithm": "secretbox",
    "kubernetes_audit": True,
    "auto_renew_certificates": True,
}
"""One address for three control planes, Secrets encrypted in etcd, a record of who did what, certificates that do not run out."""


@pytest.mark.parametrize("name", ["control-plane1", "worker1"])
def test_every_node_is_told_what_the_datacenter_promises_of_its_cluster(values: Any, described: dict[str, Any], name: str) -> None:
    found = values(name, *PROMISED, "kube_vip_address", "loadbalancer_apiserver")
    assert {key: found[key] for key in PROMISED} == PROMISED
    assert found["kube_vip_address"] == found["loadbalancer_apiserver"]["address"] == described["k8s_cluster"]["vars"]["kube_vip_address"]
    assert found["kube_vip_address"] not in {host["ansible_host"] for host in described["_meta"]["hostvars"].values()}


def test_nothing_turns_off_how_kubespray_drains_and_stops(listed: dict[str, Any]) -> None:
    # Its own defaults: a fifth of the workers at a time, drained; what fails on one node stops the run (playbooks/upgrade_cluster.yml).
    turns_off = re.compile("serial|any_errors_fatal|drain_.*|upgrade_node_.*|ignore_assert_errors")
    given = {name for variables in listed["_meta"]["hostvars"].values() for name in variables}
    assert [name for name in given if turns_off.fullmatch(name)] == []


def test_images_come_from_docker_hub_where_there_is_no_mirror(values: Any) -> None:
    [registry] = values("worker1", "containerd_registries_mirrors")["containerd_registries_mirrors"]
    assert [mirror["host"] for mirror in registry["mirrors"]] == ["https://registry-1.docker.io"]


def test_a_mirror_is_asked_first_with_its_credentials_from_the_environment(values: Any, checkout: Path) -> None:
    named = checkout / "ansible" / "inventory" / "group_vars" / "kube_node.yml"
    named.write_text(f"platform_registry_mirror: {MIRROR}\n")
    try:
        [registry] = values("worker1", "containerd_registries_mirrors", REGISTRY_MIRROR_AUTHORIZATION="Basic eDp5")[
            "containerd_registries_mirrors"
        ]
    finally:
        named.unlink()
    assert [mirror["host"] for mirror in registry["mirrors"]] == [MIRROR, "https://registry-1.docker.io"]
    assert registry["mirrors"][0]["header"] == {"Authorization": "Basic eDp5"}


def test_the_key_that_secrets_are_encrypted_with_comes_from_the_environment_alone(values: Any) -> None:
    assert values("control-plane1", "kube_encrypt_token", KUBE_ENCRYPT_TOKEN="k" * 32)["kube_encrypt_token"] == "k" * 32
    assert "kube_encrypt_token" not in (ANSIBLE / "inventory" / "estate").read_text()


def test_a_state_that_cannot_be_read_stops_a_run_of_the_cluster(ansible: Play, checkout: Path) -> None:
    hs = checkout / "hs"
    kept = hs.read_text()
    hs.write_text("#!/bin/sh\necho 'Error: The state of datacenter cannot be opened.' >&2\nexit 1\n")
    try:
        run = ansible("ansible-playbook", "cluster.yml", ANSIBLE_INJECT_FACT_VARS="true")
    finally:
        hs.write_text(kept)
    assert run.returncode != 0
    assert "cannot be opened" in run.stderr
    assert "Kubernetes machines" not in run.stdout
