"""The datacenter in types: every key that esxi's stack files may have."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from settings.vocabulary import Address, Mebibytes, Model, Network, Port, WorkloadName

VCPUS_MAX = 8
"""Of one VM: what a free ESXi host allows (https://knowledge.broadcom.com/external/article/399823)."""
HYPERVISOR_MEMORY_MIB = 8_192
"""What a host keeps for itself: ESXi 8 needs 8 GiB to start (VMware ESXi 8.0 hardware requirements), so no VM is promised them."""

_RANGE = re.compile(r"(\S+?)\s*-\s*(\S+)")
_MAC = re.compile(r"00:50:56:[0-3][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}")
_SERVER = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa|sk-\S+) [A-Za-z0-9+/=]+( .*)?")
_FINGERPRINT = re.compile(r"([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


def _range(value: str) -> str:
    match = _RANGE.fullmatch(value)
    try:
        first, last = (IPv4Address(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None or first > last:
        raise ValueError(f"{value!r} is not a range of addresses; write the first and the last, for example 10.10.0.80-10.10.0.89")
    return f"{first}-{last}"


def _mac(value: str) -> str:
    if not _MAC.fullmatch(value.lower()):
        raise ValueError(f"{value!r} is not a MAC address for a VM; use VMware's own range, for example 00:50:56:00:00:1f")
    return value.lower()


def _server(value: str) -> str:
    if not _SERVER.fullmatch(value):
        raise ValueError(f"{value!r} is neither an address nor a name; for example 10.10.9.11")
    return value


def _key(value: str) -> str:
    if not _KEY.fullmatch(value.strip()):
        raise ValueError("not a public SSH key; write the whole line of the .pub file, for example ssh-ed25519 AAAA… ada")
    return value.strip()


def _fingerprint(value: str) -> str:
    if not _FINGERPRINT.fullmatch(value):
        raise ValueError(f"{value!r} is not a SHA-256 fingerprint; openssl x509 -noout -fingerprint -sha256 prints it")
    return value.replace(":", "").lower()


Range = Annotated[str, AfterValidator(_range)]
"""The first and the last of neighbouring addresses."""

Mac = Annotated[str, AfterValidator(_mac)]
"""A MAC address of the range that VMware keeps for those given by hand: 00:50:56:00:00:00 to 00:50:56:3f:ff:ff."""

Server = Annotated[str, AfterValidator(_server)]
"""Where a host is managed."""

PublicKey = Annotated[str, AfterValidator(_key)]
"""A public SSH key as it stands in authorized_keys."""

Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""The SHA-256 of a certificate, with or without colons."""

Gibibytes = Annotated[int, Field(ge=1, le=1_048_576)]
"""2^30 bytes."""

Role = Literal["postgres", "rabbitmq", "control_plane", "worker"]
"""What a machine is for; it decides its group in Ansible's inventory."""

ROLES: tuple[Role, ...] = ("postgres", "rabbitmq", "control_plane", "worker")
"""In the order in which machines are made and started: data before the cluster that uses it."""


class PlatformNetwork(Model):
    """The one network of the platform's machines: a port group of the same name on every host."""

    port_group: str = Field(min_length=1, max_length=64, description="the port group's name on every host")
    switch: str = Field(default="vSwitch0", min_length=1, description="the virtual switch it belongs to; it must be there")
    managed: bool = Field(default=True, description="make the port group; false where it is there already")
    vlan: int = Field(default=0, ge=0, le=4095, description="0: untagged")
    subnet: Network
    gateway: Address
    nameservers: tuple[Address, ...] = Field(min_length=1, description="what the machines ask for names")


class VirtualAddresses(Model):
    """Addresses of no machine."""

    kubernetes_api: Address = Field(description="the control planes' common address, held by one of them (kube-vip)")
    ingress_pool: Range = Field(description="what the cluster's load balancer may give out")
    ingress: Address = Field(description="the ingress controller's; the firewall sends ports 80 and 443 to it")
    public: Address = Field(description="the firewall's, where the environments' names lead")


class Datastore(Model):
    """Where a host keeps disks."""

    capacity_gib: Gibibytes


class Host(Model):
    """One ESXi host."""

    address: Server = Field(description="where it is managed; the machine that runs Pulumi must reach its ports 22 and 443")
    username: str = "root"
    cpu_threads: int = Field(ge=1, le=1024, description="logical processors")
    memory_mib: Mebibytes
    memory_reserved_mib: int = Field(default=HYPERVISOR_MEMORY_MIB, ge=0, description="what the hypervisor keeps for itself")
    datastores: dict[str, Datastore] = Field(min_length=1)
    templates: tuple[str, ...] = Field(min_length=1, description="VMs on this host that machines may be cloned from")


class ResourcePool(Model):
    """A share of a host's processors and memory when both are short."""

    shares: Literal["low", "normal", "high"] = "normal"


class MachineGroup(Model):
    """Machines of one kind. One bears the group's name; several are numbered, their addresses too."""

    role: Role
    count: int = Field(default=1, ge=1, le=99)
    cpus: int = Field(ge=1, le=VCPUS_MAX, description="virtual processors of each; a free ESXi host allows 8")
    memory_mib: Mebibytes
    disk_gib: Gibibytes
    datastore: str = Field(description="the datastore of that name on its host")
    template: str = Field(description="the VM that each is cloned from")
    first_address: Address = Field(description="of the first; the others follow it")
    macs: tuple[Mac, ...] = Field(default=(), description="one for each, where they must be certain ones; else they follow the addresses")
    hosts: tuple[str, ...] | None = Field(default=None, min_length=1, description="only these hosts; without it, any")
    resource_pool: str | None = Field(default=None, description="one of resource_pools; without it the host's root pool")


class Access(Model):
    """Who may sign in to the machines."""

    deploy_authorized_keys: tuple[PublicKey, ...] = Field(min_length=1, description="of the account `deploy`")
    management_networks: tuple[Network, ...] = Field(min_length=1, description="from where SSH is allowed")


class Publication(Model):
    """One door in the firewall."""

    service: str = Field(description="the firewall's service object: HTTP or HTTPS")
    to: str = Field(default="ingress", description="where it leads: a virtual address")


class Firewall(Model):
    """The SonicWall before the datacenter."""

    address: Address = Field(description="where it is managed: inside, never from outside")
    port: Port = 443
    username: str = "admin"
    ca_certificate_file: str = Field(default="", description="the CA of its certificate (PEM)")
    certificate_sha256: Fingerprint | None = Field(default=None, description="of the certificate that it made itself")
    wan_interface: str = "X1"
    wan_zone: str = "WAN"
    inside_zone: str = "LAN"
    publish: tuple[Publication, ...] = (Publication(service="HTTP"), Publication(service="HTTPS"))


class Datacenter(Model):
    """The whole of it."""

    network: PlatformNetwork
    addresses: VirtualAddresses | None = Field(default=None, description="needed where there is a cluster or a firewall")
    hosts: dict[WorkloadName, Host] = Field(min_length=1)
    resource_pools: dict[WorkloadName, ResourcePool] = Field(default={})
    machines: dict[WorkloadName, MachineGroup] = Field(min_length=1)
    access: Access
    firewall: Firewall | None = None
    protect: bool = Field(default=True, description="refuse to delete a machine, and keep it when it leaves the files")
    vcpus_per_thread: int = Field(
        default=4, ge=1, le=16, description="how many virtual processors may share one of a host's logical processors"
    )
