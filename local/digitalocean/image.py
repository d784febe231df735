"""The image that the emulator starts from."""

from __future__ import annotations

from pathlib import Path

from local import image_store
from local.base_images import debian
from ops.console import Step

REPOSITORY = "highstreetly/digitalocean"
FOLDER = Path(__file__).parent
OURS = ("container.py", "image.py")
"""What runs on this machine and is no part of the image."""


def tag() -> str:
    """The image's name; its tag is the hash of what it is made from."""
    return f"{REPOSITORY}:{_pins()}"


def ensure_image() -> str:
    """Have the engine hold the image: as it is, from the cache, or made (a minute); returns its name.

    The base image must be there. Raises PlatformError with what could not be built, and why.
    """
    name, pins = tag(), _pins()

    def make(progress: Step) -> None:
        image_store.build(name, pins, FOLDER, progress)

    image_store.ensure_image(name, pins, make, official=False)
    return name


def _pins() -> str:
    return image_store.digest_of(debian.pins(), *_sources())


def _sources() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.is_file() and path.name not in OURS)


__all__ = ["ensure_image", "tag"]
