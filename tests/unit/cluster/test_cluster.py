"""A cluster is made once, made good when it is half there, and never touched while it is well. No engine: a stand-in answers."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.cluster import cluster, node_image
from local.cluster.config import Doors
from local.estate import Estate, EstateFile
from ops.errors import InputError

ESTATE_FILE = EstateFile(name="scratch", subnet=ipaddress.IPv4Network("172.30.9.0/24"), nodes=2)
DOORS = Doors("127.0.0.1", {80: 30080, 443: 30443})


class Engine:
    """Stands for docker, kind and kubectl: a few nodes, running or not, with or without an API that answers."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.nodes: dict[str, bool] = {}
        self.complete = False
        self.complete_when_running = False
        self.silent = 0
        self.images: dict[str, str] = {node_image.IMAGE: "sha256:today"}
        self.image = "sha256:today"
        self.port_bindings = {
            f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for inside, port in ((30080, 80), (30443, 443), (6443, 40001))
        }

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        self.commands.append(" ".join(words))
        answer = next((reply(words, options) for start, reply in self.replies().items() if " ".join(words).startswith(start)), "")
        return subprocess.CompletedProcess(words, 1 if answer is None else 0, stdout=answer or "")

    def replies(self) -> dict[str, Callable[[list[str], dict[str, Any]], str | None]]:
        return {
            "docker ps": lambda *_: "\n".join(self.nodes),
            "docker inspect --format {{json .HostConfig.PortBindings}}": lambda *_: json.dumps(self.port_bindings),
            "docker inspect": lambda *_: "\n".join(self.image for _ in self.nodes),
            "docker info": lambda *_: "2",
            "docker start": self.start,
            "docker rm": self.remove,
            "kind create": self.create,
            "kubectl": self.kubectl,
        }

    def start(self, *_: object) -> str:
        self.nodes = dict.fromkeys(self.nodes, True)
        self.complete = self.complete or self.complete_when_running
        return ""

    def remove(self, words: list[str], _options: dict[str, Any]) -> str:
        self.nodes.pop(words[-1])
        return ""

    def create(self, words: list[str], options: dict[str, Any]) -> str:
        assert options["env"] == {"KIND_EXPERIMENTAL_DOCKER_NETWORK": "scratch"}
        self.nodes = {"scratch-control-plane": True, "scratch-worker": True}
        Path(words[words.index("--kubeconfig") + 1]).write_text("kubeconfig")
        return ""

    def kubectl(self, words: list[str], _options: dict[str, Any]) -> str | None:
        if "annotate" in words:
            self.complete = True
        if words[3:6] == ["--request-timeout=20s", "get", "--namespace"] and "configmap/coredns" in words:
            return json.dumps({"data": {"Corefile": ".:53 {\n    kubernetes cluster.local\n}\n"}})
        if "jsonpath" in words[-1]:
            self.silent = max(self.silent - 1, 0)
            running = all(self.nodes.values()) and not self.silent
            return ("true" if self.complete else " ") if running else None
        return ""

    def ran(self, start: str) -> list[str]:
        return [command for command in self.commands if command.startswith(start)]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("HS_DATA", str(tmp_path))
    made = Estate(ESTATE_FILE)
    made.data_dir.mkdir()
    return made


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine()
    monkeypatch.setattr(cluster, "run", stand_in.run)
    monkeypatch.setattr(cluster, "image_id", lambda tag: stand_in.images.get(tag, ""))
    monkeypatch.setattr(node_image, "is_made_here", lambda: True)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return stand_in


def test_a_cluster_that_is_not_there_is_made(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    assert len(engine.ran("kind create")) == 1
    assert engine.complete


def test_a_cluster_that_is_well_is_not_touched(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    engine.commands.clear()
    cluster.create(estate)
    assert not engine.ran("kind") + engine.ran("docker rm") + engine.ran("docker start")


def test_a_cluster_that_is_well_but_slow_to_answer_is_kept(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    engine.commands.clear()
    engine.silent = 5
    cluster.create(estate)
    assert not engine.ran("kind") + engine.ran("docker rm")


def test_a_cluster_that_stays_silent_is_made_anew(engine: Engine, estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create(estate)
    engine.commands.clear()
    engine.silent = 1000
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0)
    cluster.create(estate)
    assert len(engine.ran("docker rm")) == 2
    assert len(engine.ran("kind create")) == 1


def test_a_cluster_that_says_itself_that_it_is_half_made_is_not_waited_for(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    engine.complete = False
    engine.commands.clear()
    cluster.create(estate)
    assert len(engine.ran("kind create")) == 1


@pytest.mark.parametrize(
    ("nodes", "image", "said"),
    [
        (["scratch-control-plane"], "sha256:today", "It has 1 node; local/estate.yaml says nodes: 2."),
        (["scratch-control-plane", "scratch-worker"], "sha256:older", "another image"),
    ],
    ids=["another number of nodes", "another node image"],
)
def test_a_whole_cluster_that_is_not_what_is_asked_for_is_refused_and_kept(
    engine: Engine, estate: Estate, nodes: list[str], image: str, said: str
) -> None:
    cluster.create(estate)
    engine.commands.clear()
    engine.nodes, engine.image = dict.fromkeys(nodes, True), image
    with pytest.raises(InputError, match="not the one that is asked for") as refused:
        cluster.create(estate)
    assert said in refused.value.why
    assert refused.value.remedy.startswith("./hs down, then ./hs up")
    assert not engine.ran("kind") + engine.ran("docker rm")


def test_without_a_node_image_in_the_engine_its_age_is_no_difference() -> None:
    assert cluster.difference(2, 2, {"sha256:older"}, "", DOORS, DOORS) == ""


def test_a_cluster_at_other_ports_is_another() -> None:
    why = cluster.difference(2, 2, set(), "", DOORS, Doors("127.0.0.2", {80: 30080, 443: 30443}))
    assert why == "It is not reached at 127.0.0.2, ports 80 and 443, as local/estate.yaml says."


def test_policies_are_enforced_on_every_node_before_the_cluster_counts_as_whole(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    asked = [number for number, command in enumerate(engine.commands) if "localhost:9099/readiness" in command]
    marked = next(number for number, command in enumerate(engine.commands) if "annotate" in command)
    assert {engine.commands[number].split()[2] for number in asked} == {"scratch-control-plane", "scratch-worker"}
    assert max(asked) < marked


def test_commands_that_watch_have_no_limit_on_their_requests(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    for command in engine.ran("kubectl"):
        watches = " wait " in command or " rollout " in command
        assert ("--request-timeout" in command) is not watches
        assert not watches or "--timeout=" in command


def test_the_estates_folder_is_made_with_the_cluster(engine: Engine, estate: Estate) -> None:
    estate.data_dir.rmdir()
    cluster.create(estate)
    assert engine.complete
    assert estate.data_dir.is_dir()


def test_a_cluster_that_was_half_made_is_made_anew(engine: Engine, estate: Estate) -> None:
    engine.nodes = {"scratch-control-plane": True}
    cluster.create(estate)
    assert engine.ran("docker rm") == ["docker rm --force --volumes scratch-control-plane"]
    assert len(engine.ran("kind create")) == 1


def test_a_cluster_whose_nodes_were_stopped_is_started_and_kept(engine: Engine, estate: Estate) -> None:
    engine.nodes = {"scratch-control-plane": False, "scratch-worker": False}
    engine.complete_when_running = True
    estate.kubeconfig.write_text("kubeconfig")
    cluster.create(estate)
    assert engine.ran("docker start")
    assert not engine.ran("kind") + engine.ran("docker rm")


def test_the_kubeconfig_is_the_estates_own_and_for_its_owner_only(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    assert estate.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert all(str(estate.kubeconfig) in command for command in engine.ran("kind") + engine.ran("kubectl"))


def test_the_mark_of_a_whole_cluster_is_set_last(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    assert "annotate" in engine.ran("kubectl")[-1]


def test_deleting_removes_the_nodes_their_volumes_and_the_kubeconfig(engine: Engine, estate: Estate) -> None:
    cluster.create(estate)
    cluster.delete(estate)
    assert engine.nodes == {}
    assert all("--volumes" in command for command in engine.ran("docker rm"))
    assert not estate.kubeconfig.exists()


def test_deleting_what_is_not_there_is_no_error(engine: Engine, estate: Estate) -> None:
    cluster.delete(estate)
    assert not engine.ran("docker rm")


def on_node(*images: tuple[str, str]) -> str:
    return json.dumps({"images": [{"id": image, "repoTags": [tag]} for image, tag in images]})


@pytest.mark.parametrize(
    ("present", "loaded"),
    [
        (on_node(), ["highstreetly/ui:1", "debian:12"]),
        (on_node(("sha256:a", "docker.io/highstreetly/ui:1")), ["debian:12"]),
        (on_node(("sha256:a", "docker.io/highstreetly/ui:1"), ("sha256:b", "docker.io/library/debian:12")), []),
        (on_node(("sha256:older", "docker.io/highstreetly/ui:1"), ("sha256:b", "docker.io/library/debian:12")), ["highstreetly/ui:1"]),
    ],
    ids=["none is there", "one is there", "all are there", "one is older"],
)
def test_only_images_that_a_node_lacks_are_loaded(
    engine: Engine, estate: Estate, monkeypatch: pytest.MonkeyPatch, present: str, loaded: list[str]
) -> None:
    engine.images = {"highstreetly/ui:1": "sha256:a", "debian:12": "sha256:b"}
    imported: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(cluster, "_import", lambda node, references: imported.append((node, references)))
    monkeypatch.setattr(Engine, "replies", lambda _: {"docker ps": lambda *_: "scratch-control-plane", "docker exec": lambda *_: present})
    cluster.load_images(estate, list(engine.images))
    assert imported == ([("scratch-control-plane", loaded)] if loaded else [])


def test_every_node_gets_the_images_that_it_lacks(engine: Engine, estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.images = {"highstreetly/ui:1": "sha256:a"}
    imported: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(cluster, "_import", lambda node, references: imported.append((node, references)))
    monkeypatch.setattr(Engine, "replies", lambda _: {"docker ps": lambda *_: "one\ntwo", "docker exec": lambda *_: on_node()})
    cluster.load_images(estate, list(engine.images))
    assert sorted(imported) == [("one", ["highstreetly/ui:1"]), ("two", ["highstreetly/ui:1"])]


@pytest.mark.parametrize(
    ("on_a_node", "in_docker"),
    [
        ("docker.io/library/debian:12", "debian:12"),
        ("docker.io/highstreetly/ui:1", "highstreetly/ui:1"),
        ("registry.k8s.io/library/pause:3", "registry.k8s.io/library/pause:3"),
        ("debian:12", "debian:12"),
    ],
)
def test_nodes_and_docker_name_the_same_image_differently(on_a_node: str, in_docker: str) -> None:
    assert cluster.short_name(on_a_node) == in_docker
