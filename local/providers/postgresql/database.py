"""Databases. CREATE and DROP DATABASE run outside transactions; the admin joins the owner for as long as they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.database_objects import vanished
from local.providers.postgresql.membership import acting_as
from local.providers.postgresql.quoting import identifier, literal
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property, Refusals
from local.providers.wire import Properties

TEMPLATE = "template0"  # the only one any encoding and collation can be made from
DEFAULT = "DEFAULT"
TOLD_BY_SERVER = ("encoding", "lcCollate", "lcCtype", "tablespaceName")


class Database(Resource[Server]):
    """A database; its ID is its name."""

    token = "postgresql:index/database:Database"
    properties = (
        Property("name", autonamed=True),
        Property("owner", computed=True),
        Property("template", computed=True, replaces=True),
        Property("encoding", computed=True, replaces=True),
        Property("lcCollate", computed=True, replaces=True),
        Property("lcCtype", computed=True, replaces=True),
        Property("tablespaceName", computed=True),
        Property("connectionLimit", "integer", default=-1, minimum=-1),
        Property("allowConnections", "boolean", default=True),
        Property("isTemplate", "boolean", computed=True),
        Property("alterObjectOwnership", "boolean", default=False),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse a spelling that the server answers with another one: for it the official plugin makes the database anew, at every run."""
        for name in TOLD_BY_SERVER:
            value = inputs.get(name)
            if isinstance(value, str) and value.upper() == DEFAULT:
                refusals.add(name, f"{value!r} is told by the server as what it stands for, which would differ at every run: leave it out")
        encoding = inputs.get("encoding")
        if isinstance(encoding, str) and encoding.upper() != DEFAULT and encoding != (told := encoding.upper().replace("-", "")):
            refusals.add("encoding", f"{encoding!r} is told by the server as {told}, which would differ at every run: write {told!r}")

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Make the database; a half-made one cannot be: CREATE DATABASE is all or nothing."""
        name = inputs["name"]

        def work(session: Session) -> Properties:
            with acting_as(session, _given(inputs.get("owner"))):
                session.execute(create_statement(inputs, session.user))
            return _found(session, name)

        return name, _state(client.change(work, transaction=False), inputs)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The database by its name."""
        name = state.get("name") or resource_id
        found = client.read(lambda session: _lookup(session, name))
        return None if found is None else (name, _state(found, state))

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Rename, then change what differs; objects in it follow a new owner only with alterObjectOwnership."""
        name = new["name"]
        owner, old_owner = new.get("owner"), old.get("owner")
        if owner and old_owner and owner != old_owner and new.get("alterObjectOwnership"):
            client.change(lambda session: _hand_over(session, old_owner, owner), old["name"])

        def work(session: Session) -> Properties:
            with acting_as(session, _given(old_owner) + _given(owner)):
                for statement in alter_statements(old, new):
                    session.execute(statement)
            return _found(session, name)

        return _state(client.change(work, transaction=False), new)

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Drop the database, ending the sessions in it. FORCE may end those of roles the admin is a member of."""
        name = state.get("name") or resource_id

        def work(session: Session) -> None:
            found = _lookup(session, name)
            if found is None:
                return
            present = session.column("SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = %s AND usename IS NOT NULL", name)
            with acting_as(session, [found["owner"], *present]):
                if found["isTemplate"]:
                    session.execute(f"ALTER DATABASE {identifier(name)} IS_TEMPLATE false")
                session.execute(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")

        client.change(work, transaction=False)


def create_statement(inputs: Mapping[str, Any], admin: str) -> str:
    """CREATE DATABASE; owned by the admin, from template0 and in UTF-8 where nothing else is said."""
    template = inputs.get("template") or TEMPLATE
    options = [
        f"OWNER {identifier(inputs.get('owner') or admin)}",
        f"TEMPLATE {DEFAULT if template.upper() == DEFAULT else identifier(template)}",
        f"ENCODING {literal(inputs.get('encoding') or 'UTF8')}",
    ]
    places = (("lcCollate", "LC_COLLATE", literal), ("lcCtype", "LC_CTYPE", literal), ("tablespaceName", "TABLESPACE", identifier))
    for key, word, quote in places:
        if inputs.get(key):
            options.append(f"{word} {quote(inputs[key])}")
    options += [
        f"ALLOW_CONNECTIONS {_boolean(inputs['allowConnections'])}",
        f"CONNECTION LIMIT {inputs['connectionLimit']:d}",
        f"IS_TEMPLATE {_boolean(inputs.get('isTemplate'))}",
    ]
    return f"CREATE DATABASE {identifier(inputs['name'])} {' '.join(options)}"


def alter_statements(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """ALTER DATABASE for what differs; a property the program leaves to the server is left alone."""
    name = identifier(new["name"])
    statements = []
    if old["name"] != new["name"]:
        statements.append(f"ALTER DATABASE {identifier(old['name'])} RENAME TO {name}")
    if new.get("owner") and new["owner"] != old.get("owner"):
        statements.append(f"ALTER DATABASE {name} OWNER TO {identifier(new['owner'])}")
    if new.get("tablespaceName") and new["tablespaceName"] != old.get("tablespaceName"):
        statements.append(f"ALTER DATABASE {name} SET TABLESPACE {identifier(new['tablespaceName'])}")
    if old.get("connectionLimit", -1) != new["connectionLimit"]:
        statements.append(f"ALTER DATABASE {name} CONNECTION LIMIT {new['connectionLimit']:d}")
    for key, word in (("allowConnections", "ALLOW_CONNECTIONS"), ("isTemplate", "IS_TEMPLATE")):
        if new.get(key) is not None and bool(old.get(key)) != new[key]:
            statements.append(f"ALTER DATABASE {name} {word} {_boolean(new[key])}")
    return statements


def _hand_over(session: Session, old_owner: str, owner: str) -> None:
    with acting_as(session, [old_owner, owner]):
        session.execute(f"REASSIGN OWNED BY {identifier(old_owner)} TO {identifier(owner)}")


def _lookup(session: Session, name: str) -> Properties | None:
    row = session.row(
        """SELECT pg_get_userbyid(datdba)::text, pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, spcname::text,
        datconnlimit, datallowconn, datistemplate
        FROM pg_database JOIN pg_tablespace ON dattablespace = pg_tablespace.oid WHERE datname = %s""",
        name,
    )
    if row is None:
        return None
    keys = ("owner", "encoding", "lcCollate", "lcCtype", "tablespaceName", "connectionLimit", "allowConnections", "isTemplate")
    return {"name": name, **dict(zip(keys, row, strict=True))}


def _found(session: Session, name: str) -> Properties:
    found = _lookup(session, name)
    if found is None:
        raise vanished(f"database {name}")
    return found


def _state(found: Properties, known: Properties) -> Properties:
    """What was found, with what the server forgets: the template it came from."""
    kept = {"template": known.get("template") or TEMPLATE, "alterObjectOwnership": bool(known.get("alterObjectOwnership"))}
    return {**found, **kept}


def _given(owner: str | None) -> list[str]:
    return [owner] if owner else []


def _boolean(value: Any) -> str:
    return "true" if value else "false"
