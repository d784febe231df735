"""Images of one static program each, made of a tool of the toolchain and nothing else."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local import image_store
from local.toolchain import Toolchain
from ops.console import Step

DOCKERFILE = """\
FROM scratch
COPY {program} {folder}/{program}
USER {user}
ENTRYPOINT ["{folder}/{program}"]
"""
NONROOT = "65532:65532"
"""Charts want a user that is not root, by its number: this one is what distroless images, too, call nonroot."""
ROOT = "0:0"


@dataclass(frozen=True)
class Program:
    """A program of a tool of the toolchain, the user as whom its image runs it, and the folder where a chart looks for it."""

    tool: str
    name: str
    user: str = NONROOT
    folder: str = "/usr/local/bin"

    @property
    def dockerfile(self) -> str:
        """How its image is made. Charts give arguments only, so the program is the entry point."""
        return DOCKERFILE.format(program=self.name, user=self.user, folder=self.folder)


def pins(toolchain: Toolchain, program: Program) -> str:
    """The hash of what the image of a program is made from."""
    return image_store.digest_of(program.dockerfile, toolchain.pins[program.tool].digest(toolchain.modules))


def ensure(toolchain: Toolchain, program: Program, tag: str, *, official: bool) -> None:
    """Have the engine hold the image of a program under the name ``tag``, which its publisher gave it if it is ``official``.

    Raises PlatformError when it can neither be pulled nor made.
    """
    made_from = pins(toolchain, program)

    def make(step: Step) -> None:
        binary = toolchain.ensure([program.tool])[program.tool] / program.name
        with tempfile.TemporaryDirectory(prefix="hs-program-") as folder:
            context = Path(folder)
            shutil.copy(binary, context)
            (context / program.name).chmod(0o755)
            (context / "Dockerfile").write_text(program.dockerfile)
            image_store.build(tag, made_from, context, step)

    image_store.ensure_image(tag, made_from, make, official=official)


def own_tag(toolchain: Toolchain, program: Program) -> str:
    """The name of a program's image that nobody publishes; its tag is the hash of what it is made from."""
    return f"highstreetly/{program.name}:{pins(toolchain, program)}"


def ensure_own(toolchain: Toolchain, program: Program) -> str:
    """Have the engine hold the image that nobody publishes: as it is, from the cache, or made (minutes); returns its name."""
    tag = own_tag(toolchain, program)
    ensure(toolchain, program, tag, official=False)
    return tag


__all__ = ["NONROOT", "ROOT", "Program", "ensure", "ensure_own", "own_tag", "pins"]
