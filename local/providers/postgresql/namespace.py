"""Schemas: the namespaces inside a database. (The module is not called schema: the package has one already.)"""

from __future__ import annotations

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.database_objects import database_exists, database_owner, split_id, vanished
from local.providers.postgresql.membership import acting_as
from local.providers.postgresql.quoting import identifier
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property, Refusals
from local.providers.wire import Properties


class Schema(Resource[Server]):
    """A schema; its ID is ``database.schema``."""

    token = "postgresql:index/schema:Schema"
    properties = (
        Property("name", autonamed=True),
        Property("database", computed=True, replaces=True),
        Property("owner", computed=True),
        Property("ifNotExists", "boolean", default=True),
        Property("dropCascade", "boolean", default=False),
        Property("policies", "set", computed=True, fields=(
            Property("role"), Property("create", "boolean"), Property("createWithGrant", "boolean"),
            Property("usage", "boolean"), Property("usageWithGrant", "boolean"),
        )),
    )  # fmt: skip

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse the deprecated policies: the official documentation says to use a Grant instead, and so do we."""
        if inputs.get("policies"):
            refusals.add("policies", "they are deprecated and the stand-in provider has none; use a Grant with objectType schema")

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Make the schema, or take the one that is there (every database comes with one called public)."""
        database, name, owner = inputs.get("database") or client.database, inputs["name"], inputs.get("owner")

        def work(session: Session) -> Properties:
            found = _lookup(session, name)
            with acting_as(session, [database_owner(session), *([found["owner"]] if found else []), *([owner] if owner else [])]):
                if found and owner and found["owner"] != owner:
                    session.execute(f"ALTER SCHEMA {identifier(name)} OWNER TO {identifier(owner)}")
                elif not found:
                    exists = "IF NOT EXISTS " if inputs.get("ifNotExists") else ""
                    session.execute(f"CREATE SCHEMA {exists}{identifier(name)}" + (f" AUTHORIZATION {identifier(owner)}" if owner else ""))
            return _found(session, name)

        return f"{database}.{name}", _state(client.change(work, database), inputs, database)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The schema by its name in its database."""
        database, name = (state["database"], state["name"]) if state else split_id(resource_id, "schema")
        if not client.read(lambda session: database_exists(session, database)):
            return None
        found = client.read(lambda session: _lookup(session, name), database)
        return None if found is None else (f"{database}.{name}", _state(found, state, database))

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Rename, and hand it to another owner."""
        database = old["database"]
        owner = new.get("owner") or old["owner"]

        def work(session: Session) -> Properties:
            with acting_as(session, [database_owner(session), old["owner"], owner]):
                if old["name"] != new["name"]:
                    session.execute(f"ALTER SCHEMA {identifier(old['name'])} RENAME TO {identifier(new['name'])}")
                if old["owner"] != owner:
                    session.execute(f"ALTER SCHEMA {identifier(new['name'])} OWNER TO {identifier(owner)}")
            return _found(session, new["name"])

        return _state(client.change(work, database), new, database)

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Drop the schema; what is in it stops that, unless dropCascade says otherwise."""
        database, name = (state["database"], state["name"]) if state else split_id(resource_id, "schema")
        if not client.read(lambda session: database_exists(session, database)):
            return

        def work(session: Session) -> None:
            found = _lookup(session, name)
            if found is None:
                return
            with acting_as(session, [found["owner"]]):
                session.execute(f"DROP SCHEMA IF EXISTS {identifier(name)} {'CASCADE' if state.get('dropCascade') else 'RESTRICT'}")

        client.change(work, database)


def _lookup(session: Session, name: str) -> Properties | None:
    row = session.row("SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = %s", name)
    return None if row is None else {"name": name, "owner": row[0]}


def _found(session: Session, name: str) -> Properties:
    found = _lookup(session, name)
    if found is None:
        raise vanished(f"schema {name}")
    return found


def _state(found: Properties, known: Properties, database: str) -> Properties:
    flags: Properties = {key: known[key] for key in ("ifNotExists", "dropCascade") if key in known}
    return {**found, **flags, "database": database}
