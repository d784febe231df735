"""Making, finding and removing the local cluster, and putting images on its nodes."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

import yaml

from local.cluster import node_image
from local.cluster.config import Doors, Machine, kind_config
from local.cluster.names import changed_config_map
from local.engine import lacks_sys_resource
from local.estate import HTTP_NODE_PORT, HTTPS_NODE_PORT, Estate
from local.image_store import image_id
from ops import console
from ops.console import Step
from ops.errors import InputError, PlatformError
from ops.process import run

HERE = Path(__file__).parent
READY_SECONDS = 180
ANSWER_SECONDS = 60
"""How long the API of a cluster that is there may take to answer before the cluster counts as broken."""
COMPLETE = "ly.highstreet.complete"
"""An annotation of kube-system: the cluster was made to its end."""
OFFICIAL_CALICO = "https://raw.githubusercontent.com/projectcalico/calico/v3.31.5/manifests/calico.yaml"
"""For the official node image; the version that kubespray v2.31 installs."""

ensure_node_image = node_image.ensure_node_image


def nodes_of(estate: Estate) -> list[str]:
    """The containers that are the cluster's nodes, running or not."""
    label = f"label=io.x-k8s.kind.cluster={estate.cluster}"
    return sorted(run(["docker", "ps", "--all", "--filter", label, "--format", "{{.Names}}"]).stdout.split())


class State(Enum):
    """What a cluster's API says about it."""

    SILENT = "does not answer"
    HALF_MADE = "half made"
    COMPLETE = "complete"


def create(estate: Estate) -> None:
    """Make the cluster unless it is there; one that is stopped is started, one that is half made or stays silent is made anew.

    Raises InputError when it is there but not as local/estate.yaml and the node image say, and PlatformError with kind's last lines
    when it cannot be made.
    """
    nodes = nodes_of(estate)
    if nodes and estate.kubeconfig.exists() and (is_complete(estate) or _start_again(estate, nodes)):
        _refuse_another(estate, nodes)
        return
    with console.step(f"Making the cluster {estate.cluster}") as step:
        if nodes:
            step.note("removing what an earlier run left")
            delete(estate)
        _create(estate, step)
        _answer_for_the_world_outside(estate)
        _install_calico(estate, step)
        _wait_until_ready(estate, step)
        step.note(f"{estate.nodes} node{'s' if estate.nodes > 1 else ''}")


def is_complete(estate: Estate) -> bool:
    """Whether the cluster answers and was made to its end."""
    return _state(estate) is State.COMPLETE


def _state(estate: Estate) -> State:
    command = ["get", "namespace", "kube-system", "--output", f"jsonpath={{.metadata.annotations.{COMPLETE.replace('.', chr(92) + '.')}}}"]
    found = _kubectl(estate, *command, check=False)
    if found.returncode:
        return State.SILENT
    return State.COMPLETE if found.stdout.strip() == "true" else State.HALF_MADE


def _refuse_another(estate: Estate, nodes: list[str]) -> None:
    """Raise InputError when a whole cluster is not the one that is asked for; only a person may give it up."""
    images = set(run(["docker", "inspect", "--format", "{{.Image}}", *nodes], check=False).stdout.split())
    why = difference(len(nodes), estate.nodes, images, image_id(node_image.IMAGE), open_doors(nodes), doors(estate))
    if why:
        remedy = "./hs down, then ./hs up (this deletes what is in the cluster and in the estate's machines)"
        raise InputError(f"The cluster {estate.cluster} is not the one that is asked for.", why=why, remedy=remedy)


def doors(estate: Estate) -> Doors:
    """The ports of this machine that lead to the estate's ingress controller."""
    ports = {estate.file.http_port: HTTP_NODE_PORT, estate.file.https_port: HTTPS_NODE_PORT}
    return Doors(str(estate.file.loopback), ports)


def open_doors(nodes: list[str]) -> Doors:
    """The ports of this machine that lead to the nodes' ports of an ingress controller now."""
    found = run(["docker", "inspect", "--format", "{{json .HostConfig.PortBindings}}", *nodes], check=False)
    address, ports = "", {}
    for line in found.stdout.splitlines():
        for inside, outside in (json.loads(line) or {}).items():
            if int(inside.partition("/")[0]) in (HTTP_NODE_PORT, HTTPS_NODE_PORT):
                address = outside[0]["HostIp"]
                ports[int(outside[0]["HostPort"])] = int(inside.partition("/")[0])
    return Doors(address, ports)


def difference(nodes: int, wanted_nodes: int, images: set[str], wanted_image: str, opened: Doors, wanted_doors: Doors) -> str:
    """In which a cluster of ``nodes`` nodes that run ``images`` is not what is wanted; empty when it is. No wanted image: any will do."""
    parts = []
    if nodes != wanted_nodes:
        parts.append(f"It has {nodes} node{'s' if nodes > 1 else ''}; local/estate.yaml says nodes: {wanted_nodes}.")
    if wanted_image and images - {wanted_image}:
        parts.append(f"Its nodes were made from another image than the {node_image.IMAGE} of today.")
    if opened != wanted_doors:
        ports = " and ".join(str(port) for port in wanted_doors.ports)
        parts.append(f"It is not reached at {wanted_doors.address}, ports {ports}, as local/estate.yaml says.")
    return "\n".join(parts)


def delete(estate: Estate) -> None:
    """Remove the cluster's nodes and what is on them; nothing happens when there is none."""
    for node in nodes_of(estate):
        run(
            ["docker", "rm", "--force", "--volumes", node],
            what=f"The node {node} could not be removed.",
            remedy=f"docker rm --force {node}",
        )
    estate.kubeconfig.unlink(missing_ok=True)


def load_images(estate: Estate, references: list[str]) -> None:
    """Put images of the engine on every node, all nodes at the same time; those that are there already are left."""
    nodes = nodes_of(estate)
    if not nodes or not references:
        return
    wanted = {reference: (image_id(reference), short_name(reference)) for reference in references}
    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        present = dict(zip(nodes, pool.map(_images_on, nodes), strict=True))
        missing = {node: [name for name in references if wanted[name] not in present[node]] for node in nodes}
        lacking = [node for node in nodes if missing[node]]
        if not lacking:
            return
        most = max(len(missing[node]) for node in lacking)
        with console.step(f"Loading {most} image{'s' if most > 1 else ''} onto {', '.join(lacking)}"):
            list(pool.map(lambda node: _import(node, missing[node]), lacking))


def _images_on(node: str) -> set[tuple[str, str]]:
    """(id, name) of the images on a node, named as Docker names them."""
    found = run(["docker", "exec", node, "crictl", "images", "--output", "json"], check=False)
    if found.returncode:
        return set()
    images = json.loads(found.stdout)["images"]
    return {(image["id"], short_name(tag)) for image in images for tag in image.get("repoTags") or []}


def short_name(reference: str) -> str:
    """An image's name as Docker shows it: nodes hold ``debian:12`` as ``docker.io/library/debian:12``."""
    if not reference.startswith("docker.io/"):
        return reference
    return reference.removeprefix("docker.io/").removeprefix("library/")


def _import(node: str, references: list[str]) -> None:
    command = ["docker", "exec", "--interactive", node, "ctr", "--namespace", "k8s.io", "images", "import", "--digests", "-"]
    with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as save:
        imported = subprocess.run(command, stdin=save.stdout, capture_output=True, text=True, check=False)
    if imported.returncode or save.returncode:
        raise PlatformError(f"Images could not be loaded onto {node}.", why=imported.stderr[-1000:], remedy="./hs doctor")


def _kubectl(estate: Estate, *words: str, check: bool = True, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002 - the word that subprocess.run uses
    # `wait` and `rollout status` watch, each with its own --timeout: a limit on requests would end them early.
    limit = [] if {"wait", "rollout"} & set(words) else ["--request-timeout=20s"]
    command: list[str | Path] = ["kubectl", "--kubeconfig", estate.kubeconfig, *limit, *words]
    return run(command, check=check, input=input, what="The new cluster did not take a command.", remedy="./hs up")


def _create(estate: Estate, step: Step) -> None:
    cgroup = run(["docker", "info", "--format", "{{.CgroupVersion}}"]).stdout.strip()
    machine = Machine(cgroup_v1=cgroup == "1", lacks_sys_resource=lacks_sys_resource(Path("/proc/self/status").read_text()))
    estate.data_dir.mkdir(parents=True, exist_ok=True)
    path = estate.data_dir / "kind.yaml"
    path.write_text(yaml.safe_dump(kind_config(estate.cluster, estate.nodes, machine, doors(estate)), sort_keys=False))
    estate.kubeconfig.unlink(missing_ok=True)
    command: list[str | Path] = ["kind", "create", "cluster", "--config", path, "--kubeconfig", estate.kubeconfig]
    run(command, env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": estate.network}, what=f"The cluster {estate.cluster} could not be made.",
        remedy="./hs doctor; a port that is taken: choose others in local/estate.yaml; then run the same command again",
        on_line=lambda line: step.note(line.strip(" •.")))  # fmt: skip
    estate.kubeconfig.chmod(0o600)


def _answer_for_the_world_outside(estate: Estate) -> None:
    """Have the cluster find DigitalOcean's API in the estate: cert-manager cannot be told another address for it."""
    dns = ("--namespace", "kube-system", "configmap/coredns", "--output", "json")
    config_map = _kubectl(estate, "get", *dns).stdout
    changed = changed_config_map(config_map, {"api.digitalocean.com": str(estate.address("digitalocean"))})
    _kubectl(estate, "replace", "--filename", "-", input=changed)


def _install_calico(estate: Estate, step: Step) -> None:
    step.note("Calico")
    if not node_image.is_made_here():
        _kubectl(estate, "apply", "--server-side", "--filename", OFFICIAL_CALICO)
        return
    node = f"{estate.cluster}-control-plane"
    inside = ["docker", "exec", node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
    run([*inside, "apply", "--server-side", "--filename", "/kind/manifests/calico"], what="Calico's types were not installed.")
    run([*inside, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"], what="Calico's types were not established.")
    _kubectl(estate, "apply", "--server-side", "--filename", "-", input=(HERE / "calico.yaml").read_text())


def _wait_until_ready(estate: Estate, step: Step) -> None:
    step.note("waiting for its nodes")
    _kubectl(estate, "wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={READY_SECONDS}s")
    step.note("waiting for DNS")
    _kubectl(estate, "--namespace", "kube-system", "rollout", "status", "deployment/coredns", f"--timeout={READY_SECONDS}s")
    step.note("waiting until network policies are enforced")
    _wait_for_policies(estate)
    _kubectl(estate, "annotate", "--overwrite", "namespace", "kube-system", f"{COMPLETE}=true")


def _wait_for_policies(estate: Estate) -> None:
    """Wait until Calico's agent is ready on every node: before that, policies are accepted but not enforced."""
    if not node_image.is_made_here():
        _kubectl(estate, "--namespace", "kube-system", "rollout", "status", "daemonset/calico-node", f"--timeout={READY_SECONDS}s")
        return
    ready = "until curl --silent --fail --max-time 2 http://localhost:9099/readiness; do sleep 0.2; done"
    for node in nodes_of(estate):
        run(
            ["docker", "exec", node, "timeout", str(READY_SECONDS), "sh", "-c", ready],
            what=f"Calico's agent is not ready on {node} after {READY_SECONDS} s: network policies are not enforced there.",
            remedy=f"docker exec {node} journalctl --unit calico-felix",
        )


def _start_again(estate: Estate, nodes: list[str]) -> bool:
    """Start nodes that were stopped, as after the engine was restarted, and give the API time; whether the cluster then is complete."""
    with console.step(f"Waiting for the cluster {estate.cluster} to answer"):
        run(["docker", "start", *nodes], check=False)
        deadline = time.monotonic() + ANSWER_SECONDS
        while (state := _state(estate)) is State.SILENT and time.monotonic() < deadline:
            time.sleep(1)
        if state is State.COMPLETE:
            _wait_for_policies(estate)
    return state is State.COMPLETE


__all__ = ["create", "delete", "difference", "ensure_node_image", "is_complete", "load_images", "nodes_of", "short_name"]
