"""Extensions of a database. A role that is no superuser can create those PostgreSQL trusts (pgcrypto, citext, …)."""

from __future__ import annotations

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.database_objects import database_exists, database_owner, split_id, vanished
from local.providers.postgresql.membership import acting_as
from local.providers.postgresql.quoting import identifier, literal
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property
from local.providers.wire import Properties


class Extension(Resource[Server]):
    """An extension; its ID is ``database.extension``."""

    token = "postgresql:index/extension:Extension"
    properties = (
        Property("name", autonamed=True, replaces=True),
        Property("database", computed=True, replaces=True),
        Property("schema", computed=True),
        Property("version", computed=True),
        Property("createCascade", "boolean", default=False),
        Property("dropCascade", "boolean", default=False),
    )

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Create the extension where it is not there yet."""
        database, name = inputs.get("database") or client.database, inputs["name"]
        words = f"CREATE EXTENSION IF NOT EXISTS {identifier(name)}"
        words += f" SCHEMA {identifier(inputs['schema'])}" if inputs.get("schema") else ""
        words += f" VERSION {literal(inputs['version'])}" if inputs.get("version") else ""
        words += " CASCADE" if inputs.get("createCascade") else ""
        return f"{database}.{name}", _state(self._run(client, database, name, [words]), inputs, database)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The extension by its name in its database."""
        database, name = (state["database"], state["name"]) if state else split_id(resource_id, "extension")
        if not client.read(lambda session: database_exists(session, database)):
            return None
        found = client.read(lambda session: _lookup(session, name), database)
        return None if found is None else (f"{database}.{name}", _state(found, state, database))

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Move it to another schema, or to another version."""
        statements = []
        if new.get("schema") and new["schema"] != old.get("schema"):
            statements.append(f"ALTER EXTENSION {identifier(new['name'])} SET SCHEMA {identifier(new['schema'])}")
        if new.get("version") and new["version"] != old.get("version"):
            statements.append(f"ALTER EXTENSION {identifier(new['name'])} UPDATE TO {literal(new['version'])}")
        return _state(self._run(client, old["database"], new["name"], statements), new, old["database"])

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Drop the extension; what depends on it stops that, unless dropCascade says otherwise."""
        database, name = (state["database"], state["name"]) if state else split_id(resource_id, "extension")
        if not client.read(lambda session: database_exists(session, database)):
            return
        statement = f"DROP EXTENSION IF EXISTS {identifier(name)} {'CASCADE' if state.get('dropCascade') else 'RESTRICT'}"

        def work(session: Session) -> None:
            with acting_as(session, [database_owner(session)]):
                session.execute(statement)

        client.change(work, database)

    def _run(self, client: Server, database: str, name: str, statements: list[str]) -> Properties:
        def work(session: Session) -> Properties:
            with acting_as(session, [database_owner(session)]):
                for statement in statements:
                    session.execute(statement)
            found = _lookup(session, name)
            if found is None:
                raise vanished(f"extension {name}")
            return found

        return client.change(work, database)


def _lookup(session: Session, name: str) -> Properties | None:
    row = session.row(
        "SELECT nspname::text, extversion FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = %s", name
    )
    return None if row is None else {"name": name, "schema": row[0], "version": row[1]}


def _state(found: Properties, known: Properties, database: str) -> Properties:
    flags: Properties = {key: known[key] for key in ("createCascade", "dropCascade") if key in known}
    return {**found, **flags, "database": database}
