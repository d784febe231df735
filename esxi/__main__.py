"""highstreet.ly's datacenter: hosts with their networks and pools, and the machines on them, data machines first."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout: settings are shared with the root project

import pulumi

from esxi import outputs
from esxi.host import Host, HostArgs
from esxi.machine import Machine, MachineArgs
from esxi.reach import unreachable
from settings.datacenter.load import load_program

settings = load_program()
datacenter = settings.datacenter
lost = unreachable(datacenter.hosts)

hosts = {
    name: Host(name, HostArgs(host, settings.passwords[name], datacenter.network, datacenter.resource_pools))
    for name, host in datacenter.hosts.items()
    if name not in lost
}

earlier: list[pulumi.Resource] = []
for role in outputs.roles(settings.machines):
    here = [placed for placed in settings.machines if placed.role == role and placed.host in hosts]
    earlier = [
        Machine(
            placed.name,
            MachineArgs(placed, datacenter.network, datacenter.access, protect=datacenter.protect),
            pulumi.ResourceOptions(provider=hosts[placed.host].provider, depends_on=[hosts[placed.host], *earlier]),
        )
        for placed in here
    ]

for name, value in outputs.outputs(settings).items():
    pulumi.export(name, value)

if lost:  # only now, when the other hosts' part is declared; a program that fails has the engine delete nothing of what was left out
    raise pulumi.RunError("\n".join(lost.values()))
