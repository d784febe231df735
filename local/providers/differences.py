"""What would change, and whether it can change in place: the pure heart of a preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local.providers.properties import FILLED_IN, Property, same
from local.providers.wire import is_unknown, plain

ChangeKind = Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Change:
    """One difference, at a property path such as ``policy.priority``."""

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

    A value left out is no difference where the back end decides it, and otherwise means empty. ``ignored`` are the
    property paths of the resource option ``ignore_changes``.
    """
    found: list[Change] = []
    for prop in properties:
        old, new = plain(state.get(prop.name)), plain(inputs.get(prop.name))
        decided_elsewhere = prop.output or prop.write_only or (new is None and prop.computed)
        if decided_elsewhere or (old is None and new == prop.default):
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
    yield Change(path, "add" if old is None else "delete" if new is None else "update", replaces)


def _is_ignored(path: str, ignored: Sequence[str]) -> bool:
    return any(path == pattern or path.startswith((f"{pattern}.", f"{pattern}[")) for pattern in ignored)


def keeps_its_name(properties: Sequence[Property], state: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether old and new would bear the same, given name, so that the old one must go before the new one can come."""
    generated = set(inputs.get(FILLED_IN) or ())
    return any(
        prop.autonamed and prop.name not in generated and plain(state.get(prop.name)) == plain(inputs.get(prop.name)) for prop in properties
    )
