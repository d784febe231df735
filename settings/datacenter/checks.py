"""What is wrong with a datacenter that its types allow: all of it at once, before any host is contacted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from math import ceil

from settings.datacenter.model import Datacenter
from settings.datacenter.place import Placed, place
from settings.errors import Mistake, nearest

CONTROL_PLANES_MIN = 3
"""etcd needs a majority: of three, one may be lost (https://etcd.io/docs/v3.6/faq/)."""
PUBLISHED = ("HTTP", "HTTPS")
"""What may be reached from outside, and only at the ingress address; everything else would be management."""
CLUSTER_ROLES = ("control_plane", "worker")


def mistakes(datacenter: Datacenter, file: str, prefix: str) -> list[Mistake]:
    """Every mistake, with its key and its remedy."""
    placed = place(datacenter)
    found = [
        *_unknown_names(datacenter),
        *_addresses(datacenter, placed),
        *_doubles(placed),
        *_quorum(datacenter, placed),
        *_capacity(datacenter, placed),
        *_firewall(datacenter),
    ]
    return [Mistake(file, f"{prefix}.{key}", problem, remedy) for key, problem, remedy in found]


Found = Iterator[tuple[str, str, str]]
"""Key, problem and remedy."""


def _unknown_names(datacenter: Datacenter) -> Found:
    for group, machines in datacenter.machines.items():
        for host in machines.hosts or ():
            if host not in datacenter.hosts:
                yield f"machines.{group}.hosts", f"there is no host {host!r}", nearest(host, datacenter.hosts)
        allowed = [host for host in machines.hosts or datacenter.hosts if host in datacenter.hosts]
        for host in allowed:
            stores, templates = datacenter.hosts[host].datastores, datacenter.hosts[host].templates
            if machines.datastore not in stores:
                remedy = f"{nearest(machines.datastore, stores)}; or name the hosts that have it in `hosts`"
                yield f"machines.{group}.datastore", f"the host {host} has no datastore {machines.datastore!r}", remedy
            if machines.template not in templates:
                remedy = f"{nearest(machines.template, templates)}; or make the template there and list it"
                yield f"machines.{group}.template", f"the host {host} has no template {machines.template!r}", remedy
        if machines.resource_pool is not None and machines.resource_pool not in datacenter.resource_pools:
            problem = f"there is no resource pool {machines.resource_pool!r}"
            yield f"machines.{group}.resource_pool", problem, nearest(machines.resource_pool, datacenter.resource_pools)
        if machines.macs and len(machines.macs) != machines.count:
            yield f"machines.{group}.macs", f"{len(machines.macs)} for {machines.count} machines", "list one for each, or none"


def _addresses(datacenter: Datacenter, placed: Iterable[Placed]) -> Found:
    network, virtual = datacenter.network, datacenter.addresses
    ends = (network.subnet.network_address, network.subnet.broadcast_address)
    inside = "write one of the network's, which is no other's"
    taken: dict[IPv4Address, str] = {network.gateway: "the gateway's"}
    if network.gateway not in network.subnet:
        yield "network.gateway", f"{network.gateway} is outside {network.subnet}", inside
    if virtual:
        first, last = (IPv4Address(part) for part in virtual.ingress_pool.split("-"))
        pool = {IPv4Address(number) for number in range(int(first), min(int(last), int(first) + network.subnet.num_addresses) + 1)}
        for key, address in (
            ("kubernetes_api", virtual.kubernetes_api),
            ("ingress", virtual.ingress),
            ("ingress_pool", first),
            ("ingress_pool", last),
        ):
            if address not in network.subnet:
                yield f"addresses.{key}", f"{address} is outside {network.subnet}", inside
        if virtual.ingress not in pool:
            yield "addresses.ingress", f"{virtual.ingress} is outside the pool {virtual.ingress_pool}", "write one of the pool's"
        if virtual.public in network.subnet:
            yield "addresses.public", f"{virtual.public} is inside {network.subnet}", "write the firewall's address outside"
        if virtual.kubernetes_api in {*taken, *pool}:
            yield "addresses.kubernetes_api", f"{virtual.kubernetes_api} is the gateway's or the pool's", inside
        taken |= {virtual.kubernetes_api: "the Kubernetes API's", **dict.fromkeys(pool, "the ingress pool's")}
    for machine in placed:
        key = f"machines.{machine.group}.first_address"
        if machine.address not in network.subnet or machine.address in ends:
            yield key, f"{machine.name} would have {machine.address}, which is outside {network.subnet}", inside
        elif machine.address in taken:
            yield key, f"{machine.name} would have {machine.address}, which is {taken[machine.address]}", inside


def _doubles(placed: Iterable[Placed]) -> Found:
    for what, key, value in (
        ("name", "machines", lambda machine: machine.name),
        ("address", "first_address", lambda machine: str(machine.address)),
        ("MAC address", "macs", lambda machine: machine.mac),
    ):
        holders: dict[str, list[Placed]] = defaultdict(list)
        for machine in placed:
            holders[value(machine)].append(machine)
        for word, machines in holders.items():
            if len(machines) > 1:
                where = f"machines.{machines[1].group}" + ("" if key == "machines" else f".{key}")
                both = " and ".join(f"{machine.name} of {machine.group}" for machine in machines)
                yield where, f"{both} would have the same {what}, {word}", "give the groups others"


def _quorum(datacenter: Datacenter, placed: list[Placed]) -> Found:
    counts: Counter[str] = Counter(machine.role for machine in placed)
    if any(counts[role] for role in CLUSTER_ROLES) and datacenter.addresses is None:
        yield "addresses", "missing: a cluster needs an address for its API and for its ingress", "add it"
    planes, workers = counts["control_plane"], counts["worker"]
    if planes and (planes < CONTROL_PLANES_MIN or planes % 2 == 0):
        problem = f"{planes} control planes: etcd keeps its majority through the loss of one only with an odd number from three on"
        yield "machines", problem, "write a count of 3 or 5"
    if workers and not planes:
        yield "machines", "workers without a control plane", "add a group with the role control_plane"
    for role, most, what in (
        ("control_plane", (planes - 1) // 2, "etcd would lose its majority with that host"),
        ("worker", ceil(workers / 3), "more than a third of the workers would be lost with that host"),
    ):
        on_host = Counter(machine.host for machine in placed if machine.role == role)
        for host, count in on_host.items():
            if count > max(most, 1) or (role == "control_plane" and planes >= CONTROL_PLANES_MIN and count > most):
                yield (
                    "machines",
                    f"{count} of {counts[role]} machines with the role {role} would stand on {host}: {what}",
                    "spread them over more hosts",
                )


def _capacity(datacenter: Datacenter, placed: list[Placed]) -> Found:
    for name, host in datacenter.hosts.items():
        here = [machine for machine in placed if machine.host == name]
        memory = sum(machine.settings.memory_mib for machine in here)
        room = host.memory_mib - host.memory_reserved_mib
        fewer = "place fewer or smaller machines there, or correct what the host has"
        if memory > room:
            yield f"hosts.{name}.memory_mib", f"its machines would have {memory} MiB of memory, and {room} are there for them", fewer
        processors = sum(machine.settings.cpus for machine in here)
        threads = host.cpu_threads * datacenter.vcpus_per_thread
        if processors > threads:
            yield f"hosts.{name}.cpu_threads", f"its machines would have {processors} virtual processors, and {threads} are allowed", fewer
        for machine in here:
            if machine.settings.cpus > host.cpu_threads:
                problem = f"{machine.name} would have {machine.settings.cpus} processors, and {name} has {host.cpu_threads}"
                yield f"machines.{machine.group}.cpus", problem, "write fewer"
        for store, datastore in host.datastores.items():
            disks = sum(machine.settings.disk_gib for machine in here if machine.settings.datastore == store)
            if disks > datastore.capacity_gib:
                problem = f"the disks on it would have {disks} GiB, and it has {datastore.capacity_gib}"
                yield f"hosts.{name}.datastores.{store}", problem, fewer


def _firewall(datacenter: Datacenter) -> Found:
    firewall, virtual = datacenter.firewall, datacenter.addresses
    if firewall is None:
        return
    if virtual is None:
        yield "addresses", "missing: the firewall needs the public address and the ingress controller's", "add it"
    elif firewall.address == virtual.public:
        problem = "it would be managed at its public address, from outside"
        yield "firewall.address", problem, "write its address inside, for example the gateway"
    if not firewall.ca_certificate_file and not firewall.certificate_sha256:
        problem = "its certificate could not be checked"
        yield "firewall", problem, "add ca_certificate_file, or certificate_sha256 for the certificate that it made itself"
    for index, door in enumerate(firewall.publish):
        if door.service not in PUBLISHED:
            problem = f"{door.service} would be reached from outside: only {' and '.join(PUBLISHED)} may be"
            yield f"firewall.publish.{index}.service", problem, "take it away; management goes through the management networks"
        if door.to != "ingress":
            problem = f"{door.to!r} would be reached from outside: only the ingress controller may be"
            yield f"firewall.publish.{index}.to", problem, "write ingress, and give the service a public host in the catalogue"
