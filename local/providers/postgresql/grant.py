"""Privileges of a role on objects that exist. Revoked and granted anew in one transaction, so none is missing in between."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.database_objects import all_there, database_owner, owners_in_schema
from local.providers.postgresql.membership import PUBLIC, acting_as, lock_database, lock_role
from local.providers.postgresql.privileges import ALLOWED, check_privileges, settled
from local.providers.postgresql.quoting import identifier, identifiers, qualified
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property, Refusals
from local.providers.wire import UNKNOWN, Properties

WITHOUT_SCHEMA = ("database", "foreign_data_wrapper", "foreign_server")
FOREIGN = ("foreign_data_wrapper", "foreign_server")
ROUTINES = ("function", "procedure", "routine")
OBJECT_TYPES = tuple(kind for kind in ALLOWED if kind != "type")
RELATION_KINDS = {"table": ["r", "p", "v", "m", "f"], "sequence": ["S"]}
_ROUTINES = """SELECT proname AS name, coalesce(proacl, acldefault('f', proowner)) AS acl
    FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = %s"""
_RELATIONS = """SELECT relname AS name, coalesce(relacl, acldefault('{}', relowner)) AS acl
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relkind::text = ANY(%s)"""
SOURCES = {  # the name and the access list of every object of a kind
    "database": "SELECT datname AS name, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database WHERE datname = %s",
    "schema": "SELECT nspname AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace WHERE nspname = %s",
    "foreign_data_wrapper":
        "SELECT fdwname AS name, coalesce(fdwacl, acldefault('F', fdwowner)) AS acl FROM pg_foreign_data_wrapper WHERE fdwname = %s",
    "foreign_server":
        "SELECT srvname AS name, coalesce(srvacl, acldefault('S', srvowner)) AS acl FROM pg_foreign_server WHERE srvname = %s",
    **dict.fromkeys(ROUTINES, _ROUTINES),
    "table": _RELATIONS.format("r"),
    "sequence": _RELATIONS.format("s"),
}  # fmt: skip


class Grant(Resource[Server]):
    """Privileges; the ID is role, database, schema, type and objects with underscores between."""

    token = "postgresql:index/grant:Grant"
    importable = False
    deletes_before_replacing = True
    properties = (
        Property("role", required=True, replaces=True),
        Property("database", required=True, replaces=True),
        Property("schema", replaces=True),
        Property("objectType", required=True, replaces=True, choices=OBJECT_TYPES),
        Property("objects", "set", replaces=True),
        Property("columns", "set", replaces=True),
        Property("privileges", "set", required=True),
        Property("withGrantOption", "boolean", default=False, replaces=True),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse what no GRANT statement can say."""
        kind = inputs.get("objectType")
        check_privileges(kind, inputs.get("privileges"), refusals)
        if kind is UNKNOWN:
            return
        objects, columns, privileges = (_count(inputs.get(name)) for name in ("objects", "columns", "privileges"))
        if not inputs.get("schema") and kind not in WITHOUT_SCHEMA:
            refusals.add("schema", f"it is required for objectType {kind}")
        if kind in ("database", "schema") and objects:
            refusals.add("objects", f"a {kind} has none; leave it out")
        if kind in FOREIGN and objects not in (1, None):
            refusals.add("objects", f"name exactly one {kind}")
        if kind != "column" and columns:
            refusals.add("columns", "they go with objectType column only")
        if kind == "column":
            rules = (("columns", columns != 0), ("privileges", privileges in (1, None)), ("objects", objects in (1, None)))
            for name, fine in rules:
                if not fine:
                    refusals.add(name, "objectType column needs at least one column, exactly one table in objects and one privilege")

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Grant."""
        return grant_id(inputs), self._set(client, inputs, inputs)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The privileges as they are now; when one object of many has others, those are told, so that it shows as changed."""
        if not all_there(client, state["database"], [state["role"]], _schema(state)):
            return None
        found = client.read(lambda session: _granted(session, state), state["database"])
        return grant_id(state), {**state, **found}

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Revoke the old privileges and grant the new ones, at once."""
        return self._set(client, old, new)

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Revoke; when the role, database or schema is gone, so are the privileges."""
        if not all_there(client, state["database"], [state["role"]], _schema(state)):
            return

        def work(session: Session) -> None:
            owner = [database_owner(session)] if state["objectType"] == "database" else []  # what an older program made has to go as well
            with acting_as(session, [*_prepared(session, state), *owner]):
                session.execute_fully(revoke_statement(state)) if _alone(state) else session.execute(revoke_statement(state))

        client.change(work, state["database"])

    def _set(self, client: Server, old: Properties, new: Properties) -> Properties:
        def work(session: Session) -> Properties:
            run = session.execute_fully if _alone(new) else session.execute
            with acting_as(session, _prepared(session, new)):
                run(revoke_statement(old))
                if new.get("privileges"):
                    run(grant_statement(new))
            return {**new, **_granted(session, new)}

        return client.change(work, new["database"])


def grant_id(properties: Mapping[str, Any]) -> str:
    """The official provider's ID; sets in Terraform's order, which is by the CRC-32 of each element, as text."""
    parts = [properties["role"], properties["database"]]
    if properties["objectType"] not in WITHOUT_SCHEMA:
        parts.append(properties.get("schema") or "")
    parts.append(properties["objectType"])
    for name in ("objects", "columns"):
        parts += sorted(properties.get(name) or (), key=lambda element: str(zlib.crc32(element.encode())))
    return "_".join(parts)


def grant_statement(properties: Mapping[str, Any]) -> str:
    """GRANT … ON … TO …"""
    privileges = ", ".join(properties["privileges"])
    if properties["objectType"] == "column":
        privileges += f" ({identifiers(properties['columns'])})"
    option = " WITH GRANT OPTION" if properties.get("withGrantOption") else ""
    return f"GRANT {privileges} ON {target(properties)} TO {identifier(properties['role'])}{option}"


def revoke_statement(properties: Mapping[str, Any]) -> str:
    """REVOKE … ON … FROM …; on named objects only the privileges at hand, which leaves grants on single columns alone."""
    kind, privileges = properties["objectType"], ", ".join(properties.get("privileges") or ())
    if kind == "column":
        what = f"{privileges} ({identifiers(properties['columns'])})"
    elif kind in (*ROUTINES, "table", "sequence") and properties.get("objects") and privileges:
        what = privileges
    else:
        what = "ALL PRIVILEGES"
    return f"REVOKE {what} ON {target(properties)} FROM {identifier(properties['role'])}"


def target(properties: Mapping[str, Any]) -> str:
    """The objects, as GRANT and REVOKE name them."""
    kind, schema, objects = properties["objectType"], properties.get("schema") or "", properties.get("objects") or []
    if kind == "database":
        return f"DATABASE {identifier(properties['database'])}"
    if kind == "schema":
        return f"SCHEMA {identifier(schema)}"
    if kind in FOREIGN:
        return f"{kind.replace('_', ' ').upper()} {identifier(objects[0])}"
    if kind == "column":
        return f"TABLE {qualified(schema, objects[0])}"
    if objects:
        return f"{kind.upper()} {', '.join(qualified(schema, name) for name in objects)}"
    return f"ALL {kind.upper()}S IN SCHEMA {identifier(schema)}"


def _prepared(session: Session, properties: Mapping[str, Any]) -> list[str]:
    """Take the locks the official provider takes; the roles to act as. On a database there are none, as there: the admin is a member."""
    kind = properties["objectType"]
    if properties["role"] != PUBLIC:
        lock_role(session, properties["role"])
    if kind == "database":
        lock_database(session, properties["database"])
        return []
    return [] if kind in FOREIGN else owners_in_schema(session, properties["schema"], tables=kind != "schema")


def _granted(session: Session, properties: Mapping[str, Any]) -> Properties:
    kind, role = properties["objectType"], properties["role"]
    row = session.row("SELECT oid FROM pg_roles WHERE rolname = %s", role) if role != PUBLIC else None
    grantee = int(row[0]) if row else 0
    if kind == "column":
        return _granted_on_columns(session, properties, grantee)
    wanted, objects = properties.get("privileges") or [], {name.partition("(")[0] for name in properties.get("objects") or ()}
    for name, granted in _granted_by_object(session, properties, grantee):
        told = settled(kind, wanted, granted)
        if told != wanted and (not objects or kind in FOREIGN or name in objects):
            return {"privileges": told}
    return {"privileges": wanted}


def _granted_by_object(session: Session, properties: Mapping[str, Any], grantee: int) -> Iterable[tuple[str, list[str]]]:
    """The role's privileges on every object of the kind. No list of privileges means the built-in defaults: acldefault()."""
    kind, schema = properties["objectType"], properties.get("schema")
    parameters: list[Any] = [properties["database"] if kind == "database" else schema]
    if kind in FOREIGN:
        parameters = list(properties["objects"])
    if kind in RELATION_KINDS:
        parameters.append(RELATION_KINDS[kind])
    query = f"""SELECT name::text, ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl) WHERE grantee = %s)
        FROM ({SOURCES[kind]}) objects ORDER BY name"""
    return session.connection.execute(query.encode(), [grantee, *parameters]).fetchall()


def _granted_on_columns(session: Session, properties: Mapping[str, Any], grantee: int) -> Properties:
    query = """SELECT attname::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname = %s AND relname = %s AND attacl IS NOT NULL
        AND EXISTS (SELECT 1 FROM aclexplode(attacl) WHERE grantee = %s AND privilege_type = %s)"""
    found = session.column(query, properties["schema"], properties["objects"][0], grantee, properties["privileges"][0])
    return {"columns": [column for column in properties["columns"] if column in found]}


def _schema(properties: Mapping[str, Any]) -> str:
    return "" if properties["objectType"] in WITHOUT_SCHEMA else properties.get("schema") or ""


def _alone(properties: Mapping[str, Any]) -> bool:
    """Whether it is about one object, where granting nothing is a mistake; among many, some may belong to a superuser."""
    return properties["objectType"] in ("database", "schema")


def _count(value: Any) -> int | None:
    return None if value is UNKNOWN else len(value or ())
