"""Secrets out of log lines, events and messages, before anybody reads them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from settings import masks
from settings.masks import MASK

SECRET_LENGTH_MIN = 8
"""A shorter value would be found within ordinary words."""


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without the ``secrets`` themselves and without what looks like one (settings/masks.py)."""
    for secret in sorted({secret for secret in secrets if len(secret) >= SECRET_LENGTH_MIN}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return masks.mask(text)


__all__ = ["MASK", "mask"]
