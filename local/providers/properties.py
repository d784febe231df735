"""What a resource may be told: its properties, and the check that every input passes before anything is touched."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local.providers.wire import UNKNOWN, Properties, Secret, as_secret, is_secret, is_unknown, plain

Kind = Literal["text", "integer", "boolean", "list", "set", "map", "object"]

# The bridged providers note here which inputs they filled in themselves, so that a generated name is kept. We do the same.
FILLED_IN = "__defaults"

TRUE_WORDS = ("true", "True", "TRUE", "t", "T", "1")
FALSE_WORDS = ("false", "False", "FALSE", "f", "F", "0")


@dataclass(frozen=True)
class Property:
    """One property of a resource or of a provider's configuration, by the name it has on the wire (camelCase).

    ``computed``: the back end decides when the program does not. ``output``: never an input. ``replaces``: a change makes a
    new resource. ``write_only``: given to the back end, never kept in the outputs. ``environment``: variables to take it
    from when it is not given. ``fields``: what an object (or each object of a set or list) consists of.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    default: Any = None
    autonamed: bool = False
    computed: bool = False
    output: bool = False
    replaces: bool = False
    secret: bool = False
    write_only: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    environment: tuple[str, ...] = ()
    fields: tuple[Property, ...] = ()


@dataclass(frozen=True)
class Failure:
    """One input that is refused; ``reason`` never repeats a secret value."""

    property: str
    reason: str


class Refusals:
    """Collects every refused input of a resource, so that all are told at once."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def add(self, path: str, reason: str) -> None:
        """Refuse the input at ``path``."""
        self.failures.append(Failure(path, reason))


def check(properties: Sequence[Property], inputs: Mapping[str, Any], refusals: Refusals) -> Properties:
    """The inputs with defaults filled in and every value in its own type; what cannot be used is added to ``refusals``."""
    known = {prop.name: prop for prop in properties if not prop.output}
    checked: Properties = {}
    for name in inputs:
        if name not in known and not name.startswith("__"):
            refusals.add(name, f"there is no such property; {_nearest(name, known)}")
    for prop in known.values():
        value = _checked(prop, inputs.get(prop.name), prop.name, refusals)
        if value is not None:
            checked[prop.name] = as_secret(value) if prop.secret else value
    filled_in = [prop.name for prop in known.values() if inputs.get(prop.name) is None and prop.name in checked]
    return {**checked, FILLED_IN: sorted(filled_in)}


def without_notes(properties: Mapping[str, Any]) -> Properties:
    """The properties without the provider's own notes (``__defaults``, ``__meta``)."""
    return {key: value for key, value in properties.items() if not key.startswith("__")}


def _checked(prop: Property, value: Any, path: str, refusals: Refusals) -> Any:
    if value is None or (isinstance(value, Secret) and value.value is None):
        if prop.required:
            refusals.add(path, "it is required")
        return prop.default
    if isinstance(value, Secret):
        inner = _checked(prop, value.value, path, refusals)
        return None if inner is None else Secret(inner)
    if value is UNKNOWN:
        return UNKNOWN
    try:
        return _typed(prop, value, path, refusals)
    except ValueError as wrong:
        refusals.add(path, str(wrong))
        return None


def _typed(prop: Property, value: Any, path: str, refusals: Refusals) -> Any:
    if prop.kind in ("list", "set"):
        if not isinstance(value, list):
            raise ValueError("it must be a list")
        one = Property(prop.name, "object" if prop.fields else "text", fields=prop.fields, choices=prop.choices)
        return [_checked(one, part, f"{path}[{index}]", refusals) for index, part in enumerate(value)]
    if prop.kind in ("map", "object"):
        return _typed_mapping(prop, value, path, refusals)
    typed = _scalar(prop, value)
    if prop.choices and typed not in prop.choices:
        raise ValueError(f"{typed!r} is not one of {', '.join(prop.choices)}")
    if prop.minimum is not None and typed < prop.minimum:
        raise ValueError(f"{typed} is too small, the least is {prop.minimum}")
    return typed


def _typed_mapping(prop: Property, value: Any, path: str, refusals: Refusals) -> Properties:
    if isinstance(value, str) and prop.kind == "object":  # a provider's nested configuration arrives as JSON
        value = json.loads(value)
    if not isinstance(value, dict):
        raise ValueError("it must be a mapping of keys and values")
    if prop.kind == "map":
        entries = ((key, _checked(Property(key), part, f"{path}.{key}", refusals)) for key, part in value.items())
        return {key: part for key, part in entries if part is not None}
    known = {inner.name: inner for inner in prop.fields}
    for name in value:
        if name not in known and not name.startswith("__"):
            refusals.add(f"{path}.{name}", f"there is no such property; {_nearest(name, known)}")
    pairs = ((inner.name, _checked(inner, value.get(inner.name), f"{path}.{inner.name}", refusals)) for inner in prop.fields)
    return {name: part for name, part in pairs if part is not None}


def _scalar(prop: Property, value: Any) -> Any:
    shown = "the secret value" if prop.secret else repr(value)
    if prop.kind == "boolean":
        if isinstance(value, bool):
            return value
        if value in TRUE_WORDS or value in FALSE_WORDS:
            return value in TRUE_WORDS
        raise ValueError(f"{shown} is neither true nor false")
    if prop.kind == "integer":
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"{shown} is not a whole number")
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"{shown} is not a whole number") from None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{'it' if prop.secret else shown} must be a text")
    return value


def _nearest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"


def outputs(properties: Sequence[Property], state: Mapping[str, Any], inputs: Mapping[str, Any]) -> Properties:
    """The state as it is sent to the engine: write-only properties left out; secret by declaration or by input marked so."""
    hidden = {prop.name for prop in properties if prop.write_only}
    secret = {prop.name for prop in properties if prop.secret} | {name for name, value in inputs.items() if is_secret(value)}
    kept = {name: value for name, value in state.items() if value is not None and name not in hidden}
    return {name: as_secret(value) if name in secret else value for name, value in kept.items()}


def planned(properties: Sequence[Property], inputs: Mapping[str, Any], old: Mapping[str, Any]) -> Properties:
    """What a preview can promise: the inputs, and for what the back end decides the old value or UNKNOWN."""
    decided = {prop.name: old.get(prop.name, UNKNOWN) for prop in properties if prop.computed or prop.output}
    return outputs(properties, {**decided, **without_notes(inputs)}, inputs)


def refreshed_inputs(properties: Sequence[Property], old_inputs: Mapping[str, Any], state: Mapping[str, Any]) -> Properties:
    """The inputs that would make the state as it was found; what the program did not say stays unsaid."""
    by_name = {prop.name: prop for prop in properties if not prop.output}
    inputs: Properties = {}
    for name, old in old_inputs.items():
        prop = by_name.get(name)
        if prop is None or prop.write_only or is_unknown(old):
            inputs[name] = old
            continue
        value = old if same(prop, plain(old), state.get(name)) else state.get(name)
        if value is not None:
            inputs[name] = as_secret(value) if prop.secret or is_secret(old) else value
    return inputs


def imported_inputs(properties: Sequence[Property], state: Mapping[str, Any]) -> Properties:
    """The inputs a program would have to give for an object that was found: everything that is not at its default."""
    inputs: Properties = {}
    for prop in properties:
        value = state.get(prop.name)
        if prop.output or value is None or (not prop.required and (value == prop.default or is_empty(value))):
            continue
        inputs[prop.name] = as_secret(value) if prop.secret else value
    return inputs


def with_defaults(properties: Sequence[Property], state: Mapping[str, Any]) -> Properties:
    """A state that was read, with the defaults of what only Pulumi knows (flags such as skipDropRole)."""
    defaults = {prop.name: prop.default for prop in properties if prop.default is not None and not prop.output}
    return {**defaults, **{name: value for name, value in state.items() if value is not None}}


def is_empty(value: Any) -> bool:
    """Whether a value says nothing: Terraform's types, which the official providers carry, cannot tell it from no value."""
    return value is None or value == "" or value == [] or value == {} or value is False or (value == 0 and not isinstance(value, bool))


def same(prop: Property, old: Any, new: Any) -> bool:
    """Whether two plain values of a property mean the same; the order of a set means nothing."""
    if is_empty(old) and is_empty(new):
        return True
    if prop.kind == "set" and isinstance(old, list) and isinstance(new, list):
        return sorted(json.dumps(part, sort_keys=True) for part in old) == sorted(json.dumps(part, sort_keys=True) for part in new)
    return bool(old == new)
