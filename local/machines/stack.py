"""The estate's machines by the datacenter's program: the stack `local` of esxi/, whose host is this machine's container engine.

What the stack made is kept beside its state, so that a later command knows the machines without asking the engine, and so that a run with
nothing to do is not begun.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.estate import MACHINES, Estate
from local.machines import machines
from local.machines.image import ensure_image
from local.machines.machines import Machine
from local.network import address_plan, ensure_network
from ops import console
from ops.deploy import Progress, summary, tell
from ops.errors import PlatformError
from ops.state import State, open_state
from ops.unchanged import files_digest
from settings.datacenter.load import DATACENTER, FOLDER, LOCAL_SETTINGS_VARIABLE, PASSWORD_VARIABLE, PROJECT

if TYPE_CHECKING:
    from pulumi import automation

STACK = "local"
HOST = "local"
"""The one host of the stack, as esxi/Pulumi.local.yaml calls it."""
HOST_PASSWORD = {f"{PASSWORD_VARIABLE}{HOST.upper()}": "local"}
"""No secret: the container engine asks for none, but a provider must have one."""
MACHINE_TYPE = "esxi-native:index:VirtualMachine"
SOURCES = (FOLDER, "settings", "local/providers/esxi_native", "requirements/requirements.txt")
"""What decides, with the estate's own settings, what the program does."""
NOT_MADE_REMEDY = "mend what is named above, then run the same command again; ./hs down removes the machines whatever their state"


def bring_up(estate: Estate) -> dict[str, Any]:
    """Have every machine of the stack there and running, and return the stack's outputs.

    A machine that somebody stopped or removed comes back; nothing is run where nothing has changed and every machine runs. Raises
    PlatformError with what could not be made.
    """
    ensure_network(estate)
    _write(estate.datacenter_settings, yaml.safe_dump(datacenter(estate, ensure_image()), sort_keys=False))
    wanted = fingerprint(estate)
    known = _known(estate)
    if known.get("fingerprint") != wanted or not machines.running(estate).issuperset(machine.name for machine in recorded(estate)):
        with console.step("Making the machines") as step:
            _record(estate, "", known.get("outputs"))  # a run that breaks off leaves no word by which it could pass for a finished one
            outputs = _deploy(estate, step)
            for machine in machines_in(outputs):
                machines.remember_host_key(estate, machine)
        _record(estate, wanted, outputs)
    for machine in recorded(estate):
        machines.wait_for_ssh(machine)
    return outputs_of(estate)


def datacenter(estate: Estate, image: str) -> dict[str, Any]:
    """What completes esxi/Pulumi.local.yaml on this machine: network and addresses, the engine as the host, and who may sign in."""
    gateway, subnet = str(address_plan(estate.subnet)[0]), str(estate.subnet)
    described = {
        "network": {"port_group": estate.network, "subnet": subnet, "gateway": gateway, "nameservers": [gateway]},
        "hosts": {HOST: {"address": estate.name, "templates": [image]}},
        "machines": {name: {"template": image, "first_address": str(estate.address(name))} for name in MACHINES},
        "access": {
            "deploy_authorized_keys": [estate.secrets.ssh_private_key.with_suffix(".pub").read_text().strip()],
            "management_networks": [subnet],
        },
    }
    return {DATACENTER: described}


def fingerprint(estate: Estate) -> str:
    """One word for all that decides what the stack holds."""
    digest = hashlib.sha256(estate.datacenter_settings.read_bytes())
    for name in SOURCES:
        path = estate.checkout / name
        digest.update((files_digest(path) if path.is_dir() else path.read_text()).encode())
    return digest.hexdigest()[:32]


def outputs_of(estate: Estate) -> dict[str, Any]:
    """The stack's outputs as its last run left them; raises PlatformError for an estate whose machines were never made."""
    outputs: dict[str, Any] | None = _known(estate).get("outputs")
    if outputs is None:
        raise PlatformError(f"The machines of the estate {estate.name} have not been made.", remedy="./hs up")
    return outputs


def recorded(estate: Estate) -> list[Machine]:
    """The machines that the last run of the stack left; none for an estate that is not up."""
    return machines_in(_known(estate).get("outputs") or {})


def machines_in(outputs: Mapping[str, Any]) -> list[Machine]:
    """The machines in a stack's outputs, by name."""
    return [Machine(name, machine["address"], machine["role"]) for name, machine in sorted((outputs.get("machines") or {}).items())]


def _known(estate: Estate) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(estate.machines_file.read_text())
    except FileNotFoundError:
        return {}
    return known


def _record(estate: Estate, wanted: str, outputs: object) -> None:
    _write(estate.machines_file, json.dumps({"fingerprint": wanted, "outputs": outputs}, indent=2))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(path)


def _deploy(estate: Estate, step: console.Step) -> dict[str, Any]:
    backend = f"file://{estate.pulumi_state}"
    state, progress = open_state(backend, PROJECT), Progress(step)
    with state.turn(STACK, "up", step.note, tell):
        stack = _select(estate, backend)
        _forget_half_made(estate, state, stack)
        try:
            result = stack.up(message="up", refresh=True, on_event=progress.hear, color="never", suppress_progress=True)
        except Exception as failed:
            why = "\n".join(progress.errors) or str(failed)[-2000:]
            raise PlatformError("The machines could not be made.", why=why, remedy=NOT_MADE_REMEDY) from failed
        step.note(summary({str(getattr(op, "value", op)): count for op, count in (result.summary.resource_changes or {}).items()}))
    return {name: output.value for name, output in result.outputs.items()}


def _select(estate: Estate, backend: str) -> automation.Stack:
    from pulumi import automation  # half a second that ./hs --help need not pay

    from ops.engine import BoundEngine

    environment = {
        "PATH": f"{estate.checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": backend,  # that of a shared stack lies on one of these machines
        LOCAL_SETTINGS_VARIABLE: str(estate.datacenter_settings),
        **HOST_PASSWORD,
    }
    options = automation.LocalWorkspaceOptions(env_vars=environment, pulumi_command=BoundEngine())
    try:
        return automation.create_or_select_stack(stack_name=STACK, work_dir=str(estate.checkout / FOLDER), opts=options)
    except automation.CommandError as failed:
        why = "\n".join(re.findall(r"error: .*", str(failed))) or str(failed)[-2000:]
        raise PlatformError("The state of the machines cannot be opened.", why=why, remedy="./hs down, then ./hs up") from failed


def _forget_half_made(estate: Estate, state: State, stack: automation.Stack) -> None:
    """Remove the machines that a killed run was making: they hold nothing yet, and whether they are whole nobody knows."""
    if not state.has_pending_operations(STACK):
        return
    exported = stack.export_stack()
    deployment = dict(exported.deployment or {})
    for name in half_made(deployment):
        machines.delete(estate, name)
        tell(f"an earlier run broke off while it made the machine {name}; it is made anew")
    exported.deployment = {**deployment, "pending_operations": []}
    stack.import_stack(exported)


def half_made(deployment: Mapping[str, Any]) -> list[str]:
    """The names of the machines that were being made when a run was killed, and that the state does not hold."""
    held = {resource["urn"] for resource in deployment.get("resources") or []}
    pending = [operation["resource"] for operation in deployment.get("pending_operations") or [] if operation["type"] == "creating"]
    return [str(found["inputs"]["name"]) for found in pending if found["type"] == MACHINE_TYPE and found["urn"] not in held]


__all__ = ["bring_up", "datacenter", "fingerprint", "half_made", "machines_in", "outputs_of", "recorded"]
