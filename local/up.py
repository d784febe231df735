"""`./hs up` and `./hs down`: the local estate as a list of steps, each of which does nothing where its work is done."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from local import kernel, outside, overlay
from local.addons.charts import ensure_charts
from local.addons.images import ensure_addon_images
from local.base_images import ensure_base_images
from local.cluster import cluster, mirror
from local.engine import ensure_engine, is_running, stop_engine
from local.environment import variables
from local.estate import Estate
from local.github import checkout, repository
from local.images import ensure_images
from local.machines import configure, machines
from local.machines import stack as machine_stack
from local.machines.image import ensure_image as ensure_machine_image
from local.network import ensure_network, remove_network
from local.providers.install import install as install_plugin
from local.registry.push import push
from local.toolchain import Toolchain
from ops import console, deploy
from ops.errors import InputError
from ops.process import run

STAND_IN_PLUGINS = {
    "digitalocean": "4.84.1",
    "esxi-native": "1.0.0",
    "kubernetes-cert-manager": "0.2.0",
    "postgresql": "3.18.2",
    "rabbitmq": "3.5.3",
    "random": "4.21.4",
}
"""The plugins that the program needs beside kubernetes, at the versions of their SDKs in requirements/."""
ON_THIS_MACHINE = ("esxi-native",)
"""Those whose official plugin is never wanted here: the local estate's hypervisor is the container engine."""
WITH_DATA = ("postgres", "rabbitmq", "registry", "spaces")
"""Machines whose container or volume is worth nothing without the estate's secrets."""


def up(estate: Estate, stack: str = "kind", *, refresh: bool = False, if_changed: bool = False) -> bool:
    """Bring the whole local estate up and deploy ``stack`` on it; returns whether it was deployed, or unchanged and left alone.

    Raises PlatformError with what stopped it. Two at a time take turns until the deploy: both would make the same cluster and machines.
    """
    if not estate.data_dir.exists():
        refuse_orphans(estate)
    with turn(estate):
        bring_up_below(estate, stack)
    return bool(deploy.up(stack, estate.checkout, refresh=refresh, if_changed=if_changed))


def refuse_orphans(estate: Estate) -> None:
    """Raise InputError where data of an estate of this name is there whose state and secrets are not: nobody can use it any more."""
    ensure_engine()
    if found := orphans(estate):
        raise InputError(
            f"The estate {estate.name} is there without its state and secrets; nothing was touched.",
            why=f"{estate.data_dir} is gone, and without it nobody can use the data of {', '.join(found)}.",
            remedy="put that folder back, or ./hs down, which deletes the data, and then ./hs up",
        )


def orphans(estate: Estate) -> list[str]:
    """The containers and volumes with data of an estate whose state and secrets are gone."""
    if estate.data_dir.exists() or not is_running():
        return []
    listed = [["ps", "--all", "--filter", f"label={estate.label}", "--format", "{{.Names}}"], ["volume", "ls", "--format", "{{.Name}}"]]
    names = {name for words in listed for name in run(["docker", *words]).stdout.split()}
    return sorted(names & {estate.container(machine) for machine in WITH_DATA})


@contextmanager
def turn(estate: Estate) -> Iterator[None]:
    """Wait until no other process brings this estate up; the turn ends with the process that has it."""
    estate.data_dir.mkdir(parents=True, exist_ok=True)
    with (estate.data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with console.step(f"Waiting for another command that brings {estate.name} up"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bring_up_below(estate: Estate, stack: str) -> None:
    """All that a stack stands on: tools, images, the cluster, the configured machines and what stands for the world outside."""
    toolchain = prepare_tools(estate, stack)
    ensure_engine()
    addons = ensure_addon_images(toolchain)
    references = prepare_images(toolchain, addons)
    outside.prepare(toolchain)
    charts = ensure_charts(toolchain)
    ensure_network(estate)
    together(
        lambda: create_cluster(estate, [*references.values(), *addons]),
        lambda: create_machines(estate, toolchain, list(references.values())),
    )
    toolchain.clean()
    servers = {machine.role: machine.address for machine in machine_stack.recorded(estate)}
    overlay.write(estate, servers, references, charts)


def prepare_tools(estate: Estate, stack: str) -> Toolchain:
    """The host's tools and Pulumi's plugins; the environment of this process is the estate's from here on."""
    toolchain = Toolchain()
    toolchain.ensure(toolchain.names("host"))
    os.environ.update(variables(estate, str(toolchain.pulumi_home()), toolchain.path(), stack))
    estate.pulumi_state.mkdir(parents=True, exist_ok=True)
    toolchain.install_kubernetes_plugin()
    for name, version in STAND_IN_PLUGINS.items():
        downloads = None if name in ON_THIS_MACHINE else shutil.which("pulumi")
        install_plugin(toolchain.pulumi_home(), name, version, cache=toolchain.cache, pulumi=downloads)
    return toolchain


def prepare_images(toolchain: Toolchain, addons: Sequence[str]) -> dict[str, str]:
    """Every image of the estate, and how it is called: base images first, then the node's, then the product's."""
    ensure_base_images()
    cluster.ensure_node_image(toolchain, addons)
    ensure_machine_image()
    return ensure_images(toolchain.builder)


def create_cluster(estate: Estate, references: list[str]) -> None:
    """The cluster, with images on its nodes, which ask the estate's registry for others."""
    kernel.note()
    cluster.create(estate)
    mirror.write(estate)
    cluster.load_images(estate, references)


def create_machines(estate: Estate, toolchain: Toolchain, references: list[str]) -> None:
    """The data machines by the datacenter's program, and beside them the world outside; then their roles, which keep backups there."""
    together(lambda: machine_stack.bring_up(estate), lambda: outside.start(estate, toolchain))
    together(lambda: configure.configure(estate), lambda: push_images(estate, references))


def push_images(estate: Estate, references: list[str]) -> None:
    """The product's images in the estate's registry, so that a release finds their digests there."""
    for image in references:
        push(estate, image, image)


def together(*tasks: Callable[[], Any]) -> None:
    """Run tasks at the same time and wait for all of them; then raise the first error, if any."""
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        running = [pool.submit(task) for task in tasks]
    for task in running:
        task.result()


def down(estate: Estate) -> None:
    """Remove all that ``up`` made for this estate: cluster, machines, network, state and secrets, and the engine if it was started for it.

    The cache of tools and images stays; it belongs to no estate.
    """
    if estate.data_dir.exists():
        ensure_engine()  # one that a restart of the machine ended still has the containers and volumes
    if is_running():
        with console.step(f"Removing the estate {estate.name}") as step:
            repository.end(estate)
            step.note("cluster")
            cluster.delete(estate)
            step.note("machines")
            outside.delete(estate)
            machines.delete_all(estate)
            remove_network(estate)
    shutil.rmtree(estate.data_dir, ignore_errors=True)
    if not other_estates():
        kernel.restore()
        stop_engine()


def other_estates() -> list[str]:
    """The containers of estates, and of kind clusters of any origin, that are still there, running or not."""
    labels = ("ly.highstreet.estate", "io.x-k8s.kind.cluster")
    found = [run(["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"], check=False) for label in labels]
    return sorted({container for part in found if part.returncode == 0 for container in part.stdout.split()})


def what_down_deletes(estate: Estate) -> list[str]:
    """What ``down`` would remove, a line each."""
    if not estate.data_dir.exists():
        return [f"{name}, whose state and secrets are gone" for name in orphans(estate)]
    return [
        f"the cluster {estate.cluster} and everything in it",
        "the machines with their data",
        "what stands for DigitalOcean, Let's Encrypt and Docker Hub, with zones, certificates and pushed images",
        f"the docker network {estate.network}",
        f"state and secrets in {estate.data_dir}",
        *([f"the checkout {checkout.path_of(estate)} with its commits"] if checkout.is_made(estate) else []),
    ]


__all__ = ["down", "up", "what_down_deletes"]
