"""The fields of an object that differ, by names that a person knows, and never a secret's value. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settings.masks import is_telling, mask

Step = str | int
SECRET = "(secret)"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a secret in what the engine tells (pulumi v3.259.0, sdk/go/common/resource/sig)."""
HIDDEN = "[secret]"
"""What the engine writes in a secret's place."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that only the run itself can tell (pulumi v3.259.0, sdk/go/common/resource/plugin/rpc.go)."""
LATER = "(known when it runs)"
VALUE_LENGTH_MAX = 80
SECRET_KINDS = ("Secret", "RandomPassword")
PREFIXES: tuple[tuple[str, ...], ...] = (("spec", "template", "spec"), ("spec", "template"), ("spec",), ("metadata",))
"""Where nearly everything of an object is; the longest that fits is left out of a field's name."""
SINGULAR = {"labels": "label", "annotations": "annotation", "data": "key", "volumes": "volume", "volumeMounts": "mount"}
PRIVILEGES = {
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
    "MAINTAIN",
    "USAGE",
    "CREATE",
    "CONNECT",
    "TEMPORARY",
}
"""PostgreSQL's, a set without an order (https://www.postgresql.org/docs/current/ddl-priv.html)."""
PIECE = re.compile(r"\.piece-\d+$")
"""A large migration script is several keys of a ConfigMap (components/migration.py)."""


@dataclass(frozen=True)
class FieldChange:
    """One field: the engine's path, what it was and what it becomes (empty: nothing), and its name for people."""

    path: str
    old: str
    new: str
    name: str = ""

    def __str__(self) -> str:
        name = self.name or self.path
        if self.old == self.new == SECRET:
            return f"{name} (a secret)"
        return f"{name} {self.old or 'nothing'} → {self.new or 'nothing'}"

    def as_json(self) -> dict[str, str]:
        """The public fields."""
        return {"path": self.path, "name": self.name, "old": self.old, "new": self.new}


def steps_of(path: str) -> list[Step]:
    """The steps of one of the engine's paths, for example spec.containers[0].env or metadata.labels["app/name"]."""
    found = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', path)
    return [int(number) if number else re.sub(r"\\(.)", r"\1", quoted) or name for quoted, number, name in found]


def path_of(steps: Iterable[Step]) -> str:
    """Steps as the engine writes them."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def child(value: Any, step: Step) -> Any:
    """The value one step below; None without one."""
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, Mapping) else None


def value_at(value: Any, steps: Iterable[Step]) -> Any:
    """The value at a path; None without one."""
    for step in steps:
        value = child(value, step)
    return value


def field_changes(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], paths: Iterable[str]) -> tuple[FieldChange, ...]:
    """What differs at the engine's ``paths``, each field once; ``kind`` is the last part of the object's type.

    A path into a list whose elements have names (containers, env) is followed by name: an element that is put before others would
    otherwise make every later one differ. One into a set of privileges stands for the set: the number of an element says nothing there.
    """
    found: dict[tuple[str, str], FieldChange] = {}
    for path in paths:
        steps = steps_of(path)
        hidden = kind in SECRET_KINDS or any(isinstance(step, str) and "password" in step.lower() for step in steps)
        for where, before, after in _followed(steps, (), old, new):
            name = name_of(where, new if after is not None else old)
            words = hidden_of if hidden or hides(name, before, after) else shown
            field = FieldChange(path_of(where), words(before), words(after), name=name)
            found.setdefault((field.path, field.name), field)
    return tuple(found.values())


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The keys of a ConfigMap's data that come, go or differ. Their contents are long, and not shown."""
    before, after = _mapping(old.get("data")), _mapping(new.get("data"))
    keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    words = {key: ("its content" if key in before else "", "its content" if key in after else "") for key in keys}
    return tuple(FieldChange(path_of(["data", key]), *words[key], name=f"key {PIECE.sub('', key)}") for key in keys)


def hides(name: str, *values: Any) -> bool:
    """Whether a field's name for people, for example env STRIPE_API_KEY, says that its text is nobody else's business."""
    return any(isinstance(value, str) for value in values) and is_telling(name.replace(".", " ").rpartition(" ")[2])


def hidden_of(value: Any) -> str:
    """A value that is not shown: empty for nothing."""
    return "" if value is None else SECRET


def shown(value: Any) -> str:
    """A value in a line: empty for nothing, "(secret)" for whatever holds a secret, asterisks for what only looks like one."""
    if value is None:
        return ""
    if holds_secret(value):
        return SECRET
    if value == UNKNOWN:
        return LATER
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        text = ", ".join(sorted(value) if set(value) <= PRIVILEGES else value) or "none"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, (Mapping, list)):
        text = json.dumps(_without_secrets(value), default=str)
    else:
        text = " ".join(str(value).split())
    text = mask(text)
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[: VALUE_LENGTH_MAX - 1]}…"


def _without_secrets(value: Any) -> Any:
    """A value in which what a telling name has is hidden, also where name and value are two entries, as in a container's env."""
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    named = isinstance(value.get("name"), str) and is_telling(value["name"])
    return {key: SECRET if hides(key, one) or (named and key == "value") else _without_secrets(one) for key, one in value.items()}


def holds_secret(value: Any) -> bool:
    """Whether a value is a secret, or one is in it."""
    if isinstance(value, Mapping):
        return SECRET_SIGNATURE in value or any(map(holds_secret, value.values()))
    if isinstance(value, list):
        return any(map(holds_secret, value))
    return isinstance(value, str) and HIDDEN in value


def name_of(steps: Sequence[Step], value: Any) -> str:
    """A field's name for people, for example image, env CALLS, label app/name; ``value`` is the object that has it."""
    prefix = next((prefix for prefix in PREFIXES if tuple(steps[: len(prefix)]) == prefix and len(steps) > len(prefix)), ())
    value, rest = value_at(value, prefix), list(steps[len(prefix) :])
    parts: list[str] = []
    while rest:
        step = rest.pop(0)
        inner = child(value, step)
        if rest and step in SINGULAR and isinstance(rest[0], str):
            parts.append(f"{SINGULAR[str(step)]} {rest.pop(0)}")
        elif rest and isinstance(rest[0], int) and isinstance(inner, list):
            number = int(rest.pop(0))
            element = child(inner, number)
            parts += _element_name(str(step), number, inner)
            inner, rest = element, [] if rest == ["value"] and parts else rest
        else:
            parts.append(f"[{step}]" if isinstance(step, int) else step)
        value = inner
    return ".".join(parts)


def _element_name(of: str, number: int, elements: list[Any]) -> list[str]:
    name = child(elements[number], "name") if number < len(elements) else None
    if of == "containers" and len(elements) == 1:
        return []  # a service's one container needs no name
    return [f"{SINGULAR.get(of, of)} {name}"] if isinstance(name, str) else [f"{of}[{number}]"]


def _followed(steps: Sequence[Step], done: tuple[Step, ...], old: Any, new: Any) -> Iterator[tuple[tuple[Step, ...], Any, Any]]:
    if not steps or (isinstance(steps[0], int) and (_is_privileges(old) or _is_privileges(new))):
        yield done, old, new
    elif isinstance(steps[0], int) and _is_named(old) and _is_named(new):
        yield from _by_name(done, old, new)
    else:
        yield from _followed(steps[1:], (*done, steps[0]), child(old, steps[0]), child(new, steps[0]))


def _is_privileges(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(element, str) and element in PRIVILEGES for element in value)


def _is_named(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(element, Mapping) and isinstance(element.get("name"), str) for element in value):
        return False
    return len({element["name"] for element in value}) == len(value)


def _by_name(done: tuple[Step, ...], old: list[Any], new: list[Any]) -> Iterator[tuple[tuple[Step, ...], Any, Any]]:
    before = {element["name"]: (index, element) for index, element in enumerate(old)}
    after = {element["name"]: (index, element) for index, element in enumerate(new)}
    for name in [*before, *(name for name in after if name not in before)]:
        index = (after.get(name) or before[name])[0]
        yield from _differences((*done, index), before.get(name, (0, None))[1], after.get(name, (0, None))[1])


def _differences(done: tuple[Step, ...], old: Any, new: Any) -> Iterator[tuple[tuple[Step, ...], Any, Any]]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and SECRET_SIGNATURE not in {*old, *new}:
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences((*done, key), old.get(key), new.get(key))
    elif _is_named(old) and _is_named(new):
        yield from _by_name(done, old, new)
    elif isinstance(child(old if new is None else new, "value"), str) and (old is None or new is None):
        yield (*done, "value"), child(old, "value"), child(new, "value")  # an env entry that comes or goes
    else:
        yield done, old, new


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) and SECRET_SIGNATURE not in value else {}
