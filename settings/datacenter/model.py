"""The datacenter in types: every key that esxi's stack files may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from settings.vocabulary import (
    Address,
    AddressRange,
    Fingerprint,
    Gibibytes,
    MacAddress,
    Mebibytes,
    Model,
    Network,
    Port,
    PublicKey,
    Server,
    WorkloadName,
)

VCPUS_MAX = 8
"""Of one VM: what a free ESXi host allows (https://knowledge.broadcom.com/external/article/399823)."""
HYPERVISOR_MEMORY_MIB = 8_192
"""What a host keeps for itself: ESXi 8 needs 8 GiB to start (VMware ESXi 8.0 hardware requirements), so no VM is promised them."""

Role = Literal["postgres", "rabbitmq", "control_plane", "worker"]
"""What a machine is for; it decides its group in Ansible's inventory."""

FOLLOWS = cast("Address", None)
"""Stands for a default that follows from another key: it is filled in before anything is read."""

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
    nameservers: tuple[Address, ...] = Field(
        default=(), min_length=1, description="what the machines ask for names; without it, the gateway"
    )

    @model_validator(mode="before")
    @classmethod
    def _asks_the_gateway(cls, given: Any) -> Any:
        return {"nameservers": [given["gateway"]], **given} if isinstance(given, Mapping) and "gateway" in given else given


class VirtualAddresses(Model):
    """Addresses of no machine."""

    kubernetes_api: Address = Field(description="the control planes' common address, held by one of them (kube-vip)")
    ingress_pool: AddressRange = Field(description="what the cluster's load balancer may give out")
    ingress: Address = Field(
        default=FOLLOWS, description="the ingress controller's, to which the firewall sends ports 80 and 443; without it, the pool's first"
    )
    public: Address = Field(description="the firewall's, where the environments' names lead")

    @model_validator(mode="before")
    @classmethod
    def _takes_the_pool_s_first(cls, given: Any) -> Any:
        pool = given.get("ingress_pool") if isinstance(given, Mapping) else None
        return {"ingress": pool.partition("-")[0].strip(), **given} if isinstance(pool, str) else given


class Datastore(Model):
    """Where a host keeps disks."""

    capacity_gib: Gibibytes


class EsxiHost(Model):
    """One ESXi host."""

    address: Server = Field(description="where it is managed; the machine that runs Pulumi must reach its ports 22 and 443")
    probed: bool = Field(default=True, description="try these ports before anything is declared; false where it is no ESXi host")
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
    firmware: Literal["bios", "efi"] = Field(default="efi", description="how the template boots; the plugin writes it into every clone")
    first_address: Address = Field(description="of the first; the others follow it")
    macs: tuple[MacAddress, ...] = Field(
        default=(), description="one for each, where they must be certain ones; else they follow the addresses"
    )
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

    address: Address = Field(default=FOLLOWS, description="where it is managed: inside, never from outside; without it, the gateway")
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
    hosts: dict[WorkloadName, EsxiHost] = Field(min_length=1)
    resource_pools: dict[WorkloadName, ResourcePool] = Field(default={})
    machines: dict[WorkloadName, MachineGroup] = Field(min_length=1)
    access: Access
    firewall: Firewall | None = None
    protect: bool = Field(default=True, description="refuse to delete a machine, and keep it when it leaves the files")
    vcpus_per_thread: int = Field(
        default=4, ge=1, le=16, description="how many virtual processors may share one of a host's logical processors"
    )

    @model_validator(mode="before")
    @classmethod
    def _has_the_firewall_as_gateway(cls, given: Any) -> Any:
        network, firewall = (given.get("network"), given.get("firewall")) if isinstance(given, Mapping) else (None, None)
        if not isinstance(network, Mapping) or not isinstance(firewall, Mapping) or "gateway" not in network:
            return given
        return {**given, "firewall": {"address": network["gateway"], **firewall}}
