"""A stand-in for NGINX's unprivileged image: Debian's nginx behind the same user, port, folders and templates."""

from __future__ import annotations

from pathlib import Path

from local.base_images import debian
from local.image_store import build, digest_of
from ops.console import Step

TAG = "nginxinc/nginx-unprivileged:1.29"
CONTEXT = Path(__file__).parent / "nginx"


def pins() -> str:
    """The hash of what the stand-in is made from."""
    return digest_of(debian.pins(), CONTEXT)


def make(step: Step) -> None:
    """Make the image; raises PlatformError with the last lines of the build."""
    build(TAG, pins(), CONTEXT, step)


__all__ = ["TAG", "make", "pins"]
