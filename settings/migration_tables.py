"""The rules of the migration lint for ALTER TABLE, one for each of its commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from settings.migration_syntax import OWN_SCRIPT, Breach, State, dotted, kind, lock, table_name, unread, walk

_USES = "the release that runs still uses it"
_REWRITES = "it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done"
_READS_ALL = "it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done"

_TAKEN_AWAY = {
    "AT_DropColumn": ("DROP COLUMN", _USES),
    "AT_DropConstraint": ("DROP CONSTRAINT", "the release that runs still relies on it"),
    "AT_DropExpression": ("DROP EXPRESSION", "the release that runs still expects the value to be made"),
    "AT_DropIdentity": ("DROP IDENTITY", "the release that runs inserts rows without this column"),
    "AT_ChangeOwner": ("OWNER TO", "the release that runs, and the next migration, lose the rights that come from the owner"),
    "AT_DetachPartition": ("DETACH PARTITION", "its rows vanish for the release that runs"),
    "AT_DropInherit": ("NO INHERIT", "its rows vanish for the release that runs"),
    "AT_EnableRowSecurity": ("ENABLE ROW LEVEL SECURITY", "rows vanish for the release that runs"),
    "AT_ForceRowSecurity": ("FORCE ROW LEVEL SECURITY", "rows vanish for the owner"),
    "AT_DisableTrig": ("DISABLE TRIGGER", "the release that runs still relies on it"),
    "AT_DisableTrigAll": ("DISABLE TRIGGER ALL", "the release that runs still relies on them"),
    "AT_DisableTrigUser": ("DISABLE TRIGGER USER", "the release that runs still relies on them"),
}
_REWRITING = {
    "AT_SetTableSpace": "SET TABLESPACE",
    "AT_SetLogged": "SET LOGGED",
    "AT_SetUnLogged": "SET UNLOGGED",
    "AT_SetAccessMethod": "SET ACCESS METHOD",
    "AT_SetExpression": "SET EXPRESSION",
}
_QUICK = {
    "AT_SetStatistics",
    "AT_SetOptions",
    "AT_ResetOptions",
    "AT_SetRelOptions",
    "AT_ResetRelOptions",
    "AT_ClusterOn",
    "AT_DropCluster",
}
_HARMLESS = _QUICK | {
    "AT_DropNotNull",
    "AT_SetStorage",
    "AT_SetCompression",
    "AT_ReplicaIdentity",
    "AT_DisableRowSecurity",
    "AT_NoForceRowSecurity",
    "AT_AddIdentity",
    "AT_SetIdentity",
    "AT_AddInherit",
    "AT_EnableTrig",
    "AT_EnableTrigAll",
    "AT_EnableTrigUser",
}
_NOT_VOLATILE = {
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "jsonb_build_object",
    "jsonb_build_array",
    "make_interval",
    "make_date",
}
_SERIAL = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}


def alter_table(state: State, node: Any) -> Iterator[Breach]:
    """What is wrong with an ALTER TABLE (or VIEW, INDEX, SEQUENCE, TYPE); adds to ``state`` what it locks and tells."""
    table = table_name(node.relation)
    for command in node.cmds:
        name = command.subtype.name
        if table not in state.made:
            yield from _command(state, f"ALTER {node.objtype.name.removeprefix('OBJECT_')} {table}", table, name, command)
            if name not in _QUICK and name != "AT_ValidateConstraint":
                state.locked = state.locked or table
        _remember(state, table, name, command)


def _command(state: State, alter: str, table: str, name: str, command: Any) -> Iterator[Breach]:
    if name in _TAKEN_AWAY:
        words, why = _TAKEN_AWAY[name]
        if name == "AT_DetachPartition" and command.def_.concurrent:
            why = "Flyway does not know that it cannot run in a transaction, and it fails there"
            yield Breach(f"{alter} DETACH PARTITION CONCURRENTLY", why, "leave out CONCURRENTLY")
            return
        yield from state.taken_away(" ".join(part for part in (alter, words, command.name) if part), why)
    elif name in _REWRITING:
        yield lock(f"{alter} {_REWRITING[name]}", _REWRITES, "make a new table or column, fill it in steps, and use that")
    elif name == "AT_AddColumn":
        yield from _add_column(f"{alter} ADD COLUMN {command.def_.colname}", command.def_)
    elif name == "AT_AddConstraint":
        yield from _add_constraint(alter, command.def_)
    elif name == "AT_ValidateConstraint":
        if state.locked:
            why = f"the script still holds a strong lock on {state.locked} while it reads all rows: no writes until it is done"
            yield lock(f"{alter} VALIDATE CONSTRAINT {command.name}", why, OWN_SCRIPT)
    elif name == "AT_AlterColumnType":
        yield from _alter_type(state, f"{alter} ALTER COLUMN {command.name} TYPE", table, command)
    elif name == "AT_SetNotNull":
        yield from _set_not_null(state, f"{alter} ALTER COLUMN {command.name} SET NOT NULL", (table, command.name))
    elif name == "AT_ColumnDefault":
        if command.def_ is None:
            why = "the release that runs inserts rows without this column"
            yield from state.taken_away(f"{alter} ALTER COLUMN {command.name} DROP DEFAULT", why)
    elif name == "AT_AttachPartition":
        instead = "add the partition's bounds as a CHECK that is validated first, and say so: -- lint: <reason>"
        yield lock(f"{alter} ATTACH PARTITION", "without a check that says its bounds, " + _READS_ALL, instead)
    elif name not in _HARMLESS:
        yield unread(
            f"{alter} ({name.removeprefix('AT_')})", "the lint does not know what it does to the release that runs, or to its locks"
        )


def _add_column(statement: str, column: Any) -> Iterator[Breach]:
    found = {part.contype.name: part for part in column.constraints or ()}
    default = found.get("CONSTR_DEFAULT")
    generated = found.get("CONSTR_GENERATED")
    serial = dotted(column.typeName.names).rpartition(".")[2] in _SERIAL
    own_value = serial or default or generated or "CONSTR_IDENTITY" in found
    if ("CONSTR_NOTNULL" in found or "CONSTR_PRIMARY" in found) and not own_value:
        why = "the inserts of the release that runs fail, as does the statement itself where the table has rows"
        yield Breach(f"{statement} NOT NULL", why, "give it a constant DEFAULT, or leave out NOT NULL")
    if serial or "CONSTR_IDENTITY" in found or (default and _may_be_volatile(default.raw_expr)):
        instead = "add the column without a default, set the default, then fill the old rows in a later script"
        yield lock(statement, f"its default differs from row to row, so {_REWRITES}", instead)
    if generated and generated.generated_kind != "v":
        yield lock(f"{statement} STORED", _REWRITES, "write VIRTUAL, or fill a plain column by a trigger")
    if {"CONSTR_UNIQUE", "CONSTR_PRIMARY"} & set(found):
        instead = "add the column alone, then CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX"
        yield lock(f"{statement} UNIQUE", "it builds an index under ACCESS EXCLUSIVE: no reads or writes until it is done", instead)
    if "CONSTR_CHECK" in found or ("CONSTR_FOREIGN" in found and own_value):
        what = "CHECK" if "CONSTR_CHECK" in found else "REFERENCES"
        yield lock(f"{statement} {what}", _READS_ALL, "add the column alone, the constraint NOT VALID, and VALIDATE it in a later script")


def _may_be_volatile(expression: Any) -> bool:
    """Whether a default may differ from row to row: it calls a function that is not known to have one value for the whole statement."""
    calls = [dotted(part.funcname).removeprefix("pg_catalog.") for part in walk(expression) if kind(part) == "FuncCall"]
    return not set(calls) <= _NOT_VOLATILE


def _add_constraint(alter: str, constraint: Any) -> Iterator[Breach]:
    sort = constraint.contype.name.removeprefix("CONSTR_")
    words = {"FOREIGN": "FOREIGN KEY", "PRIMARY": "PRIMARY KEY", "EXCLUSION": "EXCLUDE", "NOTNULL": "NOT NULL"}.get(sort, sort)
    statement = " ".join(part for part in (alter, "ADD CONSTRAINT", constraint.conname, words) if part)
    if sort in ("CHECK", "FOREIGN", "NOTNULL") and not constraint.skip_validation:
        locked = "it reads the whole table under SHARE ROW EXCLUSIVE on both tables: no writes until it is done"
        why = locked if sort == "FOREIGN" else _READS_ALL
        yield lock(statement, why, "add it NOT VALID, and VALIDATE CONSTRAINT in a later script")
    elif sort in ("UNIQUE", "PRIMARY") and not constraint.indexname:
        why = "it builds an index under ACCESS EXCLUSIVE: no reads or writes until it is done"
        yield lock(statement, why, "CREATE UNIQUE INDEX CONCURRENTLY in a script of its own, then ADD CONSTRAINT ... USING INDEX")
    elif sort == "EXCLUSION":
        why = "it builds an index under ACCESS EXCLUSIVE, which cannot be done beforehand"
        yield lock(statement, why, "make a new table that has it, and fill that in steps")


def _set_not_null(state: State, statement: str, column: tuple[str, str]) -> Iterator[Breach]:
    if column in state.known.never_null:
        return
    instead = f"first ADD CONSTRAINT ... CHECK ({column[1]} IS NOT NULL) NOT VALID, then VALIDATE it in a later script"
    if not state.contract:
        yield Breach(statement, f"the release that runs may write NULL, and {_READS_ALL}", instead)
    else:
        yield lock(statement, _READS_ALL, instead)


def _alter_type(state: State, statement: str, table: str, command: Any) -> Iterator[Breach]:
    if not state.contract:
        yield from state.taken_away(statement, "the release that runs still reads and writes the old type")
    elif command.def_.raw_default is not None or not _keeps_rows(state.known.types.get((table, command.name)), command.def_.typeName):
        instead = "add a column of the new type, fill it in steps, and drop the old one; or say why the table is small: -- lint: <reason>"
        yield lock(statement, _REWRITES, instead)


def _keeps_rows(old: Any, new: Any) -> bool:
    """Whether PostgreSQL changes a type without rewriting: the old type is known from the scripts and the new one only wider."""
    if old is None or old.arrayBounds or new.arrayBounds:
        return False
    before, after = (dotted(given.names).removeprefix("pg_catalog.") for given in (old, new))
    had, has = ([getattr(part.val, "ival", -1) for part in given.typmods or ()] for given in (old, new))
    if after == "text":
        return before in ("text", "varchar")
    if after == "varchar" and before in ("text", "varchar"):
        return not has or (before == "varchar" and bool(had) and has[0] >= had[0])
    if before == after == "numeric":
        return not has or (len(had) == len(has) and had[1:] == has[1:] and bool(had) and has[0] >= had[0])
    return before == after and had == has


def _remember(state: State, table: str, name: str, command: Any) -> None:
    """Which columns have which type, and which a validated constraint holds to be never null."""
    known = state.known
    if name == "AT_AddColumn":
        known.types[table, command.def_.colname] = command.def_.typeName
    elif name == "AT_AlterColumnType":
        known.types[table, command.name] = command.def_.typeName
    elif name == "AT_AddConstraint" and (column := _never_null(command.def_)):
        if command.def_.conname:
            known.checks[table, command.def_.conname] = column
        if not command.def_.skip_validation:
            known.never_null.add((table, column))
    elif name == "AT_ValidateConstraint" and (table, command.name) in known.checks:
        known.never_null.add((table, known.checks[table, command.name]))
    elif name == "AT_DropConstraint" and (table, command.name) in known.checks:
        known.never_null.discard((table, known.checks.pop((table, command.name))))
    elif name in ("AT_DropNotNull", "AT_DropColumn"):
        known.never_null.discard((table, command.name))
        known.checks = {key: column for key, column in known.checks.items() if (key[0], column) != (table, command.name)}


def _never_null(constraint: Any) -> str:
    """The column that a constraint holds to be never null, if that is what it says."""
    if constraint.contype.name == "CONSTR_NOTNULL":
        return dotted(constraint.keys or ())
    test = constraint.raw_expr
    if (
        constraint.contype.name == "CONSTR_CHECK"
        and constraint.is_enforced
        and kind(test) == "NullTest"
        and test.nulltesttype.name == "IS_NOT_NULL"
    ):
        return _column(test.arg)
    return ""


def _column(node: Any) -> str:
    """The name of a column that stands alone in an expression."""
    return dotted(node.fields) if kind(node) == "ColumnRef" and all(kind(part) == "String" for part in node.fields) else ""
