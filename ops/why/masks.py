"""Secrets out of log lines, events and messages, before anybody reads them. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
SECRET_LENGTH_MIN = 8
"""A shorter value would be found within ordinary words."""
_IN_URL = re.compile(r"(://[^\s:/@\"']*:)[^\s@\"']+(@)")
_HEADER = re.compile(r"(?i)\b(authorization\"?\s*[:=]\s*\"?)((?:bearer|basic)\s+)?[^\s\",;]+")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|pwd|secret|token|passphrase|api[_-]?key|license[_-]?key|access[_-]?key)\"?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s\",;&']+)"
)
_KNOWN_FORMS = re.compile(
    r"\b(?:whsec|sk_live|sk_test|rk_live|ghp|gho|ghs|dop_v1|NRAK)[_-][A-Za-z0-9_-]{6,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without the ``secrets`` themselves and without what looks like one: in URLs, headers, and behind telling names."""
    for secret in sorted({secret for secret in secrets if len(secret) >= SECRET_LENGTH_MIN}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _IN_URL.sub(rf"\1{MASK}\2", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _KNOWN_FORMS.sub(MASK, text)


__all__ = ["MASK", "mask"]
