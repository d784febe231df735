"""Where machines stand: spread so that losing any one host is survived, and the same each time."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from settings.datacenter.load import DATACENTER, PASSWORD_VARIABLE, addresses, described, parse
from settings.datacenter.model import ROLES, Datacenter
from settings.datacenter.place import mac_of, names, place
from tests.unit.datacenter.conftest import Parse


def test_the_real_datacenter_has_fourteen_machines_in_the_order_in_which_they_start(with_change: Parse) -> None:
    placed = with_change({}).machines
    assert [machine.name for machine in placed] == [
        "postgres", "rabbitmq", *(f"control-plane{n}" for n in range(1, 4)), *(f"worker{n}" for n in range(1, 10)),
    ]  # fmt: skip
    assert [str(machine.address) for machine in placed[:3]] == ["10.10.0.31", "10.10.0.32", "10.10.0.11"]


def test_losing_any_host_keeps_the_quorum_and_two_thirds_of_the_workers(with_change: Parse) -> None:
    placed = with_change({}).machines
    for lost in ("esxi1", "esxi2", "esxi3"):
        left = Counter(machine.role for machine in placed if machine.host != lost)
        assert left["control_plane"] == 2
        assert left["worker"] == 6


def test_the_two_data_machines_never_share_a_host(with_change: Parse) -> None:
    hosts = {machine.role: machine.host for machine in with_change({}).machines}
    assert hosts["postgres"] != hosts["rabbitmq"]


def test_one_more_worker_moves_no_other_machine(with_change: Parse) -> None:
    before = {machine.name: machine.host for machine in with_change({}).machines}
    after = {machine.name: machine.host for machine in with_change({"machines": {"worker": {"count": 10}}, "addresses": {}}).machines}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_more_memory_for_a_machine_moves_none(with_change: Parse) -> None:
    before = [(machine.name, machine.host) for machine in with_change({}).machines]
    change = {"machines": {"postgres": {"memory_mib": 65536}}}
    assert [(machine.name, machine.host) for machine in with_change(change).machines] == before


def test_a_group_stands_on_the_hosts_it_names_and_on_no_other(with_change: Parse) -> None:
    placed = with_change({"machines": {"postgres": {"hosts": ["esxi3"]}}}).machines
    assert [machine.host for machine in placed if machine.name == "postgres"] == ["esxi3"]


def test_given_mac_addresses_are_used_in_order(with_change: Parse) -> None:
    placed = with_change({"machines": {"postgres": {"macs": ["00:50:56:3F:00:01"]}}}).machines
    assert placed[0].mac == "00:50:56:3f:00:01"


def test_a_database_machine_placed_by_hand_moves_no_other_machine(with_change: Parse) -> None:
    before = {machine.name: machine.host for machine in with_change({}).machines}
    for host in ("esxi2", "esxi3"):
        after = {machine.name: machine.host for machine in with_change({"machines": {"postgres": {"hosts": [host]}}}).machines}
        assert after == {**before, "postgres": host}


def test_two_more_control_planes_move_no_worker(with_change: Parse) -> None:
    before = {machine.name: machine.host for machine in with_change({}).machines}
    change = {"machines": {"control-plane": {"count": 5, "first_address": "10.10.0.11"}}}
    after = {machine.name: machine.host for machine in with_change(change).machines}
    assert before.items() <= after.items()


def test_another_host_moves_no_machine_of_groups_that_name_the_old_ones(with_change: Parse) -> None:
    before = {machine.name: machine.host for machine in with_change({}).machines}
    old = ["esxi1", "esxi2", "esxi3"]
    datacenter = with_change(
        {"machines": {group: {"hosts": old} for group in ("postgres", "rabbitmq", "control-plane", "worker")}}
    ).datacenter
    more = datacenter.model_copy(update={"hosts": {**datacenter.hosts, "esxi4": datacenter.hosts["esxi1"]}})
    assert {machine.name: machine.host for machine in place(more)} == before


GROUPS = st.lists(st.tuples(st.sampled_from(ROLES), st.integers(min_value=2, max_value=12)), min_size=2, max_size=7)


def spread(groups: list[tuple[Any, int]], hosts: int, named: dict[int, set[int]]) -> dict[str, list[str]]:
    """Where the machines of each group stand; ``named`` are the hosts of the groups that name some, by their numbers."""
    datacenter = described()
    assert datacenter is not None
    host, machines = datacenter.hosts["esxi1"], datacenter.machines["worker"]
    described_groups = {
        f"group{number}": machines.model_copy(
            update={"role": role, "count": count, "hosts": tuple(f"h{host}" for host in named[number]) if number in named else None}
        )
        for number, (role, count) in enumerate(groups)
    }
    whole: Datacenter = datacenter.model_copy(
        update={"hosts": {f"h{number}": host for number in range(hosts)}, "machines": described_groups}
    )
    found: dict[str, list[str]] = {name: [] for name in described_groups}
    for machine in place(whole):
        found[machine.group].append(machine.host)
    return found


@given(GROUPS, st.integers(min_value=1, max_value=6), st.data())
def test_a_change_of_one_group_moves_no_machine_of_another_and_one_more_machine_none_of_its_own(
    groups: list[tuple[Any, int]], hosts: int, data: st.DataObject
) -> None:
    before = spread(groups, hosts, {})
    changed = data.draw(st.integers(min_value=0, max_value=len(groups) - 1))
    more = [(role, count + (number == changed)) for number, (role, count) in enumerate(groups)]
    assert all(after[: len(before[group])] == before[group] for group, after in spread(more, hosts, {}).items())
    chosen = data.draw(st.sets(st.integers(min_value=0, max_value=hosts - 1), min_size=1))
    after = spread(groups, hosts, {changed: chosen})
    assert {group: where for group, where in after.items() if group != f"group{changed}"}.items() <= before.items()
    assert set(after[f"group{changed}"]) <= {f"h{number}" for number in chosen}


@given(GROUPS, st.integers(min_value=1, max_value=6))
def test_a_group_below_the_others_of_its_role_moves_none_of_them(groups: list[tuple[Any, int]], hosts: int) -> None:
    assert spread(groups[:-1], hosts, {}).items() <= spread(groups, hosts, {}).items()


@given(st.integers(min_value=1, max_value=5), st.integers(min_value=0, max_value=30), st.integers(min_value=3, max_value=6))
def test_whatever_the_counts_no_host_has_more_than_its_share(planes: int, workers: int, hosts: int) -> None:
    groups: dict[str, Any] = {"plane": {"role": "control_plane", "count": planes, "first_address": "10.0.0.10"}}
    if workers:
        groups["worker"] = {"role": "worker", "count": workers, "first_address": "10.0.0.100"}
    size = {"cpus": 1, "memory_mib": 1024, "disk_gib": 10, "datastore": "ssd", "template": "debian"}
    host = {"cpu_threads": 64, "memory_mib": 1_048_576, "datastores": {"ssd": {"capacity_gib": 9000}}, "templates": ["debian"]}
    described = {
        "network": {"port_group": "platform", "subnet": "10.0.0.0/24", "gateway": "10.0.0.1", "nameservers": ["10.0.0.1"]},
        "addresses": {"kubernetes_api": "10.0.0.2", "ingress": "10.0.0.3", "ingress_pool": "10.0.0.3-10.0.0.4", "public": "203.0.113.1"},
        "hosts": {f"h{number}": {**host, "address": f"h{number}"} for number in range(hosts)},
        "machines": {name: {**size, **group} for name, group in groups.items()},
        "access": {"deploy_authorized_keys": ["ssh-ed25519 AAAA ada"], "management_networks": ["10.0.0.0/24"]},
    }
    if planes % 2 == 0 or planes < 3:
        return  # refused, see test_mistakes
    passwords = {f"{PASSWORD_VARIABLE}H{number}": "x" for number in range(hosts)}
    placed = parse("try", {DATACENTER: described}, passwords).machines
    for role, count in (("control_plane", planes), ("worker", workers)):
        on_host = Counter(machine.host for machine in placed if machine.role == role)
        assert sum(on_host.values()) == count
        assert all(share <= -(-count // 3) for share in on_host.values())
    assert len({machine.mac for machine in placed}) == len(placed)


@given(st.integers(min_value=0, max_value=2**22 - 1))
def test_a_mac_address_is_of_the_range_for_those_given_by_hand_and_no_two_are_the_same_in_a_network(offset: int) -> None:
    mac = mac_of(IPv4Address("10.0.0.0") + offset)
    assert mac.startswith("00:50:56:")
    assert int(mac.split(":")[3], 16) < 0x40
    assert int("".join(mac.split(":")[3:]), 16) == (int(IPv4Address("10.0.0.0")) + offset) & 0x3FFFFF


def test_one_machine_bears_its_group_s_name_and_several_are_numbered() -> None:
    assert names("postgres", 1) == ["postgres"]
    assert names("worker", 3) == ["worker1", "worker2", "worker3"]


def test_the_stacks_on_the_datacenter_take_their_addresses_from_it() -> None:
    found = addresses()
    assert found["environment"]["postgres"] == {"address": "10.10.0.31"}
    assert found["cluster"]["load_balancer"] == {"addresses": ["10.10.0.80-10.10.0.89"]}


def test_an_address_that_follows_from_another_need_not_be_written_and_may_be(with_change: Parse) -> None:
    followed = with_change({}).datacenter
    assert followed.firewall
    assert followed.addresses
    assert followed.network.nameservers == (followed.network.gateway,)
    assert followed.firewall.address == followed.network.gateway
    assert f"{followed.addresses.ingress}-" in followed.addresses.ingress_pool
    written = {"network": {"nameservers": ["10.10.0.2"]}, "addresses": {"ingress": "10.10.0.81"}, "firewall": {"address": "10.10.0.3"}}
    given = with_change(written).datacenter
    assert given.firewall
    assert given.addresses
    found = (*given.network.nameservers, given.addresses.ingress, given.firewall.address)
    assert [str(address) for address in found] == ["10.10.0.2", "10.10.0.81", "10.10.0.3"]
