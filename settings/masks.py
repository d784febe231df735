"""What no log, event or message may show: secrets and personal data, as patterns that Python and the collector's RE2 read alike.

The log shipper replaces everything that a pattern matches (components/log_shipper.py); `mask` keeps what leads to it and what ends it. The
patterns are applied one after the other, each to what the one before left: a header is before the names, which know no schemes. One that
begins with plain letters costs the shipper nearly nothing, so the forms of keys are a pattern each.
"""

from __future__ import annotations

import re

MASK = "***"
_NAMES = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|[_-]pass|secret|token|credentials?|session[_-]?id|\bcv[cv]"
    r"|(?:api|access|secret|private|signing|encryption|license|account)[_-]?key)(?:[_-]?(?:confirmation|hash|value|[0-9]+))?"
)
_PERSONS = (
    r"(?:(?:first|last|full|given|family|sur|customer|contact)[_-]?name|birth[_-]?(?:day|date)?"
    r"|street|post(?:al)?[_-]?code|phone(?:[_-]?number)?|mobile|iban)"
)
_IS = r"\\*[\"']?\s*(?:=>|:=|[:=])\s*\[?\s*"
"""Between a name and its value, also in JSON, in JSON within JSON, and before a list."""
_VALUE = (
    r"(?:\\\"(?:[^\"\\]|\\\\(?:\\[\"\\]|[^\"\\]))*(?:\\\")?"  # in JSON that is text in JSON
    r"|\\+\"[^\"]*\"?"  # and deeper
    r"|\"(?:[^\"\\]|\\.)*\"?"  # a line may end before its text does
    r"|'(?:[^'\\]|\\.|'')*'?"
    r"|[^\s\"',;&}\]]+)"
)
SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\\\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    rf"(?i)(?P<before>\bauthorization{_IS}\\*[\"']?)(?:[a-z][a-z0-9_-]*\s+)?[^\s\"',;\\]+",
    rf"(?i)(?P<before>\b(?:set-)?cookie{_IS}\\*[\"']?)[^\"'\\]+",
    r"(?i)(?P<before>\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}",
    r"(?i)(?P<before>\bbasic\s+)[A-Za-z0-9+/]{6,}={1,2}",
    rf"(?i)(?P<before>{_NAMES}{_IS}){_VALUE}",
    r"(?i)(?P<before>\b(?:password|identified by)\s+)'(?:[^']|'')*'?",  # SQL
    r"(?i)(?P<before>(?:^|\s)--?[a-z0-9-]*(?:password|passwd|secret|token|api-?key)\s+)[^\s\"']+",  # a command's option
    r"(?P<before>://[^\s:/@\"'<>]*:)[^\s\"'<>]+(?P<after>@)",
    r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*",  # a JSON web token
    *(rf"{kind}_(?:live|test)_[A-Za-z0-9]{{6,}}" for kind in ("sk", "rk", "pk")),  # Stripe
    r"whsec_[A-Za-z0-9+/=_-]{6,}",
    *(rf"{site}_[A-Za-z0-9]{{20,}}" for site in ("live", "test")),  # ChargeBee
    r"gh[opsru]_[A-Za-z0-9]{16,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{6,}",
    r"do[opr]_v1_[A-Za-z0-9]{6,}",  # DigitalOcean's API and Spaces
    r"DO00[A-Z0-9]{16}",
    r"dckr_[a-z]{3}_[A-Za-z0-9_-]{6,}",  # Docker Hub
    r"NRAK-[A-Za-z0-9]{6,}",  # New Relic
    r"[A-Za-z0-9]{32,}NRAL",
    r"AKIA[0-9A-Z]{16}",  # S3
    r"pul-[0-9a-f]{40}",  # Pulumi
)
"""Headers, named values, options, URLs, and the forms of others' keys."""
_OCTETS = r"(?:\.[0-9]{1,3})"
PERSONAL = (
    rf"(?i)(?P<before>{_PERSONS}{_IS}){_VALUE}",
    r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",  # e-mail addresses
    # card numbers (ISO/IEC 7812): most, Mastercard's of 2017, American Express
    r"\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}\b|\b2[2-7][0-9]{2}(?:[ -]?[0-9]{4}){3}\b"
    r"|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
    r"\+[1-9](?:[ ./()-]{0,2}[0-9]){7,14}",  # telephone numbers with their country: E.164 has at most 15 digits
    # IPv4 addresses but those of private networks (RFC 1918) and of the machine itself
    rf"\b(?:(?:[1-9]|1[1-9]|[2-9][0-9]|1[01][0-9]|12[0-689]|1[3-6][0-9]|17[013-9]|18[0-9]|19[013-9]|2[01][0-9]|22[0-3]){_OCTETS}"
    r"|172\.(?:[0-9]|1[0-5]|3[2-9]|[4-9][0-9]|[12][0-9]{2})|192\.(?:[0-9]{1,2}|1[0-57-9][0-9]|16[0-79]|2[0-9]{2}))" + _OCTETS + r"{2}\b",
    # global IPv6 addresses (2000::/3), whole or with zeros left out
    r"(?i)\b[23][0-9a-f]{3}(?:(?::[0-9a-f]{1,4}){7}|(?::[0-9a-f]{1,4}){0,5}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?)",
)
"""What tells of a person: named values, e-mail addresses, card and telephone numbers, addresses on the internet."""

_COMPILED = tuple(map(re.compile, SECRETS))
_TELLING = re.compile(
    r"(?i)pass(?:word|wd|phrase|code)|pwd|secret|token|credential|(?:api|access|private|signing|encryption|license)key|(?<![a-z])key(?![a-z])"
)
_POINTING = re.compile(r"(?i)(?:^key|name|ref|file|path)$")


def mask(text: str) -> str:
    """``text`` with asterisks in the place of everything that looks like a secret; what it belongs to stays."""
    for pattern in _COMPILED:
        text = pattern.sub(_around, text)
    return text


def _around(match: re.Match[str]) -> str:
    found = match.groupdict()
    return f"{found.get('before') or ''}{MASK}{found.get('after') or ''}"


def is_telling(name: str) -> bool:
    """Whether a field or variable of this name holds a secret, rather than leads to one: STRIPE_API_KEY, and not secretName."""
    return bool(_TELLING.search(name)) and not _POINTING.search(name)


__all__ = ["MASK", "PERSONAL", "SECRETS", "is_telling", "mask"]
