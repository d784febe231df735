"""One machine: a VM cloned from a template, with a fixed address from its first start on."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumiverse_esxi_native as esxi

from esxi.cloud_init import guestinfo
from settings.datacenter.model import Access, PlatformNetwork
from settings.datacenter.place import Placed

TYPE = "platform:esxi:Machine"
GUEST = "debian12-64"
"""ESXi 8's name for it (vSphere API, VirtualMachineGuestOsIdentifier); it chooses the virtual hardware's defaults."""
VIRTUAL_HARDWARE = 20
"""ESXi 8.0's (https://knowledge.broadcom.com/external/article/315655); without it the SDK would have 13 of ESXi 6.5 written."""
ROOT_POOL = "/"
FIRST_START_ONLY = ["info", "notes", "cloneFromVirtualMachine"]
"""What matters at the first start; a later difference would power the VM off for nothing."""
BY_HAND = [
    *("memSize", "numVCpus", "bootDiskSize", "diskStore", "resourcePoolName", "networkInterfaces", "power"),
    *("os", "virtualHWVer", "bootFirmware", "bootDiskType", "shutdownTimeout", "startupTimeout", "ovfPropertiesTimer"),
]
"""What a running machine in the datacenter is given on its host: the plugin's updates fail (docs/decisions/0024), and a change of the file
is a plan for the next one made. The placement and the inventory follow the file at once."""


@dataclass(frozen=True)
class MachineArgs:
    """What a machine is made from."""

    machine: Placed
    network: PlatformNetwork
    access: Access
    protect: bool


class Machine(pulumi.ComponentResource):
    """A machine on the host that the options' provider reaches. Protected, it is neither deleted nor changed by the engine."""

    def __init__(self, name: str, args: MachineArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(TYPE, name, {}, opts)
        settings = args.machine.settings
        self.vm = esxi.VirtualMachine(
            name,
            name=name,
            os=GUEST,
            clone_from_virtual_machine=settings.template,
            disk_store=settings.datastore,
            resource_pool_name=settings.resource_pool or ROOT_POOL,
            num_v_cpus=settings.cpus,
            mem_size=settings.memory_mib,
            boot_disk_size=settings.disk_gib,
            boot_firmware=esxi.BootFirmwareType(settings.firmware),
            virtual_hw_ver=VIRTUAL_HARDWARE,
            power="on",
            network_interfaces=[
                esxi.NetworkInterfaceArgs(virtual_network=args.network.port_group, mac_address=args.machine.mac, nic_type="vmxnet3")
            ],
            info=[esxi.KeyValuePairArgs(key=key, value=value) for key, value in guestinfo(args.machine, args.network, args.access).items()],
            notes=f"highstreet.ly: {args.machine.role}",
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                retain_on_delete=args.protect,
                delete_before_replace=True,  # the old one has the name and the address
                # The plugin asks for none when a machine's host changes: the state would say that it stands where nothing was made.
                replacement_trigger=args.machine.host,
                ignore_changes=[*FIRST_START_ONLY, *(BY_HAND if args.protect else [])],
            ),
        )
        self.register_outputs({})
