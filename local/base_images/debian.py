"""A stand-in for Debian's own image: debootstrap's smallest system, thinned out as the official slim one is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from local.estate import cache_dir
from local.image_store import PINS_LABEL, digest_of
from ops.console import Step
from ops.errors import PlatformError
from ops.process import run

TAG = "debian:bookworm-slim"
SUITE = "bookworm"

SOURCES = """\
Types: deb
URIs: {mirror}
Suites: {suite} {suite}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: {mirror}-security
Suites: {suite}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

# Packages start no service and leave neither manuals nor downloads behind.
FILES = {
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/dpkg/dpkg.cfg.d/docker": (
        "force-unsafe-io\n"
        "path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\npath-exclude /usr/share/man/*\n"
        "path-exclude /usr/share/locale/*\npath-include /usr/share/locale/locale.alias\npath-exclude /usr/share/info/*\n"
    ),
    "etc/apt/apt.conf.d/docker-clean": (
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };\n'
        'APT::Update::Post-Invoke { "rm -f /var/cache/apt/*.bin || true"; };\n'
        'Acquire::Languages "none";\nApt::AutoRemove::SuggestsImportant "false";\n'
    ),
    "etc/hostname": "localhost\n",
    "etc/resolv.conf": "",
}
HOST_OPTIONS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")
"""What this machine's apt is told about its mirror holds for the same mirror inside a container."""
# The folders of the manuals stay: the JRE's and other packages' installers put links there.
LEFT_OUT = ("usr/share/doc/*", "usr/share/man/*/*", "usr/share/locale/*", "usr/share/info/*", "var/cache/apt/*", "var/lib/apt/lists/*",
            "var/log/*", "var/cache/debconf/*-old", "dev/*", "proc/*", "sys/*", "tmp/*")  # fmt: skip


def pins() -> str:
    """The hash of what the stand-in is made from."""
    return digest_of(SUITE, SOURCES, repr(FILES), repr(LEFT_OUT))


def make(step: Step) -> None:
    """Make the image (about a minute); raises PlatformError without root or without Debian's packages."""
    _require_debootstrap(step)
    images = cache_dir() / "images"
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".debian-", dir=images) as work:
        root = Path(work) / "root"
        run(
            ["debootstrap", "--variant=minbase", "--merged-usr", SUITE, root],
            what=f"Debian {SUITE} could not be installed into {TAG}.",
            remedy="check that Debian's packages can be reached, then run the same command again",
            on_line=lambda line: step.note(line.removeprefix("I: ")[:80]),
        )
        _write_files(root)
        step.note("importing")
        archive = Path(work) / "root.tar"
        run(["tar", "--numeric-owner", "-C", root, *(f"--exclude=./{glob}" for glob in LEFT_OUT), "-cf", archive, "."])
        changes = [f"LABEL {PINS_LABEL}={pins()}", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 'CMD ["bash"]']
        run(["docker", "import", *(word for change in changes for word in ("--change", change)), archive, TAG])


def _require_debootstrap(step: Step) -> None:
    if os.geteuid() != 0:
        raise PlatformError(
            f"{TAG} cannot be pulled, and making a stand-in needs root.", remedy="let this machine reach Docker Hub, or run this as root"
        )
    if not shutil.which("debootstrap"):
        step.note("installing debootstrap")
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "debootstrap"], env={"DEBIAN_FRONTEND": "noninteractive"},
            what="debootstrap could not be installed.", remedy="apt-get update && apt-get install debootstrap")  # fmt: skip


def sources(debootstrapped: str) -> str:
    """The image's package sources, from the one line that debootstrap wrote of the mirror it used (its own default)."""
    return SOURCES.format(mirror=debootstrapped.split()[1].rstrip("/"), suite=SUITE)


def _write_files(root: Path) -> None:
    written = root / "etc/apt/sources.list"
    mirrors = {"etc/apt/sources.list.d/debian.sources": sources(written.read_text())}
    written.unlink()
    for name, text in {**mirrors, **FILES, **_host_options()}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)


def _host_options() -> dict[str, str]:
    if not shutil.which("apt-config"):
        return {}
    set_here = run(["apt-config", "dump", *HOST_OPTIONS], check=False).stdout
    return {"etc/apt/apt.conf.d/80mirror": set_here} if set_here.strip() else {}


__all__ = ["TAG", "make", "pins"]
