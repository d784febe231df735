"""Building tools from the package registries: each from its own Go module, whose go.mod and go.sum are the pin."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import sys
from pathlib import Path
from typing import IO

from local.toolchain.cache import new_entry
from local.toolchain.pins import GO_MODULES, ModuleFiles, Pin
from ops.console import Step, step
from ops.errors import PlatformError
from ops.process import TAIL_LINES, run

REMEDY = "check the network and the free disk, then run the same command again: it goes on where it stopped"


def version_tuple(text: str) -> tuple[int, ...]:
    """The first dotted number in ``text``, for comparing: `go version go1.26.8 linux/amd64` is (1, 26, 8)."""
    match = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def errors_of(lines: list[str]) -> str:
    """What a compiler said was wrong: its last lines without the names of packages that it announces."""
    return "\n".join([line for line in lines if " " in line and not line.startswith("go: downloading")][-TAIL_LINES:])


def install(what: str, pin: Pin, folder: Path) -> None:
    """Install a Python package into ``folder``, its programs into ``folder``/bin; raises PlatformError when it is not the pinned one."""
    requirements = folder / "requirements.txt"
    requirements.write_text(pin.pypi + "\n")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    run([*command, "--target", folder, "--requirement", requirements], what=f"{what} could not be installed.", remedy=REMEDY)


class Builder:
    """Builds Go programs; what building needs lives in one folder, which ``clean`` gives back."""

    def __init__(self, compiler: Pin, cache: Path, modules: Path = GO_MODULES) -> None:
        self.compiler = compiler
        self.cache = cache
        self.modules = modules
        self.work = cache / "build"
        self._in_use: IO[str] | None = None

    def go(self) -> Path:
        """The Go compiler: PATH's when it is as new as the pin, else PyPI's, installed once into the cache."""
        found = shutil.which("go")
        if found and version_tuple(run([found, "version"], check=False).stdout) >= version_tuple(self.compiler.version):
            return Path(found)
        target = self.cache / "tools" / f"go-{self.compiler.digest(self.modules)}"
        if not target.exists():
            with step("Installing the Go compiler"), new_entry(target) as folder:
                if folder:
                    install("The Go compiler", self.compiler, folder)
        return target / "go" / "bin" / "go"

    def environment(self) -> dict[str, str]:
        """Go's settings: nothing outside the build folder (which stays until ``clean``), no C, exactly the pinned modules."""
        self._use()
        return {
            "CGO_ENABLED": "0",
            "GOCACHE": str(self.work / "go-build"),
            "GOMODCACHE": str(self.work / "go-modules"),
            "GOTMPDIR": str(self.work / "tmp"),
            "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }

    def build(self, name: str, pin: Pin, folder: Path, progress: Step) -> None:
        """Build a tool's programs into ``folder``/bin; raises PlatformError with what the compiler said."""
        go, target = self.go(), folder / "bin"
        target.mkdir()
        for module, programs in pin.build.items():
            source = folder / "source" / module
            shutil.copytree(self.modules / module, source)
            for path in self._module_files(go, pin.embeds):
                shutil.copy(path, source / path.name)
            for program, package in programs.items():
                self._build_program(name, pin, [go, "build", "-v"], source, package, target / program, progress)
        for path in self._module_files(go, pin.scripts):
            shutil.copy(path, target / path.name)
            (target / path.name).chmod(0o755)
        shutil.rmtree(folder / "source")

    def _build_program(
        self, name: str, pin: Pin, command: list[str | Path], source: Path, package: str, target: Path, progress: Step
    ) -> None:
        progress.note(f"building {target.name}")
        lines: list[str] = []

        def hear(line: str) -> None:
            lines.append(line)
            progress.note(f"building {target.name}: {line.removeprefix('go: ')[:70]}")

        flags: list[str | Path] = ["-trimpath", "-ldflags", f"-s -w {pin.fill(pin.ldflags)}".strip(), "-o", target]
        if run([*command, *flags, package], cwd=source, env=self.environment(), check=False, on_line=hear).returncode:
            raise PlatformError(f"{name} could not be built.", why=errors_of(lines), remedy=REMEDY)

    def _module_files(self, go: Path, wanted: ModuleFiles | None) -> list[Path]:
        return [self.module_folder(go, wanted.module) / file for file in wanted.files] if wanted else []

    def module_folder(self, go: Path, module: str) -> Path:
        """Where the files of a Go module (`path@version`) lie until ``clean``; downloaded where needed.

        Raises PlatformError when it cannot be had, or is not what a committed go.sum states.
        """
        # Outside a module Go reads no go.sum, so its own check is off and ours follows.
        environment = {**self.environment(), "GOFLAGS": "-modcacherw", "GOSUMDB": "off"}
        what = f"The Go module {module} could not be downloaded."
        answer = run([go, "mod", "download", "-json", module], cwd=self.work, env=environment, what=what, remedy=REMEDY).stdout
        found = json.loads(answer[answer.index("{") : answer.rindex("}") + 1])
        path, version = module.split("@")
        stated = f"{path} {version} {found['Sum']}"
        if not any(stated in sums.read_text().splitlines() for sums in self.modules.glob("*/go.sum")):
            raise PlatformError(
                f"The Go module {module} is not the one that was pinned.",
                why=f"no go.sum in {self.modules} has the line {stated}",
                remedy="try again; if it stays so, do not use it",
            )
        return Path(found["Dir"])

    def _use(self) -> None:
        """Keep other runs from clearing the build folder until ``clean``, or until this process ends."""
        if self._in_use is None:
            self.cache.mkdir(parents=True, exist_ok=True)
            self._in_use = (self.cache / ".build.lock").open("w")
            fcntl.flock(self._in_use, fcntl.LOCK_SH)
        (self.work / "tmp").mkdir(parents=True, exist_ok=True)

    def clean(self) -> int:
        """Give back the disk that building used, unless another run is building; returns about how many bytes."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with self._in_use or (self.cache / ".build.lock").open("w") as lock:
            self._in_use = None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0  # the last run that builds cleans up
            free = shutil.disk_usage(self.cache).free
            run(["rm", "-rf", self.work], check=False)  # half a million files: Python's own way takes minutes
            return max(0, shutil.disk_usage(self.cache).free - free)
