"""What a database holds, table by table, so that two of them can be compared: rows, a checksum over them, Flyway's history. Pure.

Other sessions write while a database is looked at. So it is looked at twice, and the moment in between is noted: a table that was the same
both times was exactly so at that moment, and of one that was written to meanwhile the number of rows at that moment lies between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from ops.errors import PlatformError

SHOWN = 5
"""How many names an explanation lists."""

HISTORY = r"""
SELECT json_build_object('database', current_database());
SELECT 'SELECT json_build_object(''script'', script, ''version'', version) FROM flyway_schema_history WHERE success ORDER BY installed_rank'
WHERE to_regclass('flyway_schema_history') IS NOT NULL \gexec
"""
"""For psql: prints a line of JSON for the database it is connected to, and one for each script that Flyway has applied."""
LOOK = rf"""
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
{HISTORY}
SELECT coalesce(string_agg(format(
  'SELECT json_build_object(''table'', %L, ''rows'', count(*), ''checksum'', '
  || 'coalesce(sum(hashtextextended(whole_row::text, 0)), 0)::text) FROM ONLY %I.%I whole_row',
  nspname || '.' || relname, nspname, relname), ' UNION ALL '), 'SELECT 1 WHERE false')
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname !~ '^pg_' AND nspname <> 'information_schema' \gexec
COMMIT;
"""
"""The same, and a line for each table.

The sum over a 64-bit hash of each row does not depend on the rows' order. What is not logged (UNLOGGED) no backup holds; sequences run
ahead by up to 32 in a restored database. The settings make a row's text the same on every server.
"""


class Table(BaseModel):
    """A table's rows at a moment: as many as ``rows`` where it was quiet, else between that and ``rows_later``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rows: int
    checksum: str = ""
    """Over all rows in any order; empty where the table was written to while it was looked at."""
    rows_later: int | None = None


class Content(BaseModel):
    """What one database holds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    scripts: tuple[str, ...] = ()
    """The scripts that Flyway has applied, oldest first."""
    version: str = ""
    """Flyway's version; empty before the first versioned script."""
    tables: Mapping[str, Table] = {}
    """By schema and name."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


def read(lines: Iterable[str]) -> dict[str, Content]:
    """The content of each database from what the statements above printed; raises PlatformError for anything else."""
    found: dict[str, Content] = {}
    current = ""
    for line in filter(None, lines):
        try:
            said = json.loads(line)
            if "database" in said:
                current = said["database"]
                found[current] = Content()
            elif "table" in said:
                table = Table(rows=said["rows"], checksum=said["checksum"])
                found[current] = found[current].model_copy(update={"tables": {**found[current].tables, said["table"]: table}})
            else:
                found[current] = _with_script(found[current], str(said["script"]), str(said["version"] or ""))
        except (ValueError, KeyError, TypeError) as unreadable:
            raise PlatformError("A database's answer could not be read.", why=line[-500:]) from unreadable
    return found


def _with_script(content: Content, script: str, version: str) -> Content:
    return content.model_copy(update={"scripts": (*content.scripts, script), "version": version or content.version})


def at_a_moment(before: Content, after: Content) -> Content:
    """What a database held at a moment between two looks.

    Raises PlatformError when its tables or its migrations changed meanwhile: then nothing can be compared with it.
    """
    if before.tables.keys() != after.tables.keys() or before.scripts != after.scripts:
        raise PlatformError(
            "A database was migrated while it was looked at.", remedy="wait for the deploy to finish, then run the same command again"
        )
    return after.model_copy(update={"tables": {name: _between(table, after.tables[name]) for name, table in before.tables.items()}})


def _between(before: Table, after: Table) -> Table:
    return after if before == after else Table(rows=before.rows, rows_later=after.rows)


def differences(database: str, expected: Content, found: Content | None) -> list[str]:
    """What a restored database has otherwise than it must, a sentence each; none where it is the same."""
    if found is None:
        return [f"{database} is missing"]
    problems = []
    for word, one, other in (("lacks", expected, found), ("has besides", found, expected)):
        names = sorted(one.tables.keys() - other.tables.keys())
        if names:
            problems.append(f"{database} {word} {_list(names)}")
    if expected.scripts != found.scripts:
        problems.append(f"{database} is migrated to {found.version or 'nothing'}, not to {expected.version or 'nothing'}")
    both = sorted(expected.tables.keys() & found.tables.keys())
    return problems + [sentence for name in both if (sentence := _unlike(f"{database}: {name}", expected.tables[name], found.tables[name]))]


def _unlike(name: str, expected: Table, found: Table) -> str:
    if expected.rows_later is not None:
        least, most = sorted((expected.rows, expected.rows_later))
        inside = least <= found.rows <= most
        return "" if inside else f"{name} has {found.rows} rows; at that moment it had {least} to {most}"
    if expected.rows != found.rows:
        return f"{name} has {found.rows} rows; at that moment it had {expected.rows}"
    return "" if expected.checksum == found.checksum else f"{name} has as many rows ({found.rows}), but not the same"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


__all__ = ["HISTORY", "LOOK", "Content", "Table", "at_a_moment", "differences", "read"]
