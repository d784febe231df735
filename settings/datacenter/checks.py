"""What is wrong with a datacenter that its types allow: all of it at once, before any host is contacted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from math import ceil

from settings.datacenter.model import Datacenter
from settings.datacenter.place import Placed, place
from settings.errors import Mistake, nearest

CONTROL_PLANES_MIN = 3
"""etcd needs a majority: of three, one may be lost (https://etcd.io/docs/v3.6/faq/)."""
PUBLISHED = ("HTTP", "HTTPS")
"""What may be reached from outside, and only at the ingress address; everything else would be management."""
INTERNAL = tuple(IPv4Network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""Networks that the internet does not reach: RFC 1918."""
POOL_MAX = 4_096
ELSEWHERE = "write one of the network's, which is no other's"
CLUSTER_ROLES = ("control_plane", "worker")
SINGLE_ROLES = {
    "postgres": "each would be a server of its own, and both would write into one backup repository",
    "rabbitmq": "each would be a broker of its own, and the environments use the first",
}
"""Roles of which there is one machine at most, and why."""
RESERVED_NAMES = frozenset({"all", "brokers", "databases", "etcd", "firewall", "localhost", "sonicwall", "ungrouped"})
"""What Ansible's inventory calls its groups, the firewall and the computer that runs it (ops/inventory.py)."""


def mistakes(datacenter: Datacenter, file: str, prefix: str) -> list[Mistake]:
    """Every mistake, with its key and its remedy."""
    placed = place(datacenter)
    found = [
        *_unknown_names(datacenter),
        *_addresses(datacenter, placed),
        *_doubles(placed),
        *_names(datacenter, placed),
        *_access(datacenter),
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
    """Every address lies where it must, and is nobody else's."""
    network, virtual = datacenter.network, datacenter.addresses
    pool = _pool(virtual.ingress_pool) if virtual else []
    taken: dict[IPv4Address, str] = {}
    for key, address, owner in _claims(datacenter, pool):
        if address in taken:
            yield key, f"{address} is {taken[address]}", ELSEWHERE
        taken.setdefault(address, owner)
    if virtual and len(pool) > POOL_MAX:
        yield "addresses.ingress_pool", f"{virtual.ingress_pool} has more than {POOL_MAX} addresses", "write a smaller range"
    inside = [("network.gateway", network.gateway)]
    if virtual:
        inside += [
            ("addresses.kubernetes_api", virtual.kubernetes_api),
            *(("addresses.ingress_pool", address) for address in pool[:1] + pool[-1:]),
        ]
        if virtual.ingress not in pool:
            yield "addresses.ingress", f"{virtual.ingress} is outside the pool {virtual.ingress_pool}", "write one of the pool's"
        if virtual.public in network.subnet:
            yield "addresses.public", f"{virtual.public} is inside {network.subnet}", "write the firewall's address outside"
    for key, address in inside:
        if not _is_host_of(network.subnet, address):
            yield key, f"{address} is outside {network.subnet}, or its first or last", ELSEWHERE
    for machine in placed:
        key = f"machines.{machine.group}.first_address"
        if not _is_host_of(network.subnet, machine.address):
            yield key, f"{machine.name} would have {machine.address}, which is outside {network.subnet}, or its first or last", ELSEWHERE
        elif machine.address in taken:
            yield key, f"{machine.name} would have {machine.address}, which is {taken[machine.address]}", ELSEWHERE


def _claims(datacenter: Datacenter, pool: Iterable[IPv4Address]) -> Iterator[tuple[str, IPv4Address, str]]:
    """Every address that something other than a machine has: its key, and whose it is. The firewall is usually the gateway."""
    yield "network.gateway", datacenter.network.gateway, "the gateway's"
    if datacenter.addresses:
        yield "addresses.kubernetes_api", datacenter.addresses.kubernetes_api, "the Kubernetes API's"
        for address in pool:
            yield "addresses.ingress_pool", address, "the ingress pool's"
    for name, host in datacenter.hosts.items():
        if found := _as_address(host.address):
            yield f"hosts.{name}.address", found, f"the host {name}'s"
    if datacenter.firewall and datacenter.firewall.address != datacenter.network.gateway:
        yield "firewall.address", datacenter.firewall.address, "the firewall's"


def _pool(words: str) -> list[IPv4Address]:
    """The addresses of a range; of one that is too large one more than POOL_MAX."""
    first, last = (IPv4Address(part) for part in words.split("-"))
    return [IPv4Address(number) for number in range(int(first), min(int(last), int(first) + POOL_MAX) + 1)]


def _as_address(host: str) -> IPv4Address | None:
    try:
        return IPv4Address(host)
    except ValueError:
        return None  # a name


def _is_host_of(subnet: IPv4Network, address: IPv4Address) -> bool:
    return address in subnet and address not in (subnet.network_address, subnet.broadcast_address)


def _is_internal(network: IPv4Network) -> bool:
    return any(network.subnet_of(internal) for internal in INTERNAL)


def _access(datacenter: Datacenter) -> Found:
    for network in datacenter.access.management_networks:
        if not _is_internal(network):
            remedy = "write networks of RFC 1918, for example the VPN's, 10.0.99.0/24"
            yield "access.management_networks", f"{network} would let the internet try to sign in", remedy


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
            if len(machines) > 1 and (key != "macs" or any(machine.settings.macs for machine in machines)):
                where = f"machines.{machines[1].group}" + ("" if key == "machines" else f".{key}")
                both = " and ".join(f"{machine.name} of {machine.group}" for machine in machines)
                yield where, f"{both} would have the same {what}, {word}", "give the groups others"


def _names(datacenter: Datacenter, placed: Iterable[Placed]) -> Found:
    """What a machine must not be called, and what a host is managed as only once."""
    templates = {template for host in datacenter.hosts.values() for template in host.templates}
    for machine in placed:
        if machine.name in RESERVED_NAMES:
            problem = f"a machine would be called {machine.name}, which Ansible's inventory has for something else"
            yield f"machines.{machine.group}", problem, "give the group another name"
        if machine.name in templates:
            problem = f"{machine.name} would be called like a template, which the plugin would power off and take over"
            yield f"machines.{machine.group}", problem, "give the group or the template another name"
    managed: dict[str, str] = {}
    for name, host in datacenter.hosts.items():
        if host.address in managed and _as_address(host.address) is None:  # of addresses, see _addresses
            yield f"hosts.{name}.address", f"{host.address} is the host {managed[host.address]}'s", "write its own name or address"
        managed.setdefault(host.address, name)


def _quorum(datacenter: Datacenter, placed: list[Placed]) -> Found:
    counts: Counter[str] = Counter(machine.role for machine in placed)
    if any(counts[role] for role in CLUSTER_ROLES) and datacenter.addresses is None:
        yield "addresses", "missing: a cluster needs an address for its API and for its ingress", "add it"
    for single, why in SINGLE_ROLES.items():
        if counts[single] > 1:
            yield "machines", f"{counts[single]} machines with the role {single}: {why}", "write one"
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
                    "spread them over more hosts: by the count of a group, or its `hosts`",
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
            on_it = [machine.settings for machine in here if machine.settings.datastore == store]
            # A running VM has a swap file as large as its memory, which none of ours reserves (VMware, vSphere Resource Management).
            wanted = sum(machine.disk_gib + ceil(machine.memory_mib / 1024) for machine in on_it)
            if wanted > datastore.capacity_gib:
                problem = f"disks and swap files on it would have {wanted} GiB, and it has {datastore.capacity_gib}"
                yield f"hosts.{name}.datastores.{store}", problem, fewer


def _firewall(datacenter: Datacenter) -> Found:
    firewall, virtual = datacenter.firewall, datacenter.addresses
    if firewall is None:
        return
    if virtual is None:
        yield "addresses", "missing: the firewall needs the public address and the ingress controller's", "add it"
    elif not _is_internal(IPv4Network(firewall.address)):
        problem = f"it would be managed at {firewall.address}, from outside"
        yield "firewall.address", problem, "write its address inside, for example the gateway"
    if not firewall.ca_certificate_file and not firewall.certificate_sha256:
        problem = "its certificate could not be checked"
        yield "firewall", problem, "add ca_certificate_file, or certificate_sha256 for the certificate that it made itself"
    if firewall.ca_certificate_file and firewall.certificate_sha256:
        problem = "ca_certificate_file and certificate_sha256 would both decide whether its certificate is believed"
        yield "firewall", problem, "write one of them: the CA, or the fingerprint of a certificate that it made itself"
    if firewall.wan_zone.casefold() == firewall.inside_zone.casefold():
        problem = f"{firewall.inside_zone} would be both outside and inside"
        yield "firewall.inside_zone", problem, "write the zone that the platform's network is in"
    if not firewall.publish:
        yield "firewall.publish", "empty: nobody would reach the platform", "leave the key out, for HTTP and HTTPS"
    services = [door.service for door in firewall.publish]
    for index, door in enumerate(firewall.publish):
        if door.service in services[:index]:
            yield f"firewall.publish.{index}.service", f"{door.service} is published twice", "write it once"
        if door.service not in PUBLISHED:
            problem = f"{door.service} would be reached from outside: only {' and '.join(PUBLISHED)} may be"
            yield f"firewall.publish.{index}.service", problem, "take it away; management goes through the management networks"
        if door.to != "ingress":
            problem = f"{door.to!r} would be reached from outside: only the ingress controller may be"
            yield f"firewall.publish.{index}.to", problem, "write ingress, and give the service a public host in the catalogue"
