"""PostgreSQL's syntax tree as the migration lint needs it: names, parts of statements, and what a script has told so far.

The nodes are pglast's, one class for each struct of PostgreSQL's parser, so they are told apart by the name of their class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NEXT_STEP = "write it into V<version>__contract_<words>.sql, for after the last release that uses it"
OWN_SCRIPT = "write it into a later script of its own"
GIVE_REASON = "write a comment before it that says why it is safe: -- lint: <reason>"


@dataclass(frozen=True)
class Breach:
    """What a statement does that its script may not; ``excusable`` by a reason where only a reader can decide."""

    statement: str
    why: str
    instead: str
    excusable: bool = False


def lock(statement: str, why: str, instead: str) -> Breach:
    """A lock that is held for long where the table is large, which only a reader knows."""
    return Breach(statement, why, instead, excusable=True)


def unread(statement: str, why: str) -> Breach:
    """A statement of which the lint cannot tell what it does."""
    return Breach(statement, why, GIVE_REASON, excusable=True)


@dataclass
class Known:
    """What the scripts so far have told of a database: types of columns, and which checks hold a column to be never null."""

    types: dict[tuple[str, str], Any] = field(default_factory=dict)
    checks: dict[tuple[str, str], str] = field(default_factory=dict)
    never_null: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class State:
    """One script while its statements are judged in order.

    ``made`` are the tables, views, indexes and types that it has made, ``functions`` the functions, each with the number of its parameters;
    ``locked`` is the table that was there before and that it holds a lock on which stops writes.
    """

    known: Known
    contract: bool
    versioned: bool
    made: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    locked: str = ""

    def taken_away(self, statement: str, why: str, instead: str = NEXT_STEP) -> Iterator[Breach]:
        """What only a contract step may do."""
        if not self.contract:
            yield Breach(statement, why, instead)


def kind(node: Any) -> str:
    """The name of the node's class, as PostgreSQL calls it: `DropStmt`."""
    return type(node).__name__


def walk(node: Any) -> Iterator[Any]:
    """The node and every node in it."""
    if isinstance(node, tuple):
        for part in node:
            yield from walk(part)
    elif hasattr(node, "__slots__") and not hasattr(node, "sval"):
        yield node
        for name in node:
            value = getattr(node, name)
            if value is not None and not isinstance(value, str | int | float | bool):
                yield from walk(value)


def table_name(relation: Any) -> str:
    """The name of a table as it is written, with its schema if it has one."""
    return ".".join(part for part in (relation.schemaname, relation.relname) if part)


def dotted(names: Any) -> str:
    """A name of several parts."""
    return ".".join(part.sval for part in names)


def object_name(item: Any) -> str:
    """The name of whatever a statement names: a table, a type, a function, a schema."""
    if isinstance(item, tuple):
        return ".".join(object_name(part) for part in item)
    match kind(item):
        case "RangeVar":
            return table_name(item)
        case "TypeName":
            return dotted(item.names)
        case "ObjectWithArgs":
            return dotted(item.objname)
        case "String":
            return str(item.sval)
    return ""


def option(options: Any, name: str) -> bool:
    """Whether an option in parentheses is on: `VACUUM (FULL)`; FULL false and FULL off are not."""
    for part in options or ():
        if part.defname == name:
            value = getattr(part.arg, "sval", None) or getattr(part.arg, "ival", None) if part.arg is not None else "true"
            return str(value).lower() in ("true", "on", "1")
    return False


def runs_outside_transaction(node: Any) -> bool:
    """Whether PostgreSQL refuses the statement in a transaction and Flyway (13) knows that and begins none."""
    name = kind(node)
    if name in ("IndexStmt", "DropStmt"):
        return bool(node.concurrent)
    return name in ("VacuumStmt", "AlterSystemStmt", "CreatedbStmt", "DropdbStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt") and (
        name != "VacuumStmt" or bool(node.is_vacuumcmd)
    )


def is_rebuild(nodes: list[Any]) -> bool:
    """Whether the statements are DROP INDEX CONCURRENTLY IF EXISTS and CREATE INDEX CONCURRENTLY of one name: they can be run again."""
    if [kind(node) for node in nodes] != ["DropStmt", "IndexStmt"] or not nodes[0].missing_ok:
        return False
    made = ".".join(part for part in (nodes[1].relation.schemaname, nodes[1].idxname) if part)
    return [object_name(item) for item in nodes[0].objects] == [made]


def queries(block: Any) -> Iterator[tuple[int, str | None]]:
    """The SQL in a parsed PL/pgSQL block, each with its line in the block; None for SQL that is put together while it runs."""
    yield from _queries(block, 1)


def _queries(node: Any, line: int) -> Iterator[tuple[int, str | None]]:
    if isinstance(node, list):
        for part in node:
            yield from _queries(part, line)
        return
    if not isinstance(node, dict):
        return
    line = node.get("lineno", line)
    for key, value in node.items():
        if key in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"):
            yield value.get("lineno", line), None
        if key == "PLpgSQL_expr":
            yield line, _as_statement(value["query"], value.get("parseMode", 0))
        else:
            yield from _queries(value, line)


def _as_statement(query: str, mode: int) -> str:
    """An expression (mode 2) or an assignment (3 and more) as the SELECT that PL/pgSQL makes of it; 0 is SQL already."""
    if mode < 2:
        return query
    return f"SELECT {query if mode == 2 else query.partition(':=' if ':=' in query else '=')[2]}"
