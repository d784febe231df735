"""Rights in the contexts' databases that belong to nobody the platform made: given by hand, and in no object that the stack manages.

The stack manages what the context's own two roles and PUBLIC may do with the database and its schema. Everything else that PostgreSQL
keeps an access list of (https://www.postgresql.org/docs/current/ddl-priv.html) is looked at here: for roles of others, and for PUBLIC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.errors import PlatformError
from ops.releases.databases import Owner, connect

if TYPE_CHECKING:
    from psycopg import sql

Row = tuple[str, str, str, list[str]]
OWNER_SUFFIX, APP_SUFFIX = "_owner", "_app"
"""A context's two roles (components/naming.py)."""
PUBLIC = "public"
OF_THE_STACK = ("database", "schema")
"""What PUBLIC may do with these is a grant of the stack's own (components/database.py)."""

REVOCABLE = {"database": "DATABASE", "schema": "SCHEMA", "table": "TABLE", "view": "TABLE", "sequence": "SEQUENCE", "column": "TABLE"}
"""How REVOKE calls each kind (https://www.postgresql.org/docs/current/sql-revoke.html)."""
NOT_OURS = "the right is still there: somebody else gave it, and only they or the administrator take it away"

ACCESS_LISTS = """
SELECT 'database' AS kind, datname::text AS name, datacl AS acl FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'schema', nspname, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, relname, relacl
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL SELECT 'column', relname || '.' || attname, attacl
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
UNION ALL SELECT 'new objects of', defaclrole::regrole::text, defaclacl FROM pg_default_acl
"""
GIVEN = f"""
SELECT kind, name, coalesce(rolname::text, '{PUBLIC}'), array_agg(DISTINCT privilege_type ORDER BY privilege_type)
FROM ({ACCESS_LISTS}) lists CROSS JOIN LATERAL aclexplode(acl) given LEFT JOIN pg_roles role ON role.oid = given.grantee
WHERE given.grantee = 0 OR NOT (role.rolsuper OR role.rolname = 'pg_database_owner')
GROUP BY 1, 2, 3
"""
MEMBERS = """
SELECT 'role', granted.rolname::text, member.rolname::text, ARRAY['MEMBER']
FROM pg_auth_members JOIN pg_roles granted ON granted.oid = roleid JOIN pg_roles member ON member.oid = pg_auth_members.member
WHERE granted.rolname IN (%(owner)s, %(app)s) AND NOT (member.rolsuper OR member.rolcreaterole)
"""
"""Whoever may make roles is an administrator, and a member of those it made."""


@dataclass(frozen=True)
class Right:
    """What somebody may do with an object of a context's database."""

    context: str
    role: str
    kind: str
    name: str
    privileges: tuple[str, ...]

    @property
    def target(self) -> str:
        """The object, as a person says it."""
        return f"{self.kind} {self.name}"


def foreign_rights(owners: Sequence[Owner], ca_certificate_path: str) -> list[Right]:
    """The rights of others in the contexts' databases. Raises PlatformError for a database that does not answer."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda owner: _ask(owner, ca_certificate_path), owners))
    return [right for owner, rows in zip(owners, answers, strict=True) for right in foreign(owner.context, owner.user, rows)]


def foreign(context: str, owner: str, rows: Iterable[Row]) -> list[Right]:
    """The rights among ``rows`` that neither the context's roles have nor the stack manages."""
    own = (owner, owner.removesuffix(OWNER_SUFFIX) + APP_SUFFIX)
    found = [Right(context, role, kind, name, tuple(privileges)) for kind, name, role, privileges in rows if role not in own]
    return sorted((right for right in found if right.role != PUBLIC or right.kind not in OF_THE_STACK), key=str)


def revoke(right: Right, owner: Owner, ca_certificate_path: str) -> str:
    """Take a right away as the database's owner; returns why that was not possible, empty when it was."""
    import psycopg

    try:
        statement = revocation(right)
        with connect(owner, ca_certificate_path) as connection:
            connection.execute(statement)
        return NOT_OURS if right in foreign(owner.context, owner.user, _ask(owner, ca_certificate_path)) else ""
    except psycopg.Error as failed:
        return str(failed).strip()


def revocation(right: Right) -> sql.Composed:
    """The statement that takes a right away; raises psycopg.NotSupportedError for a kind whose giver alone can."""
    from psycopg import NotSupportedError, sql

    role = sql.SQL("PUBLIC") if right.role == PUBLIC else sql.Identifier(right.role)
    of, what = right.name, sql.SQL(", ").join(map(sql.SQL, right.privileges))
    if right.kind == "column":
        of, _, column = right.name.partition(".")
        what = sql.SQL(", ").join(sql.SQL("{} ({})").format(sql.SQL(one), sql.Identifier(column)) for one in right.privileges)
    if right.kind not in REVOCABLE:
        raise NotSupportedError(f"only who gave a right on a {right.kind} takes it away")
    return sql.SQL("REVOKE {} ON {} {} FROM {}").format(what, sql.SQL(REVOCABLE[right.kind]), sql.Identifier(of), role)


def _ask(owner: Owner, ca_certificate_path: str) -> list[Row]:
    import psycopg

    roles = {"owner": owner.user, "app": owner.user.removesuffix(OWNER_SUFFIX) + APP_SUFFIX}
    try:
        with connect(owner, ca_certificate_path) as connection:
            given = connection.execute(GIVEN.encode()).fetchall()
            return [*given, *connection.execute(MEMBERS.encode(), roles).fetchall()]
    except psycopg.Error as failed:
        raise PlatformError(
            f"The rights in the database {owner.database} cannot be read.",
            why=str(failed).strip(),
            remedy="./hs status shows what is reachable",
        ) from failed


__all__ = ["Right", "foreign", "foreign_rights", "revoke"]
