"""The node image: kindest/node where it can be pulled, else the same from kind's own files and the tools of the `node` group."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.base_images import debian
from local.image_store import PINS_LABEL, build, digest_of, ensure_image, image_id, label_of
from local.toolchain import Toolchain
from ops.console import Step
from ops.process import run

HERE = Path(__file__).parent
KUBERNETES = "v1.35.4"
IMAGE = f"kindest/node:{KUBERNETES}"
KIND_FILES = ("images/base/files", "sigs.k8s.io/kind@v0.33.0")
CALICO_CRDS = ("libcalico-go/config/crd", "github.com/projectcalico/calico@v1.11.0-cni-plugin.0.20250813170300-a0db560f0520")

IMAGES = {
    # What kubeadm asks for (`kubeadm config images list`), and the program that the image starts. kube-proxy needs nft, so it has a base.
    f"registry.k8s.io/kube-apiserver:{KUBERNETES}": ("kubernetes", "kube-apiserver", "scratch"),
    f"registry.k8s.io/kube-controller-manager:{KUBERNETES}": ("kubernetes", "kube-controller-manager", "scratch"),
    f"registry.k8s.io/kube-scheduler:{KUBERNETES}": ("kubernetes", "kube-scheduler", "scratch"),
    f"registry.k8s.io/kube-proxy:{KUBERNETES}": ("kubernetes", "kube-proxy", "proxy"),
    "registry.k8s.io/etcd:3.6.6-0": ("etcd", "etcd", "etcd"),
    "registry.k8s.io/coredns/coredns:v1.13.1": ("coredns", "coredns", "scratch"),
    "registry.k8s.io/pause:3.10.1": ("pause", "pause", "scratch"),
}
DOCKERFILES = {
    "scratch": 'FROM scratch\nCOPY {program} /{target}\nENTRYPOINT ["/{target}"]\n',
    "etcd": 'FROM scratch\nCOPY {program} etcdutl /usr/local/bin/\nENTRYPOINT ["/{target}"]\n',
    "proxy": (
        f"FROM {debian.TAG}\nRUN apt-get update && apt-get install -y --no-install-recommends nftables iptables conntrack ipset kmod"
        " && rm -rf /var/lib/apt/lists/*\nCOPY {program} /usr/local/bin/{target}\n"
    ),
}
TARGETS = {"etcd": "usr/local/bin/etcd", "pause": "pause", "coredns": "coredns"}
BESIDE = {"etcd": ("etcdutl",)}
"""What else of its tool an image holds: with etcdutl a snapshot is restored."""


def is_made_here() -> bool:
    """Whether the node image in the engine is the one that is made here, with Calico's agent in it."""
    return bool(label_of(IMAGE))


def ensure_node_image(toolchain: Toolchain, addons: Sequence[str]) -> None:
    """Have the engine hold the node image; raises PlatformError when it can neither be pulled nor made.

    ``addons`` are images of the engine that every cluster needs: one that is made here has them, so that no start loads them again.
    """
    pins = pins_of(toolchain, addons)
    ensure_image(IMAGE, pins, lambda step: _make(toolchain, addons, pins, step), official=True)


def pins_of(toolchain: Toolchain, addons: Sequence[str]) -> str:
    """The hash of what the node image is made from: our files, the tools in it, the base of its images, and the add-ons' images."""
    tools = [f"{name}={toolchain.pins[name].digest()}" for name in toolchain.names("node")]
    images = [f"{addon}={label_of(addon) or image_id(addon)}" for addon in addons]
    return digest_of(HERE / "node", HERE / "node_image.py", *tools, f"debian={debian.pins()}", *images)


def calico_crds(toolchain: Toolchain, target: Path) -> None:
    """Copy Calico's type definitions out of its Go module into ``target``."""
    folder, module = CALICO_CRDS
    shutil.copytree(toolchain.builder.module_folder(toolchain.builder.go(), module) / folder, target, dirs_exist_ok=True)


def _make(toolchain: Toolchain, addons: Sequence[str], pins: str, step: Step) -> None:
    binaries = toolchain.ensure(toolchain.names("node"))
    with tempfile.TemporaryDirectory(prefix="hs-node-") as folder:
        context = Path(folder)
        step.note("gathering its files")
        _gather(toolchain, binaries, context)
        base = f"highstreetly/node-base:{pins}"
        build(base, pins, context, step)
        archives = context / "archives"
        before = {reference: image_id(reference) for reference in IMAGES}
        try:
            _make_images(binaries, archives, step)
            for number, addon in enumerate(addons, len(IMAGES)):
                run(["docker", "save", "--output", archives / f"{number}.tar", addon])
            _import_images(base, archives, pins, step)
        finally:
            _give_back(before)
            run(["docker", "rmi", base], check=False)


def _give_back(before: dict[str, str]) -> None:
    """Let the names of Kubernetes' images mean in the engine what they meant before; those that meant nothing go."""
    for reference, image in before.items():
        if not image:
            run(["docker", "rmi", reference], check=False)
        elif image != image_id(reference):
            run(["docker", "tag", image, reference], check=False)


def _gather(toolchain: Toolchain, binaries: dict[str, Path], context: Path) -> None:
    """Lay out the build's folder: kind's files, our own, the programs, Calico's types and the version that kind reads."""
    folder, module = KIND_FILES
    shutil.copytree(toolchain.builder.module_folder(toolchain.builder.go(), module) / folder, context / "kind")
    shutil.copytree(HERE / "node", context, dirs_exist_ok=True)
    calico_crds(toolchain, context / "manifests" / "calico")
    for tool, wanted in {
        "kubernetes": ("kubelet", "kubeadm", "kubectl"),
        "containerd": ("containerd", "containerd-shim-runc-v2", "ctr"),
        "crictl": ("crictl",),
        "calico": ("calico-felix",),
    }.items():
        for program in wanted:
            shutil.copy(binaries[tool] / program, context / "bin" / program)
    (context / "cni").mkdir()
    for path in (*binaries["cni-plugins"].iterdir(), binaries["calico"] / "calico"):
        shutil.copy(path, context / "cni" / path.name)
    (context / "kind" / "kind" / "version").write_text(KUBERNETES)
    run(["chmod", "-R", "u+w,go+rX", context])
    programs = [path for part in ("bin", "cni", "kind/usr/local/bin", "kind/kind/bin") for path in (context / part).iterdir()]
    run(["chmod", "755", *programs])


def _make_images(binaries: dict[str, Path], archives: Path, step: Step) -> None:
    archives.mkdir()
    for number, (reference, (tool, program, base)) in enumerate(IMAGES.items()):
        step.note(f"packing {program}")
        with tempfile.TemporaryDirectory(prefix="hs-image-") as folder:
            for name in (program, *BESIDE.get(program, ())):
                shutil.copy(binaries[tool] / name, folder)
            target = TARGETS.get(program, f"usr/local/bin/{program}" if base == "scratch" else program)
            (Path(folder) / "Dockerfile").write_text(DOCKERFILES[base].format(program=program, target=target))
            run(
                ["docker", "build", "--quiet", "--tag", reference, folder], env={"DOCKER_BUILDKIT": "0"}, what=f"{reference} was not built."
            )
        run(["docker", "save", "--output", archives / f"{number}.tar", reference])


def _import_images(base: str, archives: Path, pins: str, step: Step) -> None:
    """Put the images into the node image's own containerd, as kind's build does, and keep the result as the node image."""
    builder = f"highstreetly-node-builder-{pins}-{os.getpid()}"
    run(["docker", "run", "--detach", "--name", builder, "--entrypoint", "sleep", "--volume", f"{archives}:/archives:ro", base, "infinity"])
    try:
        run(["docker", "exec", "--detach", builder, "containerd"])
        wait = "for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
        run(["docker", "exec", builder, "sh", "-c", wait], what="containerd did not start while the node image was made.")
        found = sorted(archives.iterdir())
        for number, archive in enumerate(found, 1):
            step.note(f"importing image {number} of {len(found)}")
            command = ["ctr", "--namespace", "k8s.io", "images", "import", "--no-unpack", f"/archives/{archive.name}"]
            run(["docker", "exec", builder, *command], what="A Kubernetes image could not be put into the node image.")
        # Its database is whole only when it has ended.
        end = "pkill -x containerd; for i in $(seq 300); do pgrep -x containerd >/dev/null || exit 0; sleep 0.1; done; exit 1"
        run(["docker", "exec", builder, "sh", "-c", end], what="containerd did not end while the node image was made.")
        step.note("keeping it")
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        run(["docker", "commit", "--change", entrypoint, "--change", f"LABEL {PINS_LABEL}={pins}", builder, IMAGE])
    finally:
        run(["docker", "rm", "--force", builder], check=False)


__all__ = ["IMAGE", "calico_crds", "ensure_node_image", "is_made_here"]
