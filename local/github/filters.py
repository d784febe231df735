"""Which workflows a pushed tag starts: the `on.push` filters, as docs.github.com's workflow syntax describes them.

`act` matches the name of an event and nothing else, so this is looked at before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

BRANCH_FILTERS = ("branches", "branches-ignore")
TAG_FILTERS = ("tags", "tags-ignore")


def starts(workflow: str, tag: str) -> bool:
    """Whether a push of ``tag`` starts a workflow, given the text of its file; raises ValueError for one that GitHub refuses."""
    push = _push(yaml.safe_load(workflow))
    if push is None:
        return False
    if all(name in push for name in TAG_FILTERS):
        raise ValueError("on.push has both tags and tags-ignore")
    if "tags" in push:
        return matches(push["tags"], tag)
    if "tags-ignore" in push:
        return not matches(push["tags-ignore"], tag)
    return not any(name in push for name in BRANCH_FILTERS)  # with branches alone, a tag starts nothing


def _push(document: object) -> Mapping[str, Any] | None:
    """The filters of the push event, empty without any, None where the workflow is not for pushes."""
    if not isinstance(document, Mapping):
        return None
    on = document.get("on", document.get(True))  # YAML 1.1 reads the word `on` as true
    if on == "push" or (isinstance(on, list) and "push" in on):
        return {}
    if isinstance(on, Mapping) and "push" in on:
        return on["push"] or {}
    return None


def matches(patterns: list[str], name: str) -> bool:
    """Whether a list of patterns takes a name: the last pattern that fits decides, and `!` in front of one takes it out again."""
    taken = False
    for pattern in patterns:
        if re.fullmatch(expression(pattern.removeprefix("!")), name):
            taken = not pattern.startswith("!")
    return taken


def expression(pattern: str) -> str:
    """A pattern as a regular expression.

    `*` is any characters but `/`, `**` any at all, `?` none or one and `+` one or more of the character before, `[…]` one of a set, and a
    backslash takes a character as it is.
    """
    parts, at = [], 0
    while at < len(pattern):
        word = _WORD.match(pattern, at)
        assert word is not None
        parts.append(_TRANSLATED.get(word[0]) or (word[0] if len(word[0]) > 1 else re.escape(word[0])))
        at = word.end()
    return "".join(parts)


_WORD = re.compile(r"\*\*|\\.|\[[^\]]+\]|.", re.DOTALL)
_TRANSLATED = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}

__all__ = ["expression", "matches", "starts"]
