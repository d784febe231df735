"""Who wrote a field of a Kubernetes object, and what others added to it: its managed fields, read without the cluster.

The API server keeps for every writer ("manager") the fields it set, as a tree whose steps are ``f:<field>``, ``k:<keys of a list's
element, as JSON>``, ``v:<value, as JSON>`` and ``.`` for the node itself
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
STATUS = "status"
"""What controllers write through this subresource is what they found, not what was asked for."""
OF_METADATA = ("labels", "annotations")
"""The parts of an object's metadata that people set; the rest is the API server's and the controllers'."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""`kubectl rollout restart` leaves this annotation: the pods were started anew, nothing in them differs."""


@dataclass(frozen=True)
class Writer:
    """A manager, and when it last wrote (RFC 3339, UTC)."""

    manager: str
    at: str = ""

    def __str__(self) -> str:
        return f"{self.manager} at {self.at}" if self.at else self.manager


@dataclass(frozen=True)
class Addition:
    """A value that is in the object and not declared."""

    path: Path
    value: Any
    writer: Writer


def writers(live: Mapping[str, Any], path: Path) -> list[Writer]:
    """Everybody but the stack who set the field at ``path``, or a part of it."""
    return [Writer(entry["manager"], entry.get("time", "")) for entry in _foreign(live) if _owns(entry.get("fieldsV1") or {}, live, path)]


def additions(declared: Mapping[str, Any], live: Mapping[str, Any]) -> list[Addition]:
    """What others than the stack set in an object beside what is declared: each topmost field or element, once."""
    found: dict[Path, Addition] = {}
    for entry in _foreign(live):
        for path, value in _undeclared(entry.get("fieldsV1") or {}, declared, live):
            is_internal = path[0] == STATUS or (path[0] == "metadata" and path[1:2] and path[1] not in OF_METADATA)
            if not is_internal and path[-1] != RESTARTED:
                found.setdefault(path, Addition(path, value, Writer(entry["manager"], entry.get("time", ""))))
    return [found[path] for path in sorted(found, key=str)]


def _foreign(live: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    own = live.get("__fieldManager")
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") != own and entry.get("subresource") != STATUS:
            yield entry


def _owns(tree: Mapping[str, Any], live: Any, path: Path) -> bool:
    for step in path:
        if not tree or set(tree) == {"."}:
            return True  # the whole value was set at once
        key = _key_of(tree, live, step)
        if key is None:
            return False
        tree, live = tree[key], _child(live, step)
    return True


def _key_of(tree: Mapping[str, Any], live: Any, step: str | int) -> str | None:
    if isinstance(step, str):
        return f"f:{step}" if f"f:{step}" in tree else None
    element = _child(live, step)
    return next((key for key in tree if _index(key, [element]) == 0), None)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, Sequence) and step < len(value) else None
    return value.get(step) if isinstance(value, Mapping) else None


def _index(key: str, elements: Any) -> int | None:
    """Where in a list the element is that a ``k:`` or ``v:`` step names."""
    if not isinstance(elements, Sequence) or not key.startswith(("k:", "v:")):
        return None
    wanted = json.loads(key[2:])
    for index, element in enumerate(elements):
        if key.startswith("v:") and element == wanted:
            return index
        if (
            key.startswith("k:")
            and isinstance(element, Mapping)
            and all(element.get(name, value) == value for name, value in wanted.items())
        ):
            return index  # a key that is not declared has its default, for example a port's protocol
    return None


def _undeclared(tree: Mapping[str, Any], declared: Any, live: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, below in tree.items():
        step: str | int | None = key[2:] if key.startswith("f:") else _index(key, live)
        value = None if step is None else _child(live, step)
        if step is None or value is None:
            continue
        counterpart = _child(declared, step) if isinstance(step, str) else _element(key, declared)
        if counterpart is None and step in OF_METADATA:
            counterpart = {}  # others' labels and annotations stand beside each other
        if counterpart is None:
            yield (*path, step), value
        elif not set(below) - {"."}:
            yield from _more(counterpart, value, (*path, step))
        else:
            yield from _undeclared(below, counterpart, value, (*path, step))


def _more(declared: Any, live: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The elements that a list written as a whole has more than declared, here or further down; the API server's defaults are none."""
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        for key in declared:
            yield from _more(declared[key], live.get(key), (*path, key))
    elif isinstance(declared, list) and isinstance(live, list):
        if len(declared) == len(live):
            for index, (one, other) in enumerate(zip(declared, live, strict=True)):
                yield from _more(one, other, (*path, index))
        else:
            yield from (((*path, index), one) for index, one in enumerate(live) if not any(_covers(one, known) for known in declared))


def _covers(live: Any, declared: Any) -> bool:
    """Whether a live value is what was declared, with the API server's defaults."""
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return all(key in live and _covers(live[key], value) for key, value in declared.items())
    if isinstance(declared, list) and isinstance(live, list):
        return len(declared) == len(live) and all(_covers(one, other) for one, other in zip(live, declared, strict=True))
    return bool(live == declared)


def _element(key: str, declared: Any) -> Any:
    index = _index(key, declared)
    return None if index is None else declared[index]
