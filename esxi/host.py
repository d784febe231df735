"""One ESXi host: how it is reached, the platform's port group, and the resource pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumiverse_esxi_native as esxi

from settings.datacenter import model

TYPE = "platform:esxi:Host"


@dataclass(frozen=True)
class HostArgs:
    """What a host is made from."""

    host: model.EsxiHost
    password: pulumi.Input[str] = field(repr=False)
    network: model.PlatformNetwork
    resource_pools: Mapping[str, model.ResourcePool]


class Host(pulumi.ComponentResource):
    """A host that is there already: nothing of this changes ESXi itself."""

    def __init__(self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, {}, opts)
        self.provider = esxi.Provider(
            name,
            host=args.host.address,
            username=args.host.username,
            password=args.password,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The plugin's Update fails for these as it does for a VM (decision 24): what changes is changed on the host by hand.
        ignored = ["vlan", "vSwitch", "cpuShares", "memShares"]
        mine = pulumi.ResourceOptions(parent=self, provider=self.provider, ignore_changes=ignored)
        if args.network.managed:
            # Its security settings are left to the switch: the plugin checks booleans as texts and refuses both.
            esxi.PortGroup(name, name=args.network.port_group, v_switch=args.network.switch, vlan=args.network.vlan, opts=mine)
        for pool, settings in args.resource_pools.items():
            esxi.ResourcePool(f"{name}-{pool}", name=pool, cpu_shares=settings.shares, mem_shares=settings.shares, opts=mine)
        self.register_outputs({})
