"""VMs: containers with systemd and sshd, with a fixed address, and the accounts that their guestinfo describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.errors import BackendError
from local.providers.esxi_native.engine import HOST_LABEL, MACHINE_LABEL, Engine, Machine, memory
from local.providers.esxi_native.guestinfo import PREFIX, Guest, guest
from local.providers.properties import Property, Refusals
from local.providers.wire import UNKNOWN, Properties

ON, OFF = "on", "off"
PAIR = (Property("key", required=True), Property("value", required=True))
MEMORY_LEAST_MIB = 6
"""The least that the engine gives a container."""

# What cloud-init does at the first start: an account with its keys. The first argument is its name, standard input holds the keys.
FIRST_START = """set -eu
id -u "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
home=$(getent passwd "$1" | cut -d: -f6)
install -d -m 0700 -o "$1" -g "$1" "$home/.ssh"
cat > "$home/.ssh/authorized_keys"
chown "$1:$1" "$home/.ssh/authorized_keys"
chmod 0600 "$home/.ssh/authorized_keys"
"""


class VirtualMachine(Resource[Engine]):
    """A VM; its ID is its container's name, ``<host>-<name>``.

    Memory, power, network and address are the container's and are seen when somebody changes them. MAC address, processors, disks,
    firmware, hardware version, notes and timeouts have no counterpart in a container, or are the engine's own: the state keeps what the
    program says.
    """

    token = "esxi-native:index:VirtualMachine"
    deletes_before_replacing = True  # the old one has the name and the address
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("diskStore", required=True),
        Property("bootDiskSize", "integer", default=16, minimum=0),
        Property("bootDiskType", default="thin", choices=("thin", "zeroedthick", "eagerzeroedthick")),
        Property("bootFirmware", default="bios", choices=("bios", "efi")),
        Property("cloneFromVirtualMachine", write_only=True),
        Property("info", "set", fields=PAIR),
        Property("ipAddress", output=True),
        Property("memSize", "integer", default=512, minimum=MEMORY_LEAST_MIB),
        Property("networkInterfaces", "list", fields=(
            Property("virtualNetwork", required=True),
            Property("macAddress"),
            Property("nicType"),
        )),
        Property("notes"),
        Property("numVCpus", "integer", default=1, minimum=1),
        Property("os", default="centos"),
        Property("ovfProperties", "list", fields=PAIR, write_only=True),
        Property("ovfPropertiesTimer", "integer", default=6000, write_only=True),
        Property("ovfSource", write_only=True),
        Property("power", default=ON, choices=(ON, OFF)),
        Property("resourcePoolName", default="/"),
        Property("shutdownTimeout", "integer", default=600, minimum=0),
        Property("startupTimeout", "integer", default=600, minimum=0),
        Property("virtualDisks", "list", fields=(Property("virtualDiskId", required=True), Property("slot"))),
        Property("virtualHWVer", "integer", default=13),
    )  # fmt: skip

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse what a container cannot be: a machine without an image, without a network, or with several."""
        if not inputs.get("cloneFromVirtualMachine"):
            refusals.add("cloneFromVirtualMachine", "here every machine starts from an image of the container engine: give its name")
        cards = inputs.get("networkInterfaces") or []
        if cards is not UNKNOWN and len(cards) != 1:
            refusals.add("networkInterfaces", f"here a machine has one network interface, not {len(cards)}")
        for index, entry in enumerate(_known(inputs.get("info"))):
            key = entry.get("key")
            if key is not UNKNOWN and str(key).startswith(PREFIX):
                wanted = str(key).removeprefix(PREFIX)
                refusals.add(f"info[{index}].key", f"the plugin writes the prefix {PREFIX} itself: say {wanted!r}")

    @override
    def create(self, client: Engine, inputs: Properties) -> tuple[str, Properties]:
        """Make the container, start it, give its accounts their keys; a machine that cannot be finished is removed again."""
        name, network = inputs["name"], _network(inputs)
        wanted, container = guest(inputs.get("info") or (), name), client.container(name)
        _refuse_taken_name(client, name)
        _refuse_taken_address(client, name, network, wanted.address)
        what = f"The machine {name} could not be made"
        command = ["create", *_identity(client, inputs, wanted), *memory(inputs["memSize"]), *client.hardware()]
        client.command(what, *command, inputs["cloneFromVirtualMachine"], remedy="docker network ls, docker image ls")
        try:
            client.command(what, "start", container, remedy=f"docker network inspect {network}")
            _give_keys(client, container, wanted)
            if inputs["power"] == OFF:
                _stop(client, container)
            return container, _state(_found(client, container), inputs)
        except BaseException:
            _remove(client, container)  # half a machine would be taken for a whole one by the next run
            raise

    @override
    def read(self, client: Engine, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The machine as it is; None when its container has gone."""
        if not state:
            raise BackendError("A machine that Pulumi did not make cannot be imported here", remedy="./hs down, then ./hs up")
        machine = client.find(resource_id)
        return None if machine is None or machine.host != client.host else (resource_id, _state(machine, state))

    @override
    def update(self, client: Engine, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Give it the memory, the network, the keys and the power it should have; nothing on its disk is lost."""
        machine, wanted = _found(client, resource_id), guest(new.get("info") or (), new["name"])
        before = guest(old.get("info") or (), new["name"])
        if wanted.address != before.address:
            raise BackendError(
                f"The machine {new['name']} is there with the address {before.address}, not {wanted.address}",
                why="its certificate, its firewall and its settings were made for that address",
                remedy="./hs down, then ./hs up (this loses the local data), or give the address back",
            )
        _attach(client, machine, new, wanted)
        if machine.memory_mib != new["memSize"]:
            what = f"The memory of {new['name']} could not be changed"
            client.command(what, "update", *memory(new["memSize"]), resource_id, remedy=f"docker stop {resource_id}; then again")
        keys_changed = wanted.accounts != before.accounts
        if not machine.running and (keys_changed or new["power"] == ON):
            client.command(f"The machine {new['name']} could not be started", "start", resource_id, remedy=f"docker logs {resource_id}")
        if keys_changed:
            _give_keys(client, resource_id, wanted)
        if new["power"] == OFF:
            _stop(client, resource_id)
        return _state(_found(client, resource_id), new)

    @override
    def delete(self, client: Engine, resource_id: str, state: Properties) -> None:
        """Remove the container with everything on it."""
        machine = client.find(resource_id)
        if machine is not None and machine.host == client.host:
            _remove(client, resource_id)


def _known(value: Any) -> list[dict[str, Any]]:
    return [] if value in (None, UNKNOWN) else [entry for entry in value if isinstance(entry, dict)]


def _network(properties: Mapping[str, Any]) -> str:
    """The one network of a machine."""
    return str(properties["networkInterfaces"][0]["virtualNetwork"])


def _identity(client: Engine, inputs: Properties, wanted: Guest) -> list[str]:
    name = inputs["name"]
    return [
        *("--name", client.container(name), "--hostname", wanted.hostname),
        *("--network", _network(inputs), *(("--ip", wanted.address) if wanted.address else ())),
        *("--label", f"{HOST_LABEL}={client.host}", "--label", f"{MACHINE_LABEL}={name}"),
        *("--restart", "unless-stopped"),
    ]


def _refuse_taken_name(client: Engine, name: str) -> None:
    container = client.container(name)
    if client.find(container) is not None:
        raise BackendError(
            f"There is a machine {name} on {client.host} already that Pulumi did not make",
            why=f"it is the container {container}; the official plugin would power it off and take it over",
            remedy=f"docker rm --force --volumes {container} (this loses what is on it), or ./hs down, then ./hs up",
        )


def _refuse_taken_address(client: Engine, name: str, network: str, address: str) -> None:
    holder = client.holder(network, address) if address else ""
    if holder:
        raise BackendError(
            f"The address {address} of the machine {name} is taken",
            why=f"the container {holder} has it on the network {network}",
            remedy=f"give the machine another address, or: docker rm --force {holder}",
        )


def _attach(client: Engine, machine: Machine, new: Properties, wanted: Guest) -> None:
    """Have the machine on its network at its address, wherever it is now."""
    network = _network(new)
    if _is_in_place(machine, network, wanted):
        return
    what = f"The machine {new['name']} could not be put on the network {network}"
    if machine.address != wanted.address:
        _refuse_taken_address(client, new["name"], network, wanted.address)
    if machine.network:
        client.command(what, "network", "disconnect", machine.network, machine.container)
    address = ["--ip", wanted.address] if wanted.address else []
    client.command(what, "network", "connect", *address, network, machine.container, remedy=f"docker network inspect {network}")


def _is_in_place(machine: Machine, network: str, wanted: Guest) -> bool:
    return machine.network == network and wanted.address in ("", machine.address)


def _give_keys(client: Engine, container: str, wanted: Guest) -> None:
    for account, keys in wanted.accounts.items():
        what = f"The account {account} of {container} could not be made"
        words = ("exec", "--interactive", container, "sh", "-c", FIRST_START, "sh", account)
        client.command(what, *words, given="".join(f"{key.strip()}\n" for key in keys), remedy=f"docker logs {container}")


def _stop(client: Engine, container: str) -> None:
    client.command(f"{container} could not be stopped", "stop", container)


def _remove(client: Engine, container: str) -> None:
    client.command(f"{container} could not be removed", "rm", "--force", "--volumes", container)


def _found(client: Engine, container: str) -> Machine:
    machine = client.find(container)
    if machine is None:
        raise BackendError(f"The machine {container} has gone", remedy="pulumi up --refresh, which makes it anew")
    return machine


def _state(machine: Machine, known: Properties) -> Properties:
    """The state of a machine: what the container shows, and for the rest what the program said.

    A machine that is not on its network at its address counts as one without a network interface.
    """
    cards = known.get("networkInterfaces") or [{"virtualNetwork": machine.network}]
    in_place = _is_in_place(machine, str(cards[0]["virtualNetwork"]), guest(known.get("info") or (), machine.name))
    return {
        **known,
        "name": machine.name,
        "memSize": machine.memory_mib,
        "power": ON if machine.running else OFF,
        "networkInterfaces": cards if in_place else [],
        "ipAddress": machine.address if machine.running and in_place else None,
    }
