"""The rules of the migration lint: what each kind of statement breaks or locks, decided on PostgreSQL's own syntax tree.

Lock names and what needs them: https://www.postgresql.org/docs/18/explicit-locking.html and .../sql-altertable.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from settings.migration_syntax import (
    OWN_SCRIPT,
    Breach,
    State,
    dotted,
    is_rebuild,
    kind,
    lock,
    object_name,
    option,
    queries,
    runs_outside_transaction,
    table_name,
    unread,
    walk,
)
from settings.migration_tables import alter_table

FLYWAY_TABLE = "flyway_schema_history"
TIMEOUTS = ("statement_timeout", "transaction_timeout")

_ADDING = {
    "CommentStmt",
    "CompositeTypeStmt",
    "ConstraintsSetStmt",
    "CreateCastStmt",
    "CreateDomainStmt",
    "CreateEnumStmt",
    "CreateExtensionStmt",
    "CreateFunctionStmt",
    "CreatePolicyStmt",
    "CreateRangeStmt",
    "CreateSchemaStmt",
    "CreateSeqStmt",
    "CreateStatsStmt",
    "CreateStmt",
    "CreateTrigStmt",
    "DefineStmt",
    "DiscardStmt",
    "NotifyStmt",
    "VariableSetStmt",
    "VariableShowStmt",
    "ViewStmt",
}
"""Statements that only add, or that are judged by what they set."""

_DESTRUCTIVE = {
    "RenameStmt": ("RENAME", "the release that runs still uses the old name"),
    "AlterEnumStmt": ("ALTER TYPE", "the release that runs still writes the old value"),
    "TruncateStmt": ("TRUNCATE", "it loses every row, under ACCESS EXCLUSIVE"),
    "GrantStmt": ("REVOKE", "the release that runs may still need the right"),
    "GrantRoleStmt": ("REVOKE", "the release that runs may still need the right"),
    "AlterDefaultPrivilegesStmt": ("REVOKE", "the release that runs may still need the right"),
    "AlterDomainStmt": ("ALTER DOMAIN", "the release that runs still relies on it"),
    "AlterObjectSchemaStmt": ("SET SCHEMA", "the release that runs still looks for it in the old schema"),
    "AlterOwnerStmt": ("OWNER TO", "the rights that come from the owner are lost"),
    "DropOwnedStmt": ("DROP OWNED", "the release that runs still uses what the role owns"),
    "ReassignOwnedStmt": ("REASSIGN OWNED", "the rights that come from the owner are lost"),
}
_OUTSIDE = {"IndexStmt": "CREATE INDEX CONCURRENTLY", "DropStmt": "DROP INDEX CONCURRENTLY", "VacuumStmt": "VACUUM"}
_LONG_LOCK = {"RefreshMatViewStmt", "LockStmt", "ClusterStmt", "VacuumStmt", "ReindexStmt"}
_REFUSED = {
    "TransactionStmt": Breach(
        "BEGIN, COMMIT, ROLLBACK",
        "Flyway runs the script in a transaction of its own, which this would end or split",
        "leave it out; what must not be in one transaction belongs into scripts of its own",
    ),
    "CallStmt": unread("CALL", "a procedure runs, and the lint does not read the bodies of procedures"),
}


class Script(State):
    """One script: judges its statements in order and remembers what they make and lock."""

    def not_alone(self, nodes: list[Any]) -> dict[int, list[Breach]]:
        """The statements, by number, that run outside a transaction and may not have the others beside them."""
        outside = [number for number, node in enumerate(nodes) if runs_outside_transaction(node)]
        found = {}
        for number in outside:
            what = _OUTSIDE.get(kind(nodes[number]), "this statement")
            if not self.versioned:
                why = "a repeatable script or a callback runs again and again, and this cannot run in a transaction with the others"
                found[number] = [Breach(what, why, "write it into a versioned script of its own")]
            elif len(outside) < len(nodes):
                why = "it cannot run in a transaction, and Flyway refuses a script that has statements of both kinds"
                found[number] = [Breach(what, why, "give it a script of its own")]
            elif len(nodes) > 1 and not is_rebuild(nodes):
                why = "without a transaction, when the second statement fails the first stays and the script cannot run again"
                found[number] = [Breach(what, why, "give each a script of its own")]
        return found

    def judge(self, node: Any, text: str, line: int) -> Iterator[tuple[int, Breach]]:
        """What the statement may not do, with the line where it says so; remembers what it makes and locks."""
        for breach in (*_timeouts(node), *self._statement(node)):
            yield line, breach
        if kind(node) == "DoStmt":
            yield from self._do(node, text, line)
        self._remember(node)

    def _statement(self, node: Any) -> Iterator[Breach]:
        match kind(node):
            case "AlterTableStmt":
                yield from alter_table(self, node)
            case "DropStmt":
                yield from self._drop(node)
            case "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" | "CreateTableAsStmt":
                yield from self._data(node)
            case "IndexStmt":
                yield from self._index(node)
            case "DoStmt":
                return
            case name if name in _DESTRUCTIVE:
                yield from self._destructive(name, node)
            case name if name in _LONG_LOCK:
                yield from self._long_lock(node)
            case name if name in _REFUSED:
                yield _REFUSED[name]
            case "CopyStmt":
                yield from _copy(node)
            case name if name not in _ADDING:
                words = re.sub(r"(?<!^)(?=[A-Z])", " ", name.removesuffix("Stmt")).upper()
                yield unread(words, "the lint does not know what it does to the release that runs, or to its locks")

    def _drop(self, node: Any) -> Iterator[Breach]:
        sort = node.removeType.name.removeprefix("OBJECT_").replace("_", " ")
        if sort == "INDEX" and node.concurrent:
            return
        for item in node.objects:
            name = object_name(item)
            if kind(item) == "ObjectWithArgs" and _signature(item.objname, item.objargs) in self.made:
                continue
            table = name.rpartition(".")[0] if sort in ("TRIGGER", "RULE", "POLICY") else name
            if table in self.made:
                continue
            if sort == "INDEX":
                why = f"it holds ACCESS EXCLUSIVE on the index's table, and the release that runs may need {name} to be fast"
                if not self.contract:
                    yield Breach(f"DROP INDEX {name}", why, f"write DROP INDEX CONCURRENTLY {name}, in a script of its own")
                continue
            yield from self.taken_away(f"DROP {sort} {name}", "the release that runs still uses it")

    def _destructive(self, name: str, node: Any) -> Iterator[Breach]:
        statement, why = _DESTRUCTIVE[name]
        if name == "RenameStmt":
            if node.renameType.name in ("OBJECT_INDEX", "OBJECT_TABCONSTRAINT") or (
                node.relation and table_name(node.relation) in self.made
            ):
                return
            old = ".".join(
                part for part in (table_name(node.relation) if node.relation else object_name(node.object), node.subname) if part
            )
            statement = f"RENAME {old} TO {node.newname}"
        elif name == "AlterEnumStmt":
            if node.oldVal is None:
                return
            statement = f"ALTER TYPE {object_name(node.typeName)} RENAME VALUE '{node.oldVal}'"
        elif name == "TruncateStmt":
            tables = [table_name(table) for table in node.relations if table_name(table) not in self.made]
            statement = f"TRUNCATE {', '.join(tables)}"
            if not tables:
                return
        elif name in ("GrantStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt"):
            grant = node.action if name == "AlterDefaultPrivilegesStmt" else node
            on_tables = name == "GrantStmt" and grant.targtype.name == "ACL_TARGET_OBJECT"
            names = {object_name(item) for item in grant.objects or ()} if on_tables else set()
            if grant.is_grant or (names and names <= {*self.made, FLYWAY_TABLE}):
                return
            statement = f"REVOKE ON {', '.join(sorted(names))}" if names else "REVOKE"
        elif name == "AlterDomainStmt":
            yield from self._alter_domain(node)
            return
        elif name in ("AlterObjectSchemaStmt", "AlterOwnerStmt"):
            statement = f"{object_name(getattr(node, 'relation', None) or node.object)} {statement}"
        yield from self.taken_away(statement, why)

    def _alter_domain(self, node: Any) -> Iterator[Breach]:
        domain = f"ALTER DOMAIN {object_name(node.typeName)}"
        if object_name(node.typeName) in self.made:
            return
        if node.subtype == "X" or (node.subtype == "T" and node.def_ is None):
            yield from self.taken_away(f"{domain} DROP", "the release that runs still relies on it")
        elif node.subtype == "O" or (node.subtype == "C" and not node.def_.skip_validation):
            why = "it reads every table with a column of the domain under a SHARE lock: no writes until it is done"
            yield lock(f"{domain} ADD CONSTRAINT", why, "add the constraint NOT VALID, and VALIDATE it in a later script")

    def _long_lock(self, node: Any) -> Iterator[Breach]:
        name = kind(node)
        relations = getattr(node, "relations", None) or [node.relation] if name not in ("VacuumStmt",) else []
        tables = [table_name(part) for part in relations if part and table_name(part) not in self.made]
        if name == "RefreshMatViewStmt" and tables and not node.concurrent:
            why = "it holds ACCESS EXCLUSIVE on the view until it is filled: no reads"
            yield lock(f"REFRESH MATERIALIZED VIEW {tables[0]}", why, f"write REFRESH MATERIALIZED VIEW CONCURRENTLY {tables[0]}")
        elif name == "LockStmt" and tables:
            why = "it holds the lock until the script has ended"
            yield lock(f"LOCK TABLE {', '.join(tables)}", why, "leave it out: every statement takes the lock that it needs")
        elif name == "ClusterStmt" and (tables or node.relation is None):
            yield lock("CLUSTER", "it rewrites the table under ACCESS EXCLUSIVE: no reads or writes", "leave it out")
        elif name == "VacuumStmt" and option(node.options, "full"):
            yield lock("VACUUM FULL", "it rewrites the table under ACCESS EXCLUSIVE: no reads or writes", "write VACUUM, without FULL")
        elif name == "ReindexStmt":
            if option(node.params, "concurrently"):
                why = "Flyway does not know that it cannot run in a transaction, and it fails there"
                yield Breach(
                    "REINDEX CONCURRENTLY", why, "CREATE INDEX CONCURRENTLY under a new name, then DROP INDEX CONCURRENTLY the old one"
                )
            elif tables or node.relation is None:
                why = "it locks the table against writes, and the index against reads, until the index is built"
                yield lock("REINDEX", why, "CREATE INDEX CONCURRENTLY under a new name, then DROP INDEX CONCURRENTLY the old one")

    def _index(self, node: Any) -> Iterator[Breach]:
        table, name = table_name(node.relation), node.idxname or f"on {table_name(node.relation)}"
        if node.concurrent and node.if_not_exists:
            why = "a build that was broken off leaves an invalid index of this name, which IF NOT EXISTS takes for the index"
            yield Breach(f"CREATE INDEX CONCURRENTLY {name}", why, f"write DROP INDEX CONCURRENTLY IF EXISTS {name} before it instead")
        elif not node.concurrent and table not in self.made:
            why = f"it holds SHARE on {table} until the index is built: no writes"
            yield lock(f"CREATE INDEX {name}", why, "write CREATE INDEX CONCURRENTLY, in a script of its own")

    def _data(self, node: Any) -> Iterator[Breach]:
        for part in walk(node):
            if kind(part) in ("UpdateStmt", "DeleteStmt") and (table := table_name(part.relation)) not in self.made:
                what = f"{'UPDATE' if kind(part) == 'UpdateStmt' else 'DELETE FROM'} {table}"
                if part.whereClause is None or kind(part.whereClause) == "A_Const":
                    why = "without a condition it changes or loses every row, and locks each until the script has ended"
                    instead = "give it a WHERE that leaves out the rows that are right already, or make it a contract step by its name"
                    yield from self.taken_away(what, why, instead)
                if self.locked:
                    why = f"the script still holds ACCESS EXCLUSIVE on {self.locked}: nobody reads or writes it until all rows are done"
                    yield lock(what, why, OWN_SCRIPT)
            elif kind(part) == "FuncCall" and (name := _signature(part.funcname, part.args)) in self.functions:
                yield unread(f"SELECT {name}", "the script's own function runs, and the lint does not read the bodies of functions")

    def _do(self, node: Any, text: str, line: int) -> Iterator[tuple[int, Breach]]:
        """Read a DO block: its SQL is judged like the script's own; what it puts together while it runs cannot be read."""
        import pglast  # here, as loading it takes 60 ms that a command without scripts need not wait

        language = next((part.arg.sval for part in node.args if part.defname == "language"), "plpgsql")
        body = next(part.arg.sval for part in node.args if part.defname == "as")
        begin = line + text.count("\n", 0, max(text.find(body), 0))
        try:
            block = pglast.parse_plpgsql(text) if language == "plpgsql" else None
        except pglast.parser.ParseError as error:
            yield begin, unread("DO", f"the parser cannot read it: {error.args[0]}")
            return
        if block is None:
            yield line, unread(f"DO LANGUAGE {language}", "the lint reads SQL and PL/pgSQL only")
        for number, query in queries(block):
            place = begin + number - 1
            if query is None:
                yield place, unread("DO ... EXECUTE", "the statement is put together while it runs, so nobody can read it here")
                continue
            try:
                statements = pglast.parse_sql(query)
            except pglast.parser.ParseError as error:
                yield place, unread("DO", f"the parser cannot read it: {error.args[0]}")
                continue
            for statement in statements:
                yield from self.judge(statement.stmt, query, place)

    def _remember(self, node: Any) -> None:
        """What the statement makes is new for the rest of the script: nothing that happens to it hurts anybody."""
        if kind(node) == "CreateFunctionStmt":
            self.functions.add(_signature(node.funcname, node.parameters))
        if getattr(node, "if_not_exists", False) or getattr(node, "replace", False):
            return
        name = kind(node)
        if name == "CreateStmt":
            self.made.add(table_name(node.relation))
            for column in node.tableElts or ():
                if kind(column) == "ColumnDef":
                    self.known.types[table_name(node.relation), column.colname] = column.typeName
        elif name in ("CreateTableAsStmt", "SelectStmt") and (into := node.into if name == "CreateTableAsStmt" else node.intoClause):
            self.made.add(table_name(into.rel))
        elif name in ("ViewStmt", "CreateSeqStmt", "CompositeTypeStmt"):
            self.made.add(table_name(getattr(node, {"ViewStmt": "view", "CreateSeqStmt": "sequence"}.get(name, "typevar"))))
        elif name == "IndexStmt" and node.idxname:
            self.made.add(".".join(part for part in (node.relation.schemaname, node.idxname) if part))
        elif name in ("CreateEnumStmt", "CreateRangeStmt", "CreateDomainStmt"):
            self.made.add(dotted(node.domainname if name == "CreateDomainStmt" else node.typeName))
        elif name == "CreateFunctionStmt":
            self.made.add(_signature(node.funcname, node.parameters))
        elif name == "RenameStmt" and node.relation and node.renameType.name == "OBJECT_TABLE":
            self._rename(table_name(node.relation), node.newname)
        elif name == "DropStmt":
            self.made -= {object_name(item) for item in node.objects}

    def _rename(self, old: str, new: str) -> None:
        schema, dot, _ = old.rpartition(".")
        if old in self.made:
            self.made.discard(old)
            self.made.add(f"{schema}{dot}{new}")
        else:
            self.locked = self.locked or old


def _signature(names: Any, arguments: Any) -> str:
    """A function's name with the number of its parameters: `fill(2)`."""
    return f"{dotted(names)}({len(arguments or ())})"


def _copy(node: Any) -> Iterator[Breach]:
    if node.is_program or (node.filename is not None):
        yield Breach("COPY", "a file or a program of the database's machine is not part of the script", "write INSERT ... VALUES")
    elif node.is_from:
        yield COPY_FROM_STDIN
    else:
        yield Breach("COPY TO STDOUT", "nobody receives its output", "leave it out")


COPY_FROM_STDIN = Breach(
    "COPY FROM STDIN",
    "its data are not SQL, so nothing in the script can be read by the parser",
    "write INSERT ... VALUES, in scripts of some thousand rows",
)


def _timeouts(node: Any) -> Iterator[Breach]:
    """Whatever sets lock_timeout, which the migration's Job has set, or takes the bound off another timeout; at any depth."""
    for part in walk(node):
        name = kind(part)
        if name == "VariableSetStmt":
            setting, value = part.name or "", (part.args or (None,))[0]
            if part.kind.name == "VAR_RESET_ALL":
                yield _lifted("RESET ALL")
            elif setting.lower() == "lock_timeout" or (setting.lower() in TIMEOUTS and (value is None or _is_zero(value))):
                yield _lifted(f"{'RESET' if part.kind.name == 'VAR_RESET' else 'SET LOCAL' if part.is_local else 'SET'} {setting}")
        elif name == "DiscardStmt":
            yield _lifted("DISCARD") if part.target.name == "DISCARD_ALL" else unread("DISCARD", "a migration has nothing to discard")
        elif name == "FuncCall" and dotted(part.funcname).removeprefix("pg_catalog.") == "set_config" and part.args:
            setting = getattr(getattr(part.args[0], "val", None), "sval", None)
            if setting is None:
                yield unread("set_config()", "which setting it sets is known only when it runs")
            elif setting.lower() in ("lock_timeout", *TIMEOUTS):
                yield _lifted(f"set_config('{setting}')")
        elif name == "UpdateStmt" and table_name(part.relation).removeprefix("pg_catalog.") == "pg_settings":
            yield _lifted("UPDATE pg_settings")


def _lifted(statement: str) -> Breach:
    why = "every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever"
    return Breach(statement, why, "leave it out")


def _is_zero(value: Any) -> bool:
    constant = getattr(value, "val", None)
    text = next((str(getattr(constant, name)) for name in ("sval", "ival", "fval") if hasattr(constant, name)), "")
    return re.fullmatch(r"\s*[+-]?0*(\.0*)?\s*(us|ms|s|min|h|d)?\s*", text) is not None
