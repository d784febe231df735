"""Every mistake in a datacenter's description is refused before any host is contacted, all of them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from settings import SettingsError
from settings.datacenter.load import DATACENTER, LOCAL_SETTINGS_VARIABLE, addresses, load_stack, parse
from settings.datacenter.model import VCPUS_MAX
from tests.unit.datacenter.conftest import PASSWORDS, Parse

ONE = {
    "role": "worker",
    "cpus": 1,
    "memory_mib": 1024,
    "disk_gib": 10,
    "datastore": "ssd",
    "template": "debian-12",
    "first_address": "10.10.0.60",
}
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a host without the datastore": (
        {"machines": {"postgres": {"datastore": "nvme"}}, "hosts": {"esxi2": {"datastores": {"nvme": {"capacity_gib": 900}}}}},
        "machines.postgres.datastore",
        "the host esxi1 has no datastore 'nvme'",
    ),
    "an unknown datastore": (
        {"machines": {"worker": {"datastore": "sdd"}}},
        "machines.worker.datastore",
        "has no datastore 'sdd'; did you mean ssd?",
    ),
    "a template that does not exist": (
        {"machines": {"worker": {"template": "debian-13"}}},
        "machines.worker.template",
        "has no template 'debian-13'; did you mean debian-12?",
    ),
    "an unknown host": ({"machines": {"postgres": {"hosts": ["esxi4"]}}}, "machines.postgres.hosts", "there is no host 'esxi4'"),
    "an unknown resource pool": ({"machines": {"postgres": {"resource_pool": "date"}}}, "machines.postgres.resource_pool", "mean data?"),
    "over-committed memory": ({"hosts": {"esxi1": {"memory_mib": 65536}}}, "hosts.esxi1.memory_mib", "57344 are there for them"),
    "over-committed processors": (
        {"vcpus_per_thread": 1, "hosts": {"esxi1": {"cpu_threads": 8}}},
        "hosts.esxi1.cpu_threads",
        "8 are allowed",
    ),
    "an over-committed datastore": (
        {"hosts": {"esxi1": {"datastores": {"ssd": {"capacity_gib": 500}}}}},
        "hosts.esxi1.datastores.ssd",
        "and it has 500",
    ),
    "a datastore with room for disks, which have 1060 GiB, and none for swap files": (
        {"hosts": {"esxi1": {"datastores": {"ssd": {"capacity_gib": 1061}}}}},
        "hosts.esxi1.datastores.ssd",
        "disks and swap files",
    ),
    "more processors than a free host allows": ({"machines": {"postgres": {"cpus": VCPUS_MAX + 1}}}, "machines.postgres.cpus", "not 9"),
    "the same address twice": (
        {"machines": {"rabbitmq": {"first_address": "10.10.0.31"}}},
        "machines.rabbitmq.first_address",
        "the same address, 10.10.0.31",
    ),
    "addresses that run into others": (
        {"machines": {"control-plane": {"first_address": "10.10.0.30"}}},
        "machines.control-plane.first_address",
        "the same address",
    ),
    "the same name twice": (
        {
            "machines": {"worker1": ONE},
        },
        "machines.worker1",
        "the same name, worker1",
    ),
    "the same MAC address twice": (
        {"machines": {"postgres": {"macs": ["00:50:56:00:00:01"]}, "rabbitmq": {"macs": ["00:50:56:00:00:01"]}}},
        "machines.rabbitmq.macs",
        "the same MAC address",
    ),
    "too few MAC addresses": ({"machines": {"worker": {"macs": ["00:50:56:00:00:01"]}}}, "machines.worker.macs", "1 for 9 machines"),
    "a MAC address of another vendor": (
        {"machines": {"postgres": {"macs": ["02:00:00:00:00:01"]}}},
        "machines.postgres.macs",
        "VMware's own",
    ),
    "an address outside the network": (
        {"machines": {"postgres": {"first_address": "10.11.0.31"}}},
        "machines.postgres.first_address",
        "outside 10.10.0.0/24",
    ),
    "the gateway's address": (
        {"machines": {"postgres": {"first_address": "10.10.0.1"}}},
        "machines.postgres.first_address",
        "the gateway's",
    ),
    "the cluster's address": (
        {"machines": {"postgres": {"first_address": "10.10.0.10"}}},
        "machines.postgres.first_address",
        "the Kubernetes API's",
    ),
    "an address of the ingress pool": (
        {"machines": {"postgres": {"first_address": "10.10.0.85"}}},
        "machines.postgres.first_address",
        "the ingress pool's",
    ),
    "the broadcast address": ({"machines": {"postgres": {"first_address": "10.10.0.255"}}}, "machines.postgres.first_address", "outside"),
    "an ingress address outside its pool": ({"addresses": {"ingress": "10.10.0.79"}}, "addresses.ingress", "outside the pool"),
    "a pool outside the network": ({"addresses": {"ingress_pool": "10.11.0.80-10.11.0.89"}}, "addresses.ingress_pool", "outside"),
    "a pool that nobody needs": (
        {"network": {"subnet": "10.0.0.0/8"}, "addresses": {"ingress_pool": "10.20.0.0-10.20.255.255"}},
        "addresses.ingress_pool",
        "more than 4096 addresses",
    ),
    "a pool that is no range": ({"addresses": {"ingress_pool": "10.10.0.80/28"}}, "addresses.ingress_pool", "not a range of addresses"),
    "a gateway outside the network": ({"network": {"gateway": "10.11.0.1"}}, "network.gateway", "outside 10.10.0.0/24"),
    "an even number of control planes": ({"machines": {"control-plane": {"count": 2}}}, "machines", "write a count of 3 or 5"),
    "a single control plane": ({"machines": {"control-plane": {"count": 1}}}, "machines", "1 control planes"),
    "control planes together": (
        {"machines": {"control-plane": {"hosts": ["esxi1", "esxi2"]}}},
        "machines",
        "etcd would lose its majority with that host",
    ),
    "workers together": ({"machines": {"worker": {"hosts": ["esxi1", "esxi2"]}}}, "machines", "more than a third of the workers"),
    "a cluster without its addresses": ({"addresses": None}, "addresses", "missing: a cluster needs"),
    "SSH from outside": ({"firewall": {"publish": [{"service": "SSH"}]}}, "firewall.publish.0.service", "SSH would be reached"),
    "management of the firewall from outside": (
        {"firewall": {"publish": [{"service": "HTTPS", "to": "gateway"}]}},
        "firewall.publish.0.to",
        "'gateway' would be reached",
    ),
    "the firewall's public address": (
        {"firewall": {"address": "203.0.113.10"}},
        "firewall.address",
        "managed at 203.0.113.10, from outside",
    ),
    "the firewall managed at another address outside": ({"firewall": {"address": "198.51.100.7"}}, "firewall.address", "from outside"),
    "the firewall at a machine's address": ({"firewall": {"address": "10.10.0.31"}}, "machines.postgres.first_address", "the firewall's"),
    "the firewall at the ingress address": ({"firewall": {"address": "10.10.0.80"}}, "firewall.address", "the ingress pool's"),
    "the ingress at the gateway": (
        {"addresses": {"ingress_pool": "10.10.0.1-10.10.0.9", "ingress": "10.10.0.1"}},
        "addresses.ingress_pool",
        "10.10.0.1 is the gateway's",
    ),
    "two hosts at one address": ({"hosts": {"esxi2": {"address": "10.10.9.11"}}}, "hosts.esxi2.address", "the host esxi1's"),
    "a host at the ingress address": ({"hosts": {"esxi1": {"address": "10.10.0.80"}}}, "hosts.esxi1.address", "the ingress pool's"),
    "a host at a machine's address": (
        {"hosts": {"esxi1": {"address": "10.10.0.31"}}},
        "machines.postgres.first_address",
        "the host esxi1's",
    ),
    "SSH from everywhere": ({"access": {"management_networks": ["0.0.0.0/0"]}}, "access.management_networks", "let the internet try"),
    "the Kubernetes API at the broadcast address": (
        {"addresses": {"kubernetes_api": "10.10.0.255"}},
        "addresses.kubernetes_api",
        "its first or last",
    ),
    "a pool with the broadcast address": (
        {"addresses": {"ingress_pool": "10.10.0.80-10.10.0.255"}},
        "addresses.ingress_pool",
        "its first or last",
    ),
    "addresses past the last there is": (
        {"machines": {"worker": {"first_address": "255.255.255.250"}}},
        "machines.worker.first_address",
        "outside",
    ),
    "a firewall that could be anybody": ({"firewall": {"ca_certificate_file": ""}}, "firewall", "its certificate could not be checked"),
    "no key to sign in with": ({"access": {"deploy_authorized_keys": []}}, "access.deploy_authorized_keys", "list at least one"),
    "a private key": ({"access": {"deploy_authorized_keys": ["-----BEGIN"]}}, "access.deploy_authorized_keys", "not a public SSH key"),
    "two hosts under one name": (
        {"hosts": {"esxi1": {"address": "esxi.lan"}, "esxi2": {"address": "esxi.lan"}}},
        "hosts.esxi2.address",
        "is the host esxi1's",
    ),
    "a machine called like its template": ({"machines": {"debian-12": ONE}}, "machines.debian-12", "power off and take over"),
    "a machine called like the computer that runs Ansible": ({"machines": {"localhost": ONE}}, "machines.localhost", "something else"),
    "a machine called like the firewall": ({"machines": {"sonicwall": ONE}}, "machines.sonicwall", "something else"),
    "a machine called like a group of the inventory": ({"machines": {"databases": ONE}}, "machines.databases", "something else"),
    "two database machines": (
        {"machines": {"postgres": {"count": 2, "first_address": "10.10.0.60"}}},
        "machines",
        "2 machines with the role postgres: each would be a server of its own, and both would write into one backup repository",
    ),
    "two brokers": (
        {"machines": {"second": {**ONE, "role": "rabbitmq"}}},
        "machines",
        "2 machines with the role rabbitmq: each would be a broker of its own",
    ),
    "a firewall that publishes nothing": ({"firewall": {"publish": []}}, "firewall.publish", "nobody would reach the platform"),
    "a service that is published twice": (
        {"firewall": {"publish": [{"service": "HTTPS"}, {"service": "HTTPS"}]}},
        "firewall.publish.1.service",
        "HTTPS is published twice",
    ),
    "one zone for both sides": ({"firewall": {"inside_zone": "Wan"}}, "firewall.inside_zone", "both outside and inside"),
    "two ways to know the firewall": (
        {"firewall": {"certificate_sha256": "ab" * 32}},
        "firewall",
        "ca_certificate_file and certificate_sha256 would both decide",
    ),
    "an unknown key": ({"machines": {"postgres": {"memroy_mib": 1}}}, "machines.postgres.memroy_mib", "did you mean memory_mib?"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_refused_with_its_key_and_what_to_do(case: str, with_change: Parse) -> None:
    change, key, words = CASES[case]
    with pytest.raises(SettingsError) as refused:
        with_change(change)
    told = [str(mistake) for mistake in refused.value.mistakes]
    assert [line for line in told if f"esxi/Pulumi.datacenter.yaml: highstreetly-esxi:datacenter.{key}" in line and words in line], told


def test_all_mistakes_are_told_at_once(with_change: Parse) -> None:
    with pytest.raises(SettingsError) as refused:
        with_change({
            "machines": {
                "postgres": {"first_address": "10.10.0.32", "template": "debian-13"},
                "control-plane": {"count": 4},
                "rabbitmq": {"datastore": "hdd"},
            },
            "hosts": {"esxi1": {"memory_mib": 9000}},
            "firewall": {"publish": [{"service": "Telnet"}]},
        })  # fmt: skip
    keys = {mistake.key.removeprefix("highstreetly-esxi:datacenter.") for mistake in refused.value.mistakes}
    assert keys >= {
        "machines.rabbitmq.first_address", "machines.postgres.template", "machines", "machines.rabbitmq.datastore",
        "hosts.esxi1.memory_mib", "firewall.publish.0.service",
    }  # fmt: skip


def test_a_missing_password_names_the_host_and_both_ways_to_give_it(described: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        parse("datacenter", {DATACENTER: described}, {})
    assert len(refused.value.mistakes) == 3
    assert "pulumi config set --secret password_esxi1 --cwd esxi, or set HIGHSTREETLY_ESXI_PASSWORD_ESXI1" in str(refused.value)


def test_an_empty_password_is_none(described: dict[str, Any]) -> None:
    given = {name: word for name, word in PASSWORDS.items() if not name.endswith("ESXI2")}
    with pytest.raises(SettingsError) as refused:
        parse("datacenter", {DATACENTER: described, "password_esxi2": ""}, given)
    assert [(mistake.key, mistake.problem) for mistake in refused.value.mistakes] == [("highstreetly-esxi:password_esxi2", "empty")]


def test_a_password_is_in_no_representation(described: dict[str, Any]) -> None:
    assert "hidden-word" not in repr(parse("datacenter", {DATACENTER: described}, PASSWORDS))


def test_a_key_beside_the_description_is_refused(described: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"password_esx1: unknown key; did you mean password_esxi1\?"):
        parse("datacenter", {DATACENTER: described, "password_esx1": "x"}, PASSWORDS)


def test_the_real_file_is_valid_and_its_addresses_need_no_password() -> None:
    assert load_stack("datacenter", environ=PASSWORDS).datacenter.protect
    assert addresses()


def test_a_derived_mac_address_is_no_mistake_of_its_own(with_change: Parse) -> None:
    with pytest.raises(SettingsError) as refused:
        with_change({"machines": {"rabbitmq": {"first_address": "10.10.0.31"}}})
    assert [mistake.key.rpartition(".")[2] for mistake in refused.value.mistakes] == ["first_address"]


def test_a_local_settings_file_that_is_not_there_hides_no_other_mistake(described: dict[str, Any]) -> None:
    wrong = described | {"vcpus_per_thread": 0}
    with pytest.raises(SettingsError) as refused:
        parse("datacenter", {DATACENTER: wrong}, PASSWORDS | {LOCAL_SETTINGS_VARIABLE: "/nowhere.yaml"})
    assert {mistake.file for mistake in refused.value.mistakes} == {"/nowhere.yaml", "esxi/Pulumi.datacenter.yaml"}


def test_an_unknown_key_of_the_local_settings_is_refused(described: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "local.yaml").write_text("datacentre: {protect: false}\n")
    with pytest.raises(SettingsError, match=r"datacentre: unknown key; did you mean datacenter\?"):
        parse("datacenter", {DATACENTER: described}, PASSWORDS | {LOCAL_SETTINGS_VARIABLE: str(tmp_path / "local.yaml")})
