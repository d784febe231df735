"""What the node image is made of fits together, before anything is built."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from local.base_images import debian
from local.cluster import node_image
from local.cluster.config import POD_SUBNET
from local.cluster.node_image import HERE, IMAGE, IMAGES, KUBERNETES
from local.toolchain import Toolchain
from local.toolchain.pins import read_pins
from ops.console import Step

KUBEADM_NEEDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns/coredns", "pause")


@pytest.fixture(scope="module")
def programs() -> dict[str, set[str]]:
    """The programs that each tool of the node image is built into."""
    return {name: {program for built in pin.build.values() for program in built} for name, pin in read_pins().items()}


@pytest.mark.parametrize("component", KUBEADM_NEEDS)
def test_every_image_that_kubeadm_asks_for_is_baked_in(component: str) -> None:
    assert [name for name in IMAGES if name.startswith(f"registry.k8s.io/{component}:")]


def test_every_baked_in_image_holds_a_program_that_the_toolchain_builds(programs: dict[str, set[str]]) -> None:
    missing = {name: program for name, (tool, program, _) in IMAGES.items() if program not in programs.get(tool, set())}
    assert missing == {}


def test_the_image_of_etcd_can_restore_a_snapshot_as_the_official_one_can(programs: dict[str, set[str]]) -> None:
    [(tool, program, base)] = [made for name, made in IMAGES.items() if name.startswith("registry.k8s.io/etcd:")]
    assert set(node_image.BESIDE[program]) | {"etcdutl"} <= programs[tool]
    assert "etcdutl" in node_image.DOCKERFILES[base]


def test_every_baked_in_image_has_a_dockerfile() -> None:
    assert {base for _, _, base in IMAGES.values()} <= set(node_image.DOCKERFILES)


def test_node_image_and_kubectl_are_of_the_version_that_the_toolchain_builds() -> None:
    pins = read_pins()
    assert {pins["kubernetes"].version, pins["kubectl"].version, KUBERNETES} == {KUBERNETES}
    assert IMAGE.endswith(f":{KUBERNETES}")


def test_the_network_plugin_of_the_node_image_takes_its_addresses_from_the_nodes_own_range() -> None:
    conflist = json.loads((HERE / "node/etc/calico/10-calico.conflist").read_text())
    calico = conflist["plugins"][0]
    assert calico["ipam"] == {"type": "host-local", "subnet": "usePodCidr"}
    assert calico["policy"] == {"type": "k8s"}, "without it the plugin enforces no policies"


def test_pods_reach_the_machines_because_their_pool_is_the_clusters_and_is_translated() -> None:
    documents = list(yaml.safe_load_all((HERE / "calico.yaml").read_text()))
    pools = [document["spec"] for document in documents if document["kind"] == "IPPool"]
    assert [(pool["cidr"], pool["natOutgoing"]) for pool in pools] == [(POD_SUBNET, True)]


def test_calicos_datastore_is_declared_ready() -> None:
    documents = list(yaml.safe_load_all((HERE / "calico.yaml").read_text()))
    assert [document["spec"]["datastoreReady"] for document in documents if document["kind"] == "ClusterInformation"] == [True]


def test_every_unit_that_we_add_to_the_nodes_is_enabled() -> None:
    enabled = re.search(r"systemctl enable ([^\\]+)", (HERE / "node/Dockerfile").read_text())
    assert enabled
    units = {path.name for path in (HERE / "node/etc/systemd/system").glob("*.service")}
    assert units <= set(enabled[1].split())


def test_every_program_that_a_unit_starts_is_in_the_image(programs: dict[str, set[str]]) -> None:
    own = {path.name for path in (HERE / "node/bin").iterdir()}
    for unit in (HERE / "node/etc/systemd/system").glob("*.service"):
        started = re.findall(r"^ExecStart=(\S+)", unit.read_text(), flags=re.MULTILINE)
        assert started
        for program in started:
            assert Path(program).parent == Path("/usr/local/bin")
            assert Path(program).name in own | programs["calico"]


def recorder(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the engine, which does nothing and answers that all is well."""
    commands: list[str] = []

    def run(command: list[Any], **_options: Any) -> subprocess.CompletedProcess[str]:
        commands.append(" ".join(map(str, command)))
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(node_image, "run", run)
    return commands


def test_another_debian_makes_another_node_image(monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain = cast(Toolchain, SimpleNamespace(pins={}, names=lambda _: []))
    before = node_image.pins_of(toolchain, [])
    assert node_image.pins_of(toolchain, []) == before
    monkeypatch.setattr(debian, "pins", lambda: "another")
    assert node_image.pins_of(toolchain, []) != before


def test_another_image_of_an_addon_makes_another_node_image(monkeypatch: pytest.MonkeyPatch) -> None:
    toolchain = cast(Toolchain, SimpleNamespace(pins={}, names=lambda _: []))
    labels = {"ours": "pins", "official": ""}
    monkeypatch.setattr(node_image, "label_of", labels.get)
    monkeypatch.setattr(node_image, "image_id", lambda tag: f"sha256:{tag}")
    before = node_image.pins_of(toolchain, ["ours", "official"])
    assert node_image.pins_of(toolchain, ["ours"]) != before
    monkeypatch.setattr(node_image, "image_id", lambda tag: f"sha256:newer-{tag}")
    assert node_image.pins_of(toolchain, ["ours"]) == node_image.pins_of(toolchain, ["ours"])
    assert node_image.pins_of(toolchain, ["ours", "official"]) != before


def test_names_of_kubernetes_images_mean_again_what_they_meant_before(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = recorder(monkeypatch)
    monkeypatch.setattr(node_image, "image_id", {"new": "sha256:1", "theirs": "sha256:2", "same": "sha256:3"}.get)
    node_image._give_back({"new": "", "theirs": "sha256:older", "same": "sha256:3"})
    assert commands == ["docker rmi new", "docker tag sha256:older theirs"]


def test_the_node_image_is_kept_only_after_its_containerd_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = recorder(monkeypatch)
    (tmp_path / "0.tar").touch()
    node_image._import_images("base", tmp_path, "pins", Step("making"))
    steps = [next(number for number, command in enumerate(commands) if part in command) for part in ("import", "pgrep", "docker commit")]
    assert steps == sorted(steps)
    assert commands[-1] == f"docker rm --force highstreetly-node-builder-pins-{os.getpid()}"
