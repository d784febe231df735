"""Privileges a role will have on objects its owner makes later: how the application may use what a migration adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.database_objects import all_there
from local.providers.postgresql.membership import PUBLIC, acting_as, lock_role
from local.providers.postgresql.privileges import check_privileges, settled
from local.providers.postgresql.quoting import identifier
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property, Refusals
from local.providers.wire import Properties

CATALOG_KINDS = {"table": "r", "sequence": "S", "function": "f", "routine": "f", "type": "T", "schema": "n"}


class DefaultPrivileges(Resource[Server]):
    """Default privileges; the ID is role, database, schema (or noschema), owner and type with underscores between."""

    token = "postgresql:index/defaultPrivileges:DefaultPrivileges"
    importable = False
    deletes_before_replacing = True  # else deleting the old ones would revoke what the new ones have just set
    properties = (
        Property("role", required=True, replaces=True),
        Property("database", required=True, replaces=True),
        Property("owner", required=True, replaces=True),
        Property("schema", replaces=True),
        Property("objectType", required=True, replaces=True, choices=tuple(CATALOG_KINDS)),
        Property("privileges", "set", required=True),
        Property("withGrantOption", "boolean", default=False, replaces=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse what no ALTER DEFAULT PRIVILEGES statement can say."""
        check_privileges(inputs.get("objectType"), inputs.get("privileges"), refusals)
        if inputs.get("objectType") == "schema" and inputs.get("schema"):
            refusals.add("schema", "it cannot be given with objectType schema; leave it out")
        if inputs.get("withGrantOption") is True and inputs.get("role") == PUBLIC:
            refusals.add("withGrantOption", "it cannot be true for the role public")

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Set them."""
        return privileges_id(inputs), self._set(client, inputs)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The default privileges as they are now; none where some were wanted is the same as not there."""
        if not all_there(client, state["database"], [state["role"], state["owner"]], state.get("schema") or ""):
            return None
        granted = client.read(lambda session: _granted(session, state), state["database"])
        if not granted and state.get("privileges"):
            return None
        return privileges_id(state), {**state, "privileges": settled(state["objectType"], state.get("privileges") or [], granted)}

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Revoke all and grant the new ones, at once."""
        return self._set(client, new)

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Revoke them; when a role, the database or the schema is gone, so are they."""
        if not all_there(client, state["database"], [state["role"], state["owner"]], state.get("schema") or ""):
            return

        def work(session: Session) -> None:
            lock_role(session, state["owner"])
            with acting_as(session, [state["owner"]]):
                session.execute(revoke_statement(state))

        client.change(work, state["database"])

    def _set(self, client: Server, inputs: Properties) -> Properties:
        def work(session: Session) -> Properties:
            lock_role(session, inputs["owner"])
            with acting_as(session, [inputs["owner"]]):
                session.execute(revoke_statement(inputs))
                if inputs.get("privileges"):
                    session.execute(grant_statement(inputs))
            granted = settled(inputs["objectType"], inputs.get("privileges") or [], _granted(session, inputs))
            return {**inputs, "privileges": granted}

        return client.change(work, inputs["database"])


def privileges_id(properties: Mapping[str, Any]) -> str:
    """The official provider's ID."""
    schema = properties.get("schema") or "noschema"
    return "_".join((properties["role"], properties["database"], schema, properties["owner"], properties["objectType"]))


def grant_statement(properties: Mapping[str, Any]) -> str:
    """ALTER DEFAULT PRIVILEGES … GRANT …"""
    option = " WITH GRANT OPTION" if properties.get("withGrantOption") else ""
    granted = f"GRANT {', '.join(properties['privileges'])} ON {properties['objectType'].upper()}S"
    return f"{_scope(properties)} {granted} TO {identifier(properties['role'])}{option}"


def revoke_statement(properties: Mapping[str, Any]) -> str:
    """ALTER DEFAULT PRIVILEGES … REVOKE ALL …"""
    return f"{_scope(properties)} REVOKE ALL ON {properties['objectType'].upper()}S FROM {identifier(properties['role'])}"


def _scope(properties: Mapping[str, Any]) -> str:
    schema = f" IN SCHEMA {identifier(properties['schema'])}" if properties.get("schema") else ""
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(properties['owner'])}{schema}"


def _granted(session: Session, properties: Mapping[str, Any]) -> list[str]:
    row = session.row("SELECT oid FROM pg_roles WHERE rolname = %s", properties["role"]) if properties["role"] != PUBLIC else None
    schema = properties.get("schema")
    namespace = "(SELECT oid FROM pg_namespace WHERE nspname = %s)" if schema else "0"
    return session.column(
        f"""SELECT DISTINCT privilege_type FROM pg_default_acl, aclexplode(defaclacl)
        WHERE pg_get_userbyid(defaclrole) = %s AND defaclobjtype = %s AND grantee = %s AND defaclnamespace = {namespace}""",
        properties["owner"], CATALOG_KINDS[properties["objectType"]], int(row[0]) if row else 0, *([schema] if schema else []),
    )  # fmt: skip
