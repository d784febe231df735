"""The generated inventory and SSH configuration."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

from local.estate import MACHINES
from local.machines.configure import UNITS
from local.machines.inventory import GROUPS, Site, inventory, ssh_config
from local.machines.machines import DEPLOY_USER, Machine

ANSIBLE = Path(__file__).parents[3] / "ansible"
SITE = Site(
    machines=[Machine("postgres", "172.30.0.10", "postgres"), Machine("rabbitmq", "172.30.0.11", "rabbitmq")],
    subnet="172.30.0.0/24",
    public_key="ssh-ed25519 AAAA highstreetly\n",
    private_key_file=Path("/data/secrets/id_ed25519"),
    known_hosts_file=Path("/data/ansible/known_hosts"),
    ca_certificate_file=Path("/data/secrets/ca.crt"),
    ca_private_key_file=Path("/data/secrets/ca.key"),
)


def test_every_machine_is_in_the_group_of_its_role_with_its_address() -> None:
    groups = inventory(SITE, Path("/data/ansible/ssh_config"))["all"]["children"]
    assert groups["databases"]["hosts"] == {"postgres": {"ansible_host": "172.30.0.10"}}
    assert groups["brokers"]["hosts"] == {"rabbitmq": {"ansible_host": "172.30.0.11"}}


def test_only_the_estates_network_may_come_in() -> None:
    everything = inventory(SITE, Path("/data/ansible/ssh_config"))["all"]
    assert everything["vars"]["common_management_networks"] == ["172.30.0.0/24"]
    assert [access["network"] for access in everything["children"]["databases"]["vars"]["postgres_access"]] == ["172.30.0.0/24"]
    assert everything["children"]["brokers"]["vars"]["rabbitmq_client_networks"] == ["172.30.0.0/24"]


def test_the_inventory_holds_no_secret_but_where_files_are() -> None:
    text = yaml.safe_dump(inventory(SITE, Path("/data/ansible/ssh_config")))
    assert "password" not in text
    assert "BEGIN" not in text


def test_memory_is_not_told_but_found_on_the_machine() -> None:
    assert "memory" not in yaml.safe_dump(inventory(SITE, Path("/data/ansible/ssh_config")))


def test_every_group_of_the_inventory_is_one_the_data_machines_are_played_for() -> None:
    play = yaml.safe_load((ANSIBLE / "data.yml").read_text())[0]
    assert set(play["hosts"].split(":")) == set(GROUPS.values())
    assert {path.stem for path in (ANSIBLE / "group_vars").glob("*.yml")} == set(GROUPS.values())


def test_every_variable_of_the_inventory_is_one_a_role_knows() -> None:
    known = {name for path in ANSIBLE.glob("roles/*/defaults/main.yml") for name in yaml.safe_load(path.read_text())}
    everything = inventory(SITE, Path("/data/ansible/ssh_config"))["all"]
    given = set(everything["vars"]).union(*(group["vars"] for group in everything["children"].values()))
    assert {name for name in given if not name.startswith("ansible_")} <= known


def test_a_path_with_a_blank_reaches_ssh_whole() -> None:
    arguments = inventory(SITE, Path("/home/a b/ssh_config"))["all"]["vars"]["ansible_ssh_common_args"]
    assert arguments == "-F '/home/a b/ssh_config'"


def test_ssh_knows_machines_by_name_and_believes_only_their_own_key() -> None:
    text = ssh_config(SITE)
    assert "Host postgres 172.30.0.10\n    HostName 172.30.0.10\n" in text
    assert "StrictHostKeyChecking yes" in text
    assert 'UserKnownHostsFile "/data/ansible/known_hosts"' in text
    assert f"User {DEPLOY_USER}\n" in text


def test_ssh_asks_nobody_anything() -> None:
    assert "BatchMode yes" in ssh_config(dataclasses.replace(SITE, machines=[]))


def test_every_role_of_a_machine_has_a_group_and_a_unit_to_look_at() -> None:
    assert set(MACHINES) == set(GROUPS) == set(UNITS)
