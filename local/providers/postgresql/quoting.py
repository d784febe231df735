"""Names and texts inside SQL statements. Statements that define things take no parameters, so they are built as text."""

from __future__ import annotations

from collections.abc import Iterable


def identifier(name: str) -> str:
    """A name, quoted: "my ""table"""
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str]) -> str:
    """Quoted names with commas between."""
    return ", ".join(identifier(name) for name in names)


def literal(text: str) -> str:
    """A text, quoted so that neither quotes nor backslashes in it end it."""
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"E{quoted}" if "\\" in text else quoted


def qualified(schema: str, name: str) -> str:
    """A name in a schema; the argument types of a function, ``f(text, int)``, stay as they are."""
    bare, bracket, arguments = name.partition("(")
    return f"{identifier(schema)}.{identifier(bare)}{bracket}{arguments}"
