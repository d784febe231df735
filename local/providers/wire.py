"""Property values as Pulumi sends them (protobuf structs) and as this package works with them (plain Python).

Two kinds of value have no Python equal: one that is not known yet (``UNKNOWN``) and one that must not be shown (``Secret``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from google.protobuf import struct_pb2 as _struct_pb2

Properties = dict[str, Any]
struct_pb2: Any = _struct_pb2  # built when it is imported: its classes have no types to check

# The SDK's own constants (pulumi/runtime/rpc.py and sdk/go/common/resource/properties.go); a unit test compares them.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_TEXTS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


@final
class Unknown:
    """A value that only a later step of the deployment will tell; compares equal to itself alone."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that is encrypted in the state and never shown, not even by ``repr``."""

    value: Any = field(repr=False)


def from_struct(struct: Any) -> Properties:
    """Read the properties of a request."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def to_struct(properties: Mapping[str, Any]) -> Any:
    """Write the properties of a response; entries that are None are left out."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        if value is not None:
            struct.fields[key].CopyFrom(_to_value(value))
    return struct


def plain(value: Any) -> Any:
    """The value with every Secret in it opened. For the back end, never for a message."""
    if isinstance(value, Secret):
        return plain(value.value)
    return _each(value, plain)


def is_unknown(value: Any) -> bool:
    """Whether the value, or anything in it, is not known yet."""
    return _any(value, lambda part: part is UNKNOWN)


def is_secret(value: Any) -> bool:
    """Whether the value, or anything in it, is a secret."""
    return _any(value, lambda part: isinstance(part, Secret))


def as_secret(value: Any) -> Any:
    """The value as one Secret; None stays None."""
    return None if value is None else Secret(plain(value))


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: change(part) for key, part in value.items()}
    if isinstance(value, list):
        return [change(part) for part in value]
    return value


def _any(value: Any, holds: Callable[[Any], bool]) -> bool:
    if holds(value):
        return True
    if isinstance(value, Secret):
        return _any(value.value, holds)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_any(part, holds) for part in parts)


def _from_value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_TEXTS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(part) for part in value.list_value.values]
    if kind == "struct_value":
        return _from_signed(from_struct(value.struct_value))
    return None


def _from_signed(fields: Properties) -> Any:
    signature = fields.get(SIGNATURE)
    if signature == SECRET_SIGNATURE:
        return Secret(plain(fields.get("value")))
    if signature == OUTPUT_SIGNATURE:
        value = fields.get("value", UNKNOWN)
        return Secret(plain(value)) if fields.get("secret") else value
    return fields


def _to_value(value: Any) -> Any:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if isinstance(value, Secret):
        return struct_pb2.Value(struct_value=to_struct({SIGNATURE: SECRET_SIGNATURE, "value": value.value}))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=to_struct(value))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(part) for part in value]))
    raise TypeError(f"a {type(value).__name__} has no place in a Pulumi property")
