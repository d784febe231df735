"""Mistakes in the configuration: each one line with file, key, what is wrong and the remedy; all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing that is wrong in one file, and what to write instead."""

    file: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.problem}; {self.remedy}"


class SettingsError(Exception):
    """The configuration is refused as a whole; nothing was touched."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        count = len(self.mistakes)
        super().__init__(f"{count} mistake{'s' if count > 1 else ''} in the configuration:\n" + "\n".join(f"  {m}" for m in self.mistakes))


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a name that is not known: the nearest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names) or 'none'}"


_REMEDIES = {
    "missing": "add it",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "string_type": "write a text, in quotes if it looks like a number",
    "list_type": "write a list, for example [orders, shops]",
    "tuple_type": "write a list, for example [orders, shops]",
    "frozen_set_type": "write a list, for example [orders, shops]",
    "dict_type": "write a mapping of keys and values",
    "model_type": "write a mapping of keys and values",
    "model_attributes_type": "write a mapping of keys and values",
    "ip_v4_address": "write an IPv4 address, for example 10.10.0.20",
    "too_short": "list at least one",
    "greater_than_equal": "write a larger number",
    "less_than_equal": "write a smaller number",
}


def mistakes_of(error: ValidationError, file: str, prefix: str, fields_at: FieldNames) -> list[Mistake]:
    """Translate pydantic's findings about ``file`` into mistakes; ``fields_at`` names the keys allowed at a path.

    The offending value is shown except under keys that hold secrets (the models hide them).
    """
    return [_mistake(found, file, prefix, fields_at) for found in error.errors(include_url=False)]


class FieldNames:
    """The keys that a model allows at a path, for "did you mean"."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def __call__(self, path: Sequence[str | int]) -> list[str]:
        """The allowed keys at ``path``; empty where it cannot be told."""
        schema = self.model.model_json_schema()
        node = schema
        for part in path:
            node = _resolve(node, schema)
            node = node.get("properties", {}).get(str(part)) or node.get("additionalProperties") or {}
            if not isinstance(node, dict):
                return []
        return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The node of a JSON schema that ``node`` refers to, or itself."""
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            node = option
    found: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node
    return found


def _mistake(detail: ErrorDetails, file: str, prefix: str, fields_at: FieldNames) -> Mistake:
    path = [part for part in detail["loc"] if part != "[key]"]
    kind = str(detail["type"])
    key = ".".join(str(part) for part in [*([prefix] if prefix else []), *path])
    if kind == "extra_forbidden":
        return Mistake(file, key, "unknown key", nearest(str(path[-1]), fields_at(path[:-1])))
    if kind == "missing":
        return Mistake(file, key, "missing", _REMEDIES[kind])
    problem, _, remedy = str(detail["msg"]).removeprefix("Value error, ").partition("; ")
    if kind == "too_short":
        return Mistake(file, key, "empty", _REMEDIES[kind])
    shown = detail.get("input")
    if isinstance(shown, str | int | float | bool) and kind != "value_error":
        problem = f"{problem[:1].lower()}{problem[1:]}, not {shown!r}"
    return Mistake(file, key, problem, remedy or _REMEDIES.get(kind, "see docs/configuration.md"))
