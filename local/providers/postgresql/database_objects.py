"""What the resources inside a database share: whether it is there, who owns what in it, and IDs of two parts."""

from __future__ import annotations

from local.providers.errors import BackendError
from local.providers.postgresql.membership import PUBLIC, role_exists
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session

DATABASE_OWNER = "pg_database_owner"  # since PostgreSQL 14 the owner of the schema public: whoever owns the database


def split_id(resource_id: str, what: str) -> tuple[str, str]:
    """The parts of an ID ``database.<what>``; raises BackendError for any other form."""
    parts = resource_id.split(".")
    if len(parts) != 2 or not all(parts):
        raise BackendError(f"{resource_id!r} is no ID of a {what}", remedy=f"import it as database.{what}")
    return parts[0], parts[1]


def database_exists(session: Session, database: str) -> bool:
    """Whether there is such a database."""
    return session.row("SELECT 1 FROM pg_database WHERE datname = %s", database) is not None


def schema_exists(session: Session, schema: str) -> bool:
    """Whether the session's database has such a schema."""
    return session.row("SELECT 1 FROM pg_namespace WHERE nspname = %s", schema) is not None


def database_owner(session: Session) -> str:
    """Who owns the session's database."""
    row = session.row("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()")
    return str(row[0]) if row else session.user


def owners_in_schema(session: Session, schema: str, *, tables: bool) -> list[str]:
    """Who owns the schema and, when asked, the tables in it: the roles to act as in order to grant anything there."""
    query = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = %s"
    owners = session.column(query, schema)
    if tables:
        owners += session.column("SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = %s", schema)
    return [database_owner(session) if owner == DATABASE_OWNER else owner for owner in owners]


def all_there(client: Server, database: str, roles: list[str], schema: str = "") -> bool:
    """Whether the database, the roles and the schema a privilege connects still exist; without one it is gone as well."""

    def server_has(session: Session) -> bool:
        return database_exists(session, database) and all(role == PUBLIC or role_exists(session, role) for role in roles)

    return client.read(server_has) and (not schema or client.read(lambda session: schema_exists(session, schema), database))


def vanished(what: str) -> BackendError:
    """The failure of an object that somebody else removed while it was being made or changed."""
    return BackendError(f"The {what} vanished while it was being changed", remedy="run `pulumi refresh`, then `pulumi up`")
