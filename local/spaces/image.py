"""The image that the object storage starts from."""

from __future__ import annotations

from local.addons import program_image
from local.addons.program_image import ROOT, Program
from local.toolchain import Toolchain

REPOSITORY = "highstreetly/versitygw"
VERSITYGW = Program("versitygw", "versitygw", ROOT)
"""Root, because its volume is: without a capability it is nothing more than the volume's owner."""


def tag(toolchain: Toolchain) -> str:
    """The image's name; its tag is the hash of what it is made from."""
    return f"{REPOSITORY}:{program_image.pins(toolchain, VERSITYGW)}"


def ensure_image(toolchain: Toolchain) -> str:
    """Have the engine hold the image: as it is, from the cache, or made (three minutes); returns its name."""
    name = tag(toolchain)
    program_image.ensure(toolchain, VERSITYGW, name, official=False)
    return name


__all__ = ["ensure_image", "tag"]
