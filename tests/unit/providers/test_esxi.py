"""ESXi's stand-in without a container engine: what guestinfo says, what is refused, and which commands a change becomes."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from local.providers.errors import BackendError
from local.providers.esxi_native.engine import Engine, Machine
from local.providers.esxi_native.guestinfo import Guest, guest
from local.providers.esxi_native.port_group import PortGroup
from local.providers.esxi_native.virtual_machine import VirtualMachine
from local.providers.properties import Refusals, check
from local.providers.wire import UNKNOWN, Properties

KEY = "ssh-ed25519 AAAA deploy"
USERDATA = f"#cloud-config\nusers:\n  - default\n  - name: deploy\n    ssh_authorized_keys: [{KEY}]\n"
NETWORK = {"version": 2, "ethernets": {"lan": {"match": {"macaddress": "00:50:56:00:00:1f"}, "addresses": ["10.10.0.31/24"]}}}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def info(metadata: Any = None, userdata: str = USERDATA) -> list[dict[str, str]]:
    """The guestinfo of a machine, as the program gives it."""
    told = json.dumps({"local-hostname": "postgres", "network": NETWORK} if metadata is None else metadata)
    values = {
        "metadata": encoded(told), "metadata.encoding": "base64", "userdata": encoded(userdata), "userdata.encoding": "base64",
    }  # fmt: skip
    return [{"key": key, "value": value} for key, value in values.items()]


def inputs(**more: Any) -> Properties:
    """A machine as the program describes it."""
    card = [{"virtualNetwork": "estate", "macAddress": "00:50:56:00:00:1f"}]
    given = {"name": "postgres", "diskStore": "ssd", "cloneFromVirtualMachine": "machine:1", "networkInterfaces": card, "info": info()}
    return {**given, "memSize": 512, "power": "on", **more}


def test_a_guest_is_its_name_its_address_and_its_accounts_keys() -> None:
    assert guest(info(), "vm") == Guest("postgres", "10.10.0.31", {"deploy": (KEY,)})


def test_metadata_may_nest_its_network_as_text_and_be_compressed() -> None:
    metadata = {"network": encoded(json.dumps({"network": NETWORK})), "network.encoding": "base64"}
    pairs = {entry["key"]: entry["value"] for entry in info(metadata)}
    pairs["userdata"] = base64.b64encode(gzip.compress(USERDATA.encode())).decode()
    pairs["userdata.encoding"] = "gzip+base64"
    assert guest([{"key": key, "value": value} for key, value in pairs.items()], "vm") == Guest("vm", "10.10.0.31", {"deploy": (KEY,)})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (info(userdata="users: []"), "The userdata of vm is no cloud configuration"),
        (info(userdata="#cloud-config\nusers: ["), "The userdata of vm is no YAML"),
        (info(metadata=["a list"]), "The metadata of vm is no mapping"),
        (info(metadata={"network": {"ethernets": {"lan": {"addresses": ["10.10.0.300/24"]}}}}), "An address of vm cannot be used"),
        (info(metadata={"network": {"ethernets": {"lan": {"addresses": ["10.0.0.1/24", "10.0.0.2/24"]}}}}), "vm has 2 addresses"),
        ([{"key": "metadata", "value": "%%%"}, {"key": "metadata.encoding", "value": "base64"}], "The metadata of vm is not base64"),
        (
            [{"key": "metadata", "value": "eA=="}, {"key": "metadata.encoding", "value": "rot13"}],
            "an encoding that cloud-init does not know",
        ),
    ],
)
def test_what_cloud_init_could_not_read_is_refused(told: list[dict[str, str]], said: str) -> None:
    with pytest.raises(BackendError, match=said):
        guest(told, "vm")


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"cloneFromVirtualMachine": None}, "cloneFromVirtualMachine"),
        ({"networkInterfaces": []}, "networkInterfaces"),
        ({"networkInterfaces": [{"virtualNetwork": "a"}, {"virtualNetwork": "b"}]}, "networkInterfaces"),
        ({"info": [{"key": "guestinfo.metadata", "value": "x"}]}, "info[0].key"),
        ({"memSize": 1}, "memSize"),
        ({"power": "suspended"}, "power"),
    ],
)
def test_what_a_container_cannot_be_is_refused_before_anything_is_made(changed: Properties, path: str) -> None:
    assert path in refused(VirtualMachine(), inputs(**changed))


def test_what_is_not_known_yet_is_not_refused() -> None:
    unknown = inputs(networkInterfaces=UNKNOWN, info=UNKNOWN, cloneFromVirtualMachine=UNKNOWN)
    assert refused(VirtualMachine(), unknown) == []


def test_a_port_group_takes_no_security_settings_and_no_vlan_that_is_none() -> None:
    given = {"name": "platform", "vSwitch": "vSwitch0", "vlan": 4096, "macChanges": False}
    assert refused(PortGroup(), given) == ["vlan", "macChanges"]


def refused(resource: Any, given: Properties) -> list[str]:
    """The paths of the inputs that are refused."""
    refusals = Refusals()
    checked = check(resource.properties, given, refusals)
    if not refusals.failures:
        resource.check(checked, refusals)
    return [failure.property for failure in refusals.failures]


class Recorder(Engine):
    """An engine of one machine and one network, which notes its commands and does what they say to its machine."""

    def __init__(self, machine: Machine | None = None, holder: str = "") -> None:
        super().__init__("estate")
        self.machine = machine
        self.theirs = holder
        self.commands: list[tuple[str, ...]] = []
        self.fails_at = ""

    @override
    def command(self, what: str, *words: str, remedy: str = "", given: str = "") -> str:
        self.commands.append((*words, given) if given else words)
        if words[0] == self.fails_at:
            raise BackendError(what)
        if words[0] in ("create", "rm"):
            self.machine = MACHINE if words[0] == "create" else None
        return ""

    @override
    def find(self, container: str) -> Machine | None:
        return self.machine if self.machine and self.machine.container == container else None

    @override
    def holder(self, network: str, address: str) -> str:
        return self.theirs

    @override
    def hardware(self) -> list[str]:
        return []

    def did(self) -> list[str]:
        """The commands by their first word."""
        return [words[0] for words in self.commands]


MACHINE = Machine("estate-postgres", "postgres", "estate", running=True, memory_mib=512, network="estate", address="10.10.0.31")


def changed(**more: Any) -> Machine:
    """The machine, changed by hand."""
    return Machine(**{**vars(MACHINE), **more})


def update(engine: Recorder, old: Properties, new: Properties) -> Sequence[tuple[str, ...]]:
    VirtualMachine().update(engine, "estate-postgres", old, new)
    return engine.commands


def test_a_machine_is_created_before_it_is_started_and_gets_its_keys_by_standard_input() -> None:
    engine = Recorder()
    made, state = VirtualMachine().create(engine, inputs())
    assert made == "estate-postgres"
    assert engine.did() == ["create", "start", "exec"]
    words = " ".join(engine.commands[0])
    for option in ("--hostname postgres", "--ip 10.10.0.31", "--network estate", "--memory 512m", "--memory-swap 512m"):
        assert option in words
    assert "--label ly.highstreet.estate=estate --label ly.highstreet.machine=postgres" in words
    assert engine.commands[2][-2:] == ("deploy", f"{KEY}\n")
    assert state["ipAddress"] == "10.10.0.31"


@pytest.mark.parametrize(
    ("step", "left"), [("create", ["create"]), ("start", ["create", "start", "rm"]), ("exec", ["create", "start", "exec", "rm"])]
)
def test_a_machine_that_cannot_be_finished_is_removed_again(step: str, left: list[str]) -> None:
    engine = Recorder()
    engine.fails_at = step
    with pytest.raises(BackendError, match="postgres could not be made"):
        VirtualMachine().create(engine, inputs())
    assert engine.did() == left


@pytest.mark.parametrize(
    ("engine", "said"), [(Recorder(MACHINE), "There is a machine postgres"), (Recorder(holder="x"), "10.10.0.31 .* is taken")]
)
def test_a_name_or_an_address_of_somebody_else_is_refused_untouched(engine: Recorder, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        VirtualMachine().create(engine, inputs())
    assert engine.commands == []


@pytest.mark.parametrize(
    ("machine", "seen"),
    [
        (MACHINE, {"power": "on", "memSize": 512, "ipAddress": "10.10.0.31"}),
        (changed(running=False), {"power": "off", "ipAddress": None}),
        (changed(memory_mib=256), {"memSize": 256}),
        (changed(address="10.10.0.99"), {"networkInterfaces": [], "ipAddress": None}),
        (changed(network=""), {"networkInterfaces": []}),
    ],
)
def test_what_was_changed_by_hand_is_seen(machine: Machine, seen: Properties) -> None:
    read = VirtualMachine().read(Recorder(machine), "estate-postgres", inputs())
    assert read is not None
    assert {key: read[1][key] for key in seen} == seen


def test_a_machine_that_has_gone_or_is_another_hosts_is_not_there() -> None:
    assert VirtualMachine().read(Recorder(), "estate-postgres", inputs()) is None
    assert VirtualMachine().read(Recorder(changed(host="another")), "estate-postgres", inputs()) is None
    engine = Recorder(changed(host="another"))
    VirtualMachine().delete(engine, "estate-postgres", inputs())
    assert engine.commands == []


def test_an_update_does_only_what_differs() -> None:
    assert update(Recorder(MACHINE), inputs(), inputs(notes="other")) == []
    assert update(Recorder(changed(running=False)), inputs(), inputs()) == [("start", "estate-postgres")]
    bigger = update(Recorder(MACHINE), inputs(), inputs(memSize=768))
    assert bigger == [("update", "--memory", "768m", "--memory-swap", "768m", "estate-postgres")]
    assert update(Recorder(MACHINE), inputs(), inputs(power="off")) == [("stop", "estate-postgres")]
    moved = update(Recorder(changed(address="10.10.0.99")), inputs(), inputs())
    assert moved == [
        ("network", "disconnect", "estate", "estate-postgres"), ("network", "connect", "--ip", "10.10.0.31", "estate", "estate-postgres"),
    ]  # fmt: skip


def test_another_address_in_the_program_is_refused() -> None:
    other = info({"network": {"ethernets": {"lan": {"addresses": ["10.10.0.32/24"]}}}})
    engine = Recorder(MACHINE)
    with pytest.raises(BackendError, match=r"is there with the address 10\.10\.0\.31, not 10\.10\.0\.32"):
        update(engine, inputs(), inputs(info=other))
    assert engine.commands == []


def test_new_keys_reach_a_machine_that_is_off_and_it_is_off_again() -> None:
    new = inputs(info=info(userdata=USERDATA.replace("AAAA", "BBBB")), power="off")
    engine = Recorder(changed(running=False))
    update(engine, inputs(power="off"), new)
    assert engine.did() == ["start", "exec", "stop"]


def test_a_machine_is_read_from_what_the_engine_tells() -> None:
    told = {
        "Name": "/estate-postgres",
        "Config": {"Labels": {"ly.highstreet.estate": "estate", "ly.highstreet.machine": "postgres"}},
        "State": {"Running": True},
        "HostConfig": {"Memory": 512 * 1024 * 1024},
        "NetworkSettings": {"Networks": {"estate": {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.10.0.31"}}}},
    }
    assert Machine.parse(told) == MACHINE
    bare = Machine.parse({**told, "Config": {"Labels": None}, "NetworkSettings": {"Networks": {}}})
    assert (bare.name, bare.host, bare.network, bare.address) == ("", "", "", "")
