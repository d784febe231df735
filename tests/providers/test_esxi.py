"""The real Pulumi engine with ESXi's plugin: machines are containers of the estate's machine image, on a network that the test makes.

Needs a container engine, and `pulumi` with its Python language host: on PATH, or in the folder $HS_TEST_PULUMI_BIN.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.base_images import ensure_base_images
from local.machines.image import ensure_image
from local.providers.wire import Properties
from tests.providers.plugin import Plugin, Refused
from tests.providers.stacks import Stack, new_stack

MACHINE = "esxi-native:index:VirtualMachine"
PORT_GROUP = "esxi-native:index:PortGroup"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMQxw0y3TnT0cCLrDs7bN8XoXbTnTnWcVqgkhR1P7kZ3 test"
MIB = 1024 * 1024
PROGRAM = """
import json, os
import pulumi, pulumiverse_esxi_native as esxi
settings = json.loads(os.environ["PROVIDERS_TEST"])
provider = esxi.Provider("esxi1", **settings["host"])
opts = pulumi.ResourceOptions(provider=provider)
earlier = []
network = esxi.PortGroup("network", name=settings["network"], v_switch="vSwitch0", vlan=10, opts=opts)
pool = esxi.ResourcePool("pool", name="platform", opts=opts)
for name, machine in settings["machines"].items():
    made = esxi.VirtualMachine(
        name, name=name, disk_store="ssd", os="debian12-64", clone_from_virtual_machine=settings["image"], resource_pool_name=pool.name,
        mem_size=machine["memory"], info=[esxi.KeyValuePairArgs(**pair) for pair in machine["info"]],
        network_interfaces=[esxi.NetworkInterfaceArgs(virtual_network=network.name, mac_address=machine["mac"])],
        opts=pulumi.ResourceOptions(provider=provider, depends_on=earlier, **settings.get("options", {})),
    )
    pulumi.export(name, made.ip_address)
    earlier = [made] if settings.get("options") else []
if settings.get("lost"):
    raise pulumi.RunError(settings["lost"])
"""


class Host:
    """The container engine as the test sees it: one network, and the machines of one host."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.subnet = ""

    def docker(self, *words: str) -> str:
        """A command behind Pulumi's back."""
        return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=True).stdout.strip()

    def start(self) -> None:
        """Make the network in the first of a few ranges that is free."""
        for _ in range(20):
            subnet = f"172.29.{secrets.randbelow(256)}.0/27"
            command = ["docker", "network", "create", "--subnet", subnet, "--label", f"ly.highstreet.test={self.name}", self.name]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                self.subnet = subnet
                return
        pytest.fail("no range of 172.29.0.0/16 is free for a docker network")

    def remove(self) -> None:
        """Remove every container on the network, and the network."""
        for container in self.docker("ps", "--all", "--quiet", "--filter", f"network={self.name}").split():
            self.docker("rm", "--force", "--volumes", container)
        self.docker("network", "rm", self.name)

    def address(self, last: int) -> str:
        """An address of the network."""
        return f"{self.subnet.rpartition('.')[0]}.{last}"

    def machines(self) -> list[str]:
        """The machines that are there, running or not."""
        listed = self.docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"label=ly.highstreet.estate={self.name}")
        return sorted(name.removeprefix(f"{self.name}-") for name in listed.split())

    def inspect(self, machine: str) -> dict[str, Any]:
        """What the engine tells of a machine."""
        found: dict[str, Any] = json.loads(self.docker("container", "inspect", f"{self.name}-{machine}"))[0]
        return found

    def inside(self, machine: str, *words: str) -> str:
        """A command on a machine."""
        return self.docker("exec", f"{self.name}-{machine}", *words)

    def described(self, last: int, *, memory: int = 128, keys: Sequence[str] = (KEY,)) -> Properties:
        """A machine as the program is told of it."""
        network = {"version": 2, "ethernets": {"lan": {"addresses": [f"{self.address(last)}/27"]}}}
        metadata = json.dumps({"instance-id": f"m{last}", "network": network})
        userdata = "#cloud-config\n" + yaml.safe_dump({"users": [{"name": "deploy", "ssh_authorized_keys": list(keys)}]})
        info = [
            entry
            for key, text in (("metadata", metadata), ("userdata", userdata))
            for entry in (
                {"key": key, "value": base64.b64encode(text.encode()).decode()},
                {"key": f"{key}.encoding", "value": "base64"},
            )
        ]
        return {"memory": memory, "info": info, "mac": f"00:50:56:00:00:{last:02x}"}


@pytest.fixture(scope="module")
def image() -> str:
    """The estate's machine image."""
    ensure_base_images()
    return ensure_image()


@pytest.fixture
def host() -> Iterator[Host]:
    """A host without machines, and its network; both removed afterwards."""
    found = Host(f"hs-esxi-{secrets.token_hex(3)}")
    found.start()
    try:
        yield found
    finally:
        found.remove()


@pytest.fixture
def stack(tmp_path: Path, host: Host, image: str) -> Iterator[Stack]:
    """A new stack with the plugins installed; destroyed afterwards."""
    given = {"host": {"host": host.name, "password": "the-hosts-password"}, "network": host.name, "image": image}
    made = new_stack(tmp_path, PROGRAM, {**given, "machines": {"alpha": host.described(10), "beta": host.described(11)}})
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")


def test_the_whole_life_of_machines(stack: Stack, host: Host) -> None:
    stack.pulumi("preview")
    assert host.machines() == [], "a preview touches nothing"
    said = stack.pulumi("up", "--yes", "--skip-preview")
    assert host.machines() == ["alpha", "beta"]
    assert json.loads(stack.pulumi("stack", "output", "--json")) == {"alpha": host.address(10), "beta": host.address(11)}
    assert host.inside("alpha", "cat", "/home/deploy/.ssh/authorized_keys") == KEY
    assert host.inside("alpha", "stat", "--format", "%a %U", "/home/deploy/.ssh/authorized_keys") == "600 deploy"
    assert host.inspect("alpha")["HostConfig"]["Memory"] == 128 * MIB
    assert stack.resources()["alpha"]["id"] == f"{host.name}-alpha"
    assert "the-hosts-password" not in stack.state_files() + said, "the password is encrypted in the state"
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh")

    machines: Properties = {"alpha": host.described(10, memory=192), "beta": host.described(11, keys=[KEY, f"{KEY}-2"])}
    before = host.inspect("alpha")["Id"]
    assert "2 updated" in stack.pulumi("up", "--yes", "--skip-preview", machines=machines)
    assert host.inspect("alpha")["HostConfig"]["Memory"] == 192 * MIB
    assert host.inspect("alpha")["Id"] == before, "in place: what is on its disk stays"
    assert host.inside("beta", "cat", "/home/deploy/.ssh/authorized_keys").splitlines() == [KEY, f"{KEY}-2"]
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh", machines=machines)

    fewer: Properties = {"alpha": machines["alpha"]}
    assert "1 deleted" in stack.pulumi("up", "--yes", "--skip-preview", machines=fewer)
    assert host.machines() == ["alpha"]
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert host.machines() == []
    assert host.docker("network", "ls", "--quiet", "--filter", f"name={host.name}"), "a port group leaves the network to its owner"


def test_what_somebody_changes_by_hand_is_put_back(stack: Stack, host: Host) -> None:
    stack.pulumi("up", "--yes", "--skip-preview")
    whole = {name: host.inspect(name)["Id"] for name in ("alpha", "beta")}

    host.docker("stop", "--time", "1", f"{host.name}-alpha")
    host.docker("update", "--memory", "160m", "--memory-swap", "160m", f"{host.name}-beta")
    assert "2 updated" in stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert host.inspect("alpha")["State"]["Running"] is True
    assert host.inspect("beta")["HostConfig"]["Memory"] == 128 * MIB

    host.docker("network", "disconnect", host.name, f"{host.name}-alpha")
    host.docker("network", "disconnect", host.name, f"{host.name}-beta")
    host.docker("network", "connect", "--ip", host.address(20), host.name, f"{host.name}-beta")
    assert "2 updated" in stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    addresses = [host.inspect(name)["NetworkSettings"]["Networks"][host.name]["IPAddress"] for name in ("alpha", "beta")]
    assert addresses == [host.address(10), host.address(11)]
    assert {name: host.inspect(name)["Id"] for name in ("alpha", "beta")} == whole, "no machine was lost"

    host.docker("rm", "--force", "--volumes", f"{host.name}-alpha")
    assert "1 created" in stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert host.inside("alpha", "cat", "/home/deploy/.ssh/authorized_keys") == KEY
    assert host.inspect("beta")["Id"] == whole["beta"]
    stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh")


def test_one_machine_is_made_anew_as_the_runbook_says_and_no_other_is_touched(stack: Stack, host: Host) -> None:
    options = {"protect": True, "retain_on_delete": True, "replacement_trigger": "esxi1"}  # esxi/machine.py's
    up = ("up", "--yes", "--skip-preview")
    stack.pulumi(*up, options=options)
    beta, alpha = host.inspect("beta")["Id"], stack.resources()["alpha"]["urn"]

    host.docker("rm", "--force", "--volumes", f"{host.name}-alpha")
    stack.pulumi(*up, "--expect-no-changes", options=options)
    assert host.machines() == ["beta"], "what the state holds counts as there"
    assert "can't be safely deleted" in stack.pulumi("state", "delete", "--force", "--yes", alpha, fine=False), "others depend on it"
    assert "marked for protection" in stack.pulumi(*up, "--target-replace", alpha, fine=False, options=options)
    stack.pulumi("state", "unprotect", "--yes", alpha)
    assert "1 replaced" in stack.pulumi(*up, "--target-replace", alpha, options=options)
    assert host.inside("alpha", "cat", "/home/deploy/.ssh/authorized_keys") == KEY
    assert host.inspect("beta")["Id"] == beta
    assert stack.resources()["alpha"]["protect"] is True
    stack.pulumi(*up, "--expect-no-changes", options=options)

    moved = {**options, "replacement_trigger": "esxi2"}
    assert "marked for protection" in stack.pulumi(*up, fine=False, options=moved), "never taken for one on the other host"
    assert host.machines() == ["alpha", "beta"]
    stack.pulumi(*up, options={})


def test_what_stands_on_a_host_that_cannot_be_reached_stays(stack: Stack, host: Host) -> None:
    stack.pulumi("up", "--yes", "--skip-preview")
    reached: Properties = {"alpha": host.described(10, memory=192)}
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False, machines=reached, lost="esxi2 cannot be reached")
    assert "esxi2 cannot be reached" in said
    assert "Traceback" not in said
    assert host.inspect("alpha")["HostConfig"]["Memory"] == 192 * MIB, "the other hosts are brought up to date"
    assert host.machines() == ["alpha", "beta"]
    assert set(stack.resources()) >= {"alpha", "beta"}


def test_a_name_or_an_address_that_is_taken_is_refused_and_nothing_half_made_is_left(stack: Stack, host: Host, image: str) -> None:
    theirs = host.docker("create", "--network", host.name, "--ip", host.address(10), "--name", f"{host.name}-theirs", image, "true")
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False)
    assert f"The address {host.address(10)} of the machine alpha is taken: the container {host.name}-theirs has it" in said
    assert "Traceback" not in said
    assert host.machines() == ["beta"]

    host.docker("rm", "--force", theirs)
    by_hand = host.docker("create", "--network", host.name, "--name", f"{host.name}-alpha", image, "true")
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False)
    assert f"There is a machine alpha on {host.name} already that Pulumi did not make" in said
    assert host.inspect("alpha")["Id"] == by_hand, "it is not touched"

    host.docker("rm", "--force", by_hand)
    missing = "highstreetly/no-such-image:1"
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False, image=missing)
    assert "The machine alpha could not be made" in said
    assert host.machines() == ["beta"]
    moved: Properties = {"alpha": host.described(10), "beta": host.described(12)}
    said = stack.pulumi("up", "--yes", "--skip-preview", fine=False, machines=moved)
    assert f"The machine beta is there with the address {host.address(11)}, not {host.address(12)}" in said
    stack.pulumi("up", "--yes", "--skip-preview")
    assert host.machines() == ["alpha", "beta"]


def test_a_machine_that_is_to_be_off_is_made_and_stopped(host: Host, image: str) -> None:
    plugin = Plugin("esxi-native", {"host": host.name, "password": "x"})
    inputs = _inputs(host, image, power="off")
    machine = plugin.make(MACHINE, inputs)
    assert host.inspect("gamma")["State"]["Running"] is False
    assert "ipAddress" not in machine.values
    assert machine.refresh()
    assert not machine.diff().changed
    assert machine.diff({**inputs, "power": "on"}).kinds == {"power": "UPDATE"}
    machine.update({**inputs, "power": "on"})
    assert host.inside("gamma", "cat", "/home/deploy/.ssh/authorized_keys") == KEY
    assert machine.values["ipAddress"] == host.address(13)
    renamed = machine.diff({**inputs, "name": "delta", "power": "on"})
    assert (renamed.replaces, renamed.deletes_first) == (["name"], True)
    machine.delete()
    assert host.machines() == []
    assert not machine.refresh()
    machine.delete()
    plugin.close()


def test_a_host_sees_and_removes_none_of_anothers_machines(host: Host, image: str) -> None:
    mine, other = (Plugin("esxi-native", {"host": name, "password": "x"}) for name in (host.name, f"{host.name}-other"))
    machine = mine.make(MACHINE, _inputs(host, image))
    machine.plugin = other
    machine.delete()
    assert host.machines() == ["gamma"]
    assert not machine.refresh()
    with pytest.raises(Refused, match="There is no network no-such-network"):
        mine.make(PORT_GROUP, {"name": "no-such-network", "vSwitch": "vSwitch0"})
    for plugin in (mine, other):
        plugin.close()


def _inputs(host: Host, image: str, **more: Any) -> Properties:
    described = host.described(13)
    cards = [{"virtualNetwork": host.name, "macAddress": described["mac"]}]
    given = {"name": "gamma", "diskStore": "ssd", "cloneFromVirtualMachine": image, "memSize": 128}
    return {**given, "info": described["info"], "networkInterfaces": cards, **more}
