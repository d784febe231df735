"""The pins: which version of which tool, and where it may come from."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

HERE = Path(__file__).parent
GO_MODULES = HERE / "go"
HASH_LENGTH = 16
SOURCES = (".go", ".mod", ".sum")
NOT_IN_THE_CONTENT = {"group", "check", "beside"}
"""What a pin says about finding and using a tool, and not about what it is."""


class ModuleFiles(BaseModel):
    """Files of a Go module, by their paths in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: str
    files: tuple[str, ...]


class Pin(BaseModel):
    """One tool, as pins.yaml describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Literal["compiler", "host", "node", "addon", "check"]
    version: str
    check: str = ""
    beside: tuple[str, ...] = ()
    """Programs that must stand beside it for the one on PATH to be used."""
    release: str = ""
    checksums: str = ""
    build: dict[str, dict[str, str]] = {}
    ldflags: str = ""
    scripts: ModuleFiles | None = None
    embeds: ModuleFiles | None = None
    pypi: str = ""

    @property
    def programs(self) -> tuple[str, ...]:
        """Every program that the finished tool has, wherever it came from."""
        built = [program for packages in self.build.values() for program in packages]
        return (*built, *(Path(file).name for file in (self.scripts.files if self.scripts else ())))

    def fill(self, template: str) -> str:
        """A URL or flag with this version and this machine filled in."""
        arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        return template.format(
            version=self.version,
            plain_version=self.version.removeprefix("v"),
            os=platform.system().lower(),
            arch=arch,
            pulumi_arch={"amd64": "x64"}.get(arch, arch),
        )

    def digest(self, modules: Path = GO_MODULES) -> str:
        """A hash of what the tool is made from: pin, Go modules and kind of machine. Another one, another cache entry."""
        total = hashlib.sha256(self.model_dump_json(exclude=NOT_IN_THE_CONTENT).encode())
        total.update(platform.machine().encode())
        for module in sorted(self.build):
            folder = modules / module
            for path in sorted(folder.rglob("*")):
                if path.suffix in SOURCES:
                    total.update(f"\0{module}/{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
        return total.hexdigest()[:HASH_LENGTH]


@cache
def read_pins(path: Path = HERE / "pins.yaml") -> dict[str, Pin]:
    """Every pin by its tool's name; raises ValidationError for a key it does not know."""
    return {name: Pin.model_validate(pin) for name, pin in yaml.load(path.read_text(), Loader=yaml.CSafeLoader).items()}
