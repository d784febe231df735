"""What would change, and whether it can change in place: the pure heart of a preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from local.providers.properties import FILLED_IN, Property, same
from local.providers.wire import is_unknown, plain

ChangeKind = Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Change:
    """One difference, at a property path such as ``policy.priority`` or ``tags[0]``."""

    path: str
    kind: ChangeKind
    replaces: bool

    @property
    def property(self) -> str:
        """The top-level property the change belongs to."""
        return self.path.split(".")[0].split("[")[0]


def changes(
    properties: Sequence[Property], state: Mapping[str, Any], inputs: Mapping[str, Any], ignored: Sequence[str] = ()
) -> list[Change]:
    """The differences between the last known state and the (checked) inputs, in the order of the properties.

    A value left out is no difference where the back end decides it, and otherwise means the default, or empty: inputs that the official
    plugin has checked hold none of its defaults. ``ignored`` are the property paths of the resource option ``ignore_changes``.
    """
    found: list[Change] = []
    for prop in properties:
        old, new = plain(state.get(prop.name)), plain(inputs.get(prop.name))
        decided_elsewhere = prop.output or prop.write_only or (new is None and prop.computed)
        at_default = (old is None and new == prop.default) or (new is None and old == prop.default)
        if decided_elsewhere or at_default:
            continue
        found += _differences(prop, prop.name, old, new, prop.replaces)
    return [change for change in found if not _is_ignored(change.path, ignored)]


def _differences(prop: Property, path: str, old: Any, new: Any, replaces: bool) -> Iterator[Change]:
    if not is_unknown(new) and same(prop, old, new):
        return
    if prop.kind in ("map", "object") and isinstance(old, dict) and isinstance(new, dict):
        fields = {field.name: field for field in prop.fields} or {key: Property(key) for key in {**old, **new}}
        for name, field in sorted(fields.items()):
            step = f".{name}" if name.isidentifier() else f'["{name}"]'
            yield from _differences(field, path + step, old.get(name), new.get(name), replaces)
        return
    if prop.kind in ("list", "set") and _are_texts(old) and _are_texts(new):
        elements = _in_order(old, new) if prop.kind == "list" else _in_any_order(old, new)
        yield from (Change(f"{path}[{index}]", kind, replaces) for index, kind in sorted(elements.items()))
        return
    yield Change(path, "add" if old in (None, []) else "delete" if new in (None, []) else "update", replaces)


def _are_texts(value: Any) -> bool:
    """Whether a list has elements that are told one by one; an empty one comes or goes as a whole."""
    return isinstance(value, list) and bool(value) and all(isinstance(part, str) for part in value)


def _in_order(old: list[str], new: list[str]) -> dict[int, ChangeKind]:
    """What differs in a list: the places of what goes in the old one, of what comes in the new one."""
    found: dict[int, ChangeKind] = {}
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        replaced = min(old_end - old_start, new_end - new_start)
        found.update((place, "update") for place in range(new_start, new_start + replaced))
        found.update((place, "delete") for place in range(old_start + replaced, old_end))
        found.update((place, "add") for place in range(new_start + replaced, new_end))
    return found


def _in_any_order(old: list[str], new: list[str]) -> dict[int, ChangeKind]:
    """What differs in a set: the places of what goes in the sorted old one, of what comes in the new one as the program has it."""
    gone = {place for place, part in enumerate(sorted(old)) if part not in new}
    come = {place for place, part in enumerate(new) if part not in old}
    return {place: "update" if place in gone & come else "delete" if place in gone else "add" for place in gone | come}


def _is_ignored(path: str, ignored: Sequence[str]) -> bool:
    return any(path == pattern or path.startswith((f"{pattern}.", f"{pattern}[")) for pattern in ignored)


def is_named_by_program(properties: Sequence[Property], inputs: Mapping[str, Any]) -> bool:
    """Whether the program gave the name: old and new may bear the same one then, so that the old one must go before the new one can come.

    The bridged providers do not look whether they do. Inputs without a note of what was filled in count as named by the provider.
    """
    filled_in = inputs.get(FILLED_IN)
    return filled_in is not None and any(prop.autonamed and prop.name in inputs and prop.name not in filled_in for prop in properties)
