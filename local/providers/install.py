"""Puts a provider plugin where the Pulumi engine looks for it: the official one where it can be had, else the stand-in."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import json
import os
import py_compile
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ops.errors import PlatformError
from ops.process import run

Origin = Literal["official", "stand-in"]

PACKAGE = Path(__file__).parent
MARK = "# highstreet.ly: stand-in provider plugin"  # the second line of the script; official plugins are binaries
DOWNLOAD_SECONDS = 60
DOWNLOAD_AGAIN_SECONDS = 24 * 3600  # how long a failed download is remembered, for every plugin: they all come from one place
FAILED_DOWNLOAD = "official-plugins-not-downloadable.json"
NOT_IN_THE_PLUGIN = ("install.py", "__pycache__")


def install(
    pulumi_home: Path, name: str, version: str, *, cache: Path, pulumi: Path | str | None = None, python: Path | str | None = None
) -> Origin:
    """Make the plugin of a package ready under ``pulumi_home`` and tell which one it is; a second call changes nothing.

    An official plugin that is there is never touched. Otherwise ``pulumi`` (no attempt when None) may download it, for at
    most DOWNLOAD_SECONDS; a failure is remembered for a day. Else a script starts a copy of this package's sources, kept
    in ``cache`` under their hash, with ``python`` (this virtual environment's): it survives a moved or deleted checkout.
    Raises PlatformError when neither can be had.
    """
    plugins = pulumi_home / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    folder = plugins / f"resource-{name}-v{version}"
    with _locked(plugins / f"{folder.name}.lock"):
        if origin(pulumi_home, name, version) == "official":
            return "official"
        if pulumi is not None and _worth_a_download(pulumi_home) and _downloaded(pulumi_home, name, version, pulumi):
            return "official"
        _write_stand_in(folder, name, version, sources(cache), python or Path(sys.prefix).resolve() / "bin" / "python")
    return "stand-in"


def origin(pulumi_home: Path, name: str, version: str) -> Origin | None:
    """Which plugin of a package is installed, None for none (or a half-installed one)."""
    plugins = pulumi_home / "plugins"
    executable = plugins / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
    if not executable.exists() or (plugins / f"resource-{name}-v{version}.partial").exists():
        return None
    with executable.open("rb") as file:
        return "stand-in" if MARK.encode() in file.read(200) else "official"


def sources(cache: Path) -> Path:
    """A copy of the providers' sources in the cache, named by their hash; complete or absent."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in NOT_IN_THE_PLUGIN)
    content = hashlib.sha256()
    for path in files:
        content.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes() + b"\0")
    finished = cache / "tools" / f"providers-{content.hexdigest()[:16]}"
    if finished.exists():
        return finished
    finished.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{finished.name}-", dir=finished.parent))
    try:
        _copy(files, partial)
        compileall.compile_dir(partial, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)  # a start costs half
        partial.chmod(0o755)
        partial.rename(finished)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not finished.exists():  # else somebody else finished the same copy first
            raise
    return finished


def _copy(files: list[Path], place: Path) -> None:
    package = place / "local" / "providers"
    for path in files:
        copy = package / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(PACKAGE.parent / "__init__.py", package.parent / "__init__.py")


def _write_stand_in(folder: Path, name: str, version: str, code: Path, python: Path | str) -> None:
    from local.providers.packages import version_of

    standing = version_of(name)
    if standing != version:
        raise PlatformError(
            f"There is no plugin {name} {version} for Pulumi.",
            why=f"The official one cannot be downloaded, and the stand-in is written for {standing}.",
            remedy=f"set pulumi-{name}=={standing} in requirements/requirements.in, or run where get.pulumi.com can be reached",
        )
    interpreter = shlex.quote(str(python))
    script = f'#!/bin/sh\n{MARK}\nPYTHONPATH={shlex.quote(str(code))} PYTHONSAFEPATH=1 exec {interpreter} -m local.providers {name} "$@"\n'
    executable = folder / f"pulumi-resource-{name}"
    if executable.exists() and executable.read_text() == script:
        return
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    (partial / executable.name).write_text(script)
    (partial / executable.name).chmod(0o755)
    partial.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f"{folder.name}.partial").unlink(missing_ok=True)
    partial.rename(folder)


def _worth_a_download(pulumi_home: Path) -> bool:
    try:
        return time.time() - float(json.loads((pulumi_home / FAILED_DOWNLOAD).read_text())["failed_at"]) > DOWNLOAD_AGAIN_SECONDS
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _downloaded(pulumi_home: Path, name: str, version: str, pulumi: Path | str) -> bool:
    """Let pulumi install the official plugin beside ours and move it into place, so that a failure leaves ours alone."""
    plugins = pulumi_home / "plugins"
    folder = plugins / f"resource-{name}-v{version}"
    with tempfile.TemporaryDirectory(prefix=".download-", dir=plugins) as trial:
        try:
            run(
                [pulumi, "plugin", "install", "resource", name, version], what=f"The official plugin {name} cannot be downloaded.",
                env={"PULUMI_HOME": trial, "PULUMI_SKIP_UPDATE_CHECK": "true"}, timeout_seconds=DOWNLOAD_SECONDS,
            )  # fmt: skip
        except PlatformError as failure:
            note = {"failed_at": time.time(), "why": failure.why or failure.what}
            (pulumi_home / FAILED_DOWNLOAD).write_text(json.dumps(note))
            return False
        if origin(Path(trial), name, version) != "official":
            return False
        shutil.rmtree(folder, ignore_errors=True)
        (Path(trial) / "plugins" / folder.name).rename(folder)
    (pulumi_home / FAILED_DOWNLOAD).unlink(missing_ok=True)
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock the engine itself takes while it installs this plugin."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


__all__ = ["Origin", "install", "origin", "sources"]
