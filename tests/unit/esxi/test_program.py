"""The datacenter's program under mocks: fourteen machines, all protected, and no secret in plain sight."""

from __future__ import annotations

import base64
import json
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import rpc

from esxi import reach
from esxi.outputs import outputs
from settings.datacenter.load import LOCAL_SETTINGS_VARIABLE, PROJECT, ROOT, load_stack
from tests.unit.components.recorder import Recorder, run_program
from tests.unit.datacenter.conftest import PASSWORDS

VM = "VirtualMachine"
PASSWORD = "hidden-word"


@pytest.fixture(scope="module")
def datacenter() -> Recorder:
    """The real program with the real stack file."""
    return run(Recorder(), {})


def run(recorder: Recorder, lost: dict[str, str]) -> Recorder:
    """Run the program; the hosts ``lost`` do not answer."""
    config = yaml.safe_load((ROOT / "esxi" / "Pulumi.datacenter.yaml").read_text())["config"]
    secrets = {f"{PROJECT}:password_esxi{number}": PASSWORD for number in (1, 2, 3)}

    program = ROOT / "esxi" / "__main__.py"
    values = {key: json.dumps(value) for key, value in config.items()} | secrets
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(LOCAL_SETTINGS_VARIABLE, raising=False)
        patch.setattr(reach, "unreachable", lambda _: lost)
        return run_program("datacenter", values, list(secrets), program=program, project=PROJECT, recorder=recorder)


def test_there_are_fourteen_machines_on_three_hosts(datacenter: Recorder) -> None:
    machines = datacenter.of(VM)
    assert len(machines) == 14
    assert len({machine.name for machine in machines}) == 14
    assert sorted(host.name for host in datacenter.of("esxi-native")) == ["esxi1", "esxi2", "esxi3"]


def test_every_machine_is_protected_and_stays_when_it_leaves_the_files(datacenter: Recorder) -> None:
    for machine in datacenter.of(VM):
        given = datacenter.options_of(machine)
        assert given.protect is True
        assert given.retain_on_delete is True
        assert {"info", "memSize", "power", "os", "virtualHWVer", "bootFirmware"} <= set(given.ignore_changes or [])


def test_a_machine_on_another_host_is_another_machine(datacenter: Recorder) -> None:
    triggers = {machine.name: datacenter.options_of(machine).replacement_trigger for machine in datacenter.of(VM)}
    assert triggers == {machine.name: machine.host for machine in load_stack("datacenter", environ=PASSWORDS).machines}


def test_a_host_that_cannot_be_reached_fails_the_run_once_the_other_hosts_are_declared() -> None:
    recorder = Recorder()
    with pytest.raises(pulumi.RunError, match="esxi1 cannot be reached"):
        run(recorder, {"esxi1": "esxi1 cannot be reached"})
    machines = {name.rpartition("::")[2] for name in recorder.options if VM in name}
    assert machines == {
        *("rabbitmq", "control-plane1", "control-plane3"),
        *("worker1", "worker3", "worker4", "worker6", "worker7", "worker9"),
    }
    assert not [name for name in recorder.options if "::esxi1" in name]


def test_every_machine_has_its_own_address_and_card_in_the_platform_s_network(datacenter: Recorder) -> None:
    addresses, cards = set(), set()
    for machine in datacenter.of(VM):
        metadata = cloud_init(machine.inputs["info"])["metadata"]
        interface = metadata["network"]["ethernets"]["platform"]
        (card,) = machine.inputs["networkInterfaces"]
        assert interface["match"]["macaddress"] == card["macAddress"]
        assert card["virtualNetwork"] == "platform"
        assert metadata["local-hostname"] == machine.name
        addresses.add(interface["addresses"][0])
        cards.add(card["macAddress"])
    assert len(addresses) == len(cards) == 14


def test_cloud_init_lets_one_account_in_by_keys_alone(datacenter: Recorder) -> None:
    told = cloud_init(datacenter.of(VM)[0].inputs["info"])["userdata"]
    (deploy,) = told["users"]
    assert deploy["name"] == "deploy"
    assert deploy["lock_passwd"] is True
    assert deploy["ssh_authorized_keys"]
    assert told["ssh_pwauth"] is False


def test_every_host_gets_the_port_group_and_the_resource_pools(datacenter: Recorder) -> None:
    assert [group.inputs["name"] for group in datacenter.of("PortGroup")] == ["platform"] * 3
    assert len(datacenter.of("ResourcePool")) == 6


def test_a_password_goes_to_the_provider_as_a_secret_and_to_nothing_else(datacenter: Recorder) -> None:
    for resource in datacenter.resources:
        if resource.type.startswith("pulumi:providers:"):
            assert resource.inputs["password"] == {rpc._special_sig_key: rpc._special_secret_sig, "value": PASSWORD}
        else:
            assert PASSWORD not in json.dumps(resource.inputs, default=str)


def test_the_outputs_hold_every_address_once_and_no_secret() -> None:
    settings = load_stack("datacenter", environ=PASSWORDS)
    found = outputs(settings)
    assert set(found) == {"machines", "network", "addresses", "hosts", "access", "firewall", "boot_order"}
    assert len(found["machines"]) == 14
    assert found["firewall"]["ingress_address"] == found["addresses"]["ingress"]
    assert sorted(name for names in found["boot_order"].values() for name in names) == sorted(found["machines"])
    assert found["boot_order"]["esxi1"][0] == "postgres"
    assert PASSWORD not in json.dumps(found)


def cloud_init(info: list[dict[str, str]]) -> dict[str, Any]:
    """The guest's metadata and user data, decoded."""
    pairs = {entry["key"]: entry["value"] for entry in info}
    assert pairs["metadata.encoding"] == pairs["userdata.encoding"] == "base64"
    userdata = base64.b64decode(pairs["userdata"]).decode()
    assert userdata.startswith("#cloud-config\n")
    return {"metadata": yaml.safe_load(base64.b64decode(pairs["metadata"])), "userdata": yaml.safe_load(userdata)}
