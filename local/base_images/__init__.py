"""The images that ours are built FROM: the official ones where they can be pulled, else stand-ins made from Debian's packages."""

from __future__ import annotations

from local.base_images import debian, nginx
from local.image_store import ensure_image


def ensure_base_images() -> None:
    """Have the engine hold every base image; raises PlatformError with the one that cannot be had, and why."""
    for image in (debian, nginx):
        ensure_image(image.TAG, image.pins(), image.make, official=True)


__all__ = ["ensure_base_images"]
