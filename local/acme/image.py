"""The image that the ACME server starts from."""

from __future__ import annotations

from local.addons import program_image
from local.addons.program_image import Program
from local.toolchain import Toolchain

REPOSITORY = "highstreetly/pebble"
PEBBLE = Program("pebble", "pebble")


def tag(toolchain: Toolchain) -> str:
    """The image's name; its tag is the hash of what it is made from."""
    return f"{REPOSITORY}:{program_image.pins(toolchain, PEBBLE)}"


def ensure_image(toolchain: Toolchain) -> str:
    """Have the engine hold the image: as it is, from the cache, or made (half a minute); returns its name."""
    name = tag(toolchain)
    program_image.ensure(toolchain, PEBBLE, name, official=False)
    return name


__all__ = ["ensure_image", "tag"]
