"""The image that a machine's look-alike starts from."""

from __future__ import annotations

from pathlib import Path

from local import image_store
from local.base_images import debian

CONTEXT = Path(__file__).parent / "image"
REPOSITORY = "highstreetly/machine"


def pins() -> str:
    """The hash of what the image is made from; it is the image's tag."""
    return image_store.digest_of(debian.pins(), CONTEXT)


def ensure_image() -> str:
    """Have the engine hold the image: as it is, from the cache, or built (about a minute); returns its name."""
    tag = f"{REPOSITORY}:{pins()}"
    image_store.ensure_image(tag, pins(), lambda step: image_store.build(tag, pins(), CONTEXT, step), official=False)
    return tag


__all__ = ["ensure_image", "pins"]
