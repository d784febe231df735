"""Roles: who may sign in, with which password, and what they may do anywhere on the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import override

from local.providers.base import Resource
from local.providers.errors import BackendError
from local.providers.postgresql.database_objects import vanished
from local.providers.postgresql.membership import acting_as, lock_role, role_exists
from local.providers.postgresql.quoting import identifier, identifiers, literal
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property, Refusals
from local.providers.wire import UNKNOWN, Properties

FOREVER = "infinity"
ALREADY_HASHED = ("SCRAM-SHA-256$", "md5")

# property -> words of CREATE and ALTER ROLE when on and when off, and its column in pg_roles
SWITCHES = {
    "superuser": ("SUPERUSER", "NOSUPERUSER", "rolsuper"),
    "createDatabase": ("CREATEDB", "NOCREATEDB", "rolcreatedb"),
    "createRole": ("CREATEROLE", "NOCREATEROLE", "rolcreaterole"),
    "inherit": ("INHERIT", "NOINHERIT", "rolinherit"),
    "login": ("LOGIN", "NOLOGIN", "rolcanlogin"),
    "bypassRowLevelSecurity": ("BYPASSRLS", "NOBYPASSRLS", "rolbypassrls"),
    "replication": ("REPLICATION", "NOREPLICATION", "rolreplication"),
}
# property -> the setting it gives the role's sessions
SETTINGS = {
    "statementTimeout": "statement_timeout",
    "idleInTransactionSessionTimeout": "idle_in_transaction_session_timeout",
    "assumeRole": "role",
    "searchPaths": "search_path",
}
ONLY_IN_THE_STATE = ("password", "passwordWoVersion", "encrypted", "skipDropRole", "skipReassignOwned")


class Role(Resource[Server]):
    """A role; its ID is its name."""

    token = "postgresql:index/role:Role"
    properties = (
        Property("name", autonamed=True),
        Property("password", secret=True),
        Property("passwordWo", secret=True, write_only=True),
        Property("passwordWoVersion"),
        Property("encrypted"),
        Property("encryptedPassword", "boolean", default=True),
        Property("login", "boolean", default=False),
        Property("superuser", "boolean", default=False),
        Property("createDatabase", "boolean", default=False),
        Property("createRole", "boolean", default=False),
        Property("inherit", "boolean", default=True),
        Property("replication", "boolean", default=False),
        Property("bypassRowLevelSecurity", "boolean", default=False),
        Property("connectionLimit", "integer", default=-1, minimum=-1),
        Property("validUntil", default=FOREVER),
        Property("roles", "set"),
        Property("searchPaths", "list"),
        Property("statementTimeout", "integer", minimum=0),
        Property("idleInTransactionSessionTimeout", "integer", minimum=0),
        Property("assumeRole"),
        Property("skipDropRole", "boolean", default=False),
        Property("skipReassignOwned", "boolean", default=False),
    )

    @override
    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse two passwords, a write-only one without its version, and a search path PostgreSQL would cut in two."""
        if inputs.get("password") is not None and inputs.get("passwordWo") is not None:
            refusals.add("passwordWo", "it conflicts with password; give one of them")
        for one, other in (("passwordWo", "passwordWoVersion"), ("passwordWoVersion", "passwordWo")):
            if inputs.get(one) is not None and inputs.get(other) is None:
                refusals.add(other, f"it is required with {one}")
        for path in _known(inputs.get("searchPaths")):
            if ", " in path:
                refusals.add("searchPaths", f"{path!r} must not contain a comma and a space; write two entries")

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Make the role, its settings and its memberships in one transaction."""
        name = inputs["name"]

        def work(session: Session) -> Properties:
            """All of it in one transaction."""
            _check_that_passwords_can_be_read(client, session, inputs)
            session.execute(create_statement(inputs, _hashed(session, name, _password(inputs))))
            for statement in [*setting_statements(name, {}, inputs), *membership_statements(name, (), inputs.get("roles") or ())]:
                session.execute(statement)
            return _found(session, name)

        return name, _state(client, client.change(work), inputs)

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The role by its name."""
        name = state.get("name") or resource_id
        found = client.read(lambda session: _lookup(session, name, state.get("validUntil")))
        if found is None:
            return None
        return name, _state(client, found, state, login_checked=bool(state))

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Rename first, then change what differs, in one transaction."""
        name = new["name"]

        def work(session: Session) -> Properties:
            """All of it in one transaction."""
            _check_that_passwords_can_be_read(client, session, new)
            lock_role(session, old["name"])
            if old["name"] != name:
                session.execute(f"ALTER ROLE {identifier(old['name'])} RENAME TO {identifier(name)}")
            hashed = _hashed(session, name, _changed_password(old, new))
            statements = [
                *alter_statements(name, old, new, hashed),
                *setting_statements(name, old, new),
                *membership_statements(name, old.get("roles") or (), new.get("roles") or ()),
            ]
            for statement in statements:
                session.execute(statement)
            return _found(session, name, new.get("validUntil"))

        return _state(client, client.change(work), new)

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Hand what it owns in the admin's database to the admin, take its privileges there away, and drop it."""
        name = state.get("name") or resource_id

        def work(session: Session) -> None:
            if not role_exists(session, name):
                return
            lock_role(session, name)
            if not state.get("skipReassignOwned"):
                with acting_as(session, [name]):
                    session.execute(f"REASSIGN OWNED BY {identifier(name)} TO {identifier(session.user)}")
                    session.execute(f"DROP OWNED BY {identifier(name)}")
            if not state.get("skipDropRole"):
                session.execute(f"DROP ROLE {identifier(name)}")

        client.change(work)


def create_statement(inputs: Mapping[str, Any], password: str | None) -> str:
    """CREATE ROLE with every option said, so that the server's defaults do not matter."""
    options = [on if inputs.get(name) else off for name, (on, off, _) in SWITCHES.items()]
    options += [f"CONNECTION LIMIT {inputs['connectionLimit']:d}", f"VALID UNTIL {literal(_until(inputs))}"]
    if password is not None:
        options.append(f"PASSWORD {password}")
    return f"CREATE ROLE {identifier(inputs['name'])} WITH {' '.join(options)}"


def alter_statements(name: str, old: Mapping[str, Any], new: Mapping[str, Any], password: str | None) -> list[str]:
    """ALTER ROLE for what differs and nothing else: only a superuser may so much as mention some options."""
    options = [(on if new.get(key) else off) for key, (on, off, _) in SWITCHES.items() if bool(old.get(key)) != bool(new.get(key))]
    if old.get("connectionLimit", -1) != new["connectionLimit"]:
        options.append(f"CONNECTION LIMIT {new['connectionLimit']:d}")
    if _until(old) != _until(new):
        options.append(f"VALID UNTIL {literal(_until(new))}")
    if password is not None:
        options.append(f"PASSWORD {password}")
    return [f"ALTER ROLE {identifier(name)} WITH {' '.join(options)}"] if options else []


def setting_statements(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """ALTER ROLE SET for settings that differ, RESET for those no longer wanted."""
    statements = []
    for key, setting in SETTINGS.items():
        value = new.get(key)
        if (old.get(key) or None) == (value or None):
            continue
        words = identifiers(value) if isinstance(value, list) else identifier(value) if isinstance(value, str) else str(value)
        statements.append(f"ALTER ROLE {identifier(name)} " + (f"SET {setting} TO {words}" if value else f"RESET {setting}"))
    return statements


def membership_statements(name: str, old: Iterable[str], new: Iterable[str]) -> list[str]:
    """REVOKE and GRANT of the roles this role is a member of."""
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    revokes = [f"REVOKE {identifier(role)} FROM {identifier(name)}" for role in gone]
    return revokes + [f"GRANT {identifier(role)} TO {identifier(name)}" for role in come]


def settings_found(settings: Iterable[str]) -> Properties:
    """The properties behind a role's settings as the catalog keeps them (``name=value``)."""
    by_setting = dict(entry.split("=", 1) for entry in settings)
    found: Properties = {}
    for key, setting in SETTINGS.items():
        value = by_setting.get(setting)
        if value is None:
            continue
        if key == "searchPaths":
            found[key] = [part.strip('"') for part in value.split(", ")]
        else:
            found[key] = value if key == "assumeRole" else int(value)
    return found


def _lookup(session: Session, name: str, wanted_until: str | None = None) -> Properties | None:
    columns = ", ".join(column for _, _, column in SWITCHES.values())
    row = session.row(
        f"""SELECT {columns}, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity'), coalesce(rolconfig, '{{}}'),
        ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid ORDER BY 1)
        FROM pg_roles WHERE rolname = %s""",
        name,
    )
    if row is None:
        return None
    *switches, limit, until, settings, roles = row
    found = {"name": name, **dict(zip(SWITCHES, switches, strict=True)), "connectionLimit": limit, "roles": roles}
    found["validUntil"] = wanted_until if wanted_until and _same_moment(session, wanted_until, until) else until
    return {**found, **settings_found(settings)}


def _found(session: Session, name: str, wanted_until: str | None = None) -> Properties:
    found = _lookup(session, name, wanted_until)
    if found is None:
        raise vanished(f"role {name}")
    return found


def _same_moment(session: Session, wanted: str, found: str) -> bool:
    """Whether two spellings of a time are one: the server answers 2030-01-01 00:00:00+00 to 2030-01-01."""
    row = session.row("SELECT %s::timestamptz = %s::timestamptz", wanted, found)
    return row is not None and bool(row[0])


def _state(client: Server, found: Properties, known: Properties, *, login_checked: bool = False) -> Properties:
    """What was found, with what only Pulumi knows: the password and the flags. The server tells a password to superusers only."""
    kept: Properties = {key: known[key] for key in ONLY_IN_THE_STATE if key in known}
    if login_checked and client.superuser and found["login"] and kept.get("password"):
        kept["password"] = client.read(lambda session: _confirmed_password(client, session, found, kept["password"]))
    return {**dict.fromkeys(SETTINGS), **found, "encryptedPassword": True, **kept}


def _check_that_passwords_can_be_read(client: Server, session: Session, role: Mapping[str, Any]) -> None:
    """Refuse a password the provider would later fail to compare: the official plugin fails too, after it made the role."""
    if not (client.superuser and role.get("login") and role.get("password")):
        return
    row = session.row("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not row or not row[0]:
        raise BackendError(
            f"The password of the role {role['name']} cannot be read",
            why=f"{session.user} is not a superuser",
            remedy="set `superuser=False` on the postgresql provider, as the official plugin asks for too",
        )


def _confirmed_password(client: Server, session: Session, found: Mapping[str, Any], known: str) -> str:
    """The password in the state where the server's may be the same, else what the server has, so that it shows as changed."""
    name = found["name"]
    _check_that_passwords_can_be_read(client, session, {**found, "password": known})
    row = session.row("SELECT coalesce(passwd, '') FROM pg_shadow WHERE usename = %s", name)
    stored = str(row[0]) if row else ""
    if not stored or known.startswith(ALREADY_HASHED):
        return stored
    if stored.startswith("md5"):
        same = stored == "md5" + hashlib.md5((known + name).encode()).hexdigest()
        return known if same else stored
    return known


def _password(inputs: Mapping[str, Any]) -> str | None:
    return inputs.get("password") or inputs.get("passwordWo") or None


def _changed_password(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The password to set: a changed one, or (it is salted with the name) the same one under a new name."""
    if new.get("passwordWo"):
        return str(new["passwordWo"]) if old.get("passwordWoVersion") != new.get("passwordWoVersion") else None
    changed = old.get("password") != new.get("password") or old["name"] != new["name"]
    return _password(new) if changed else None


def _hashed(session: Session, name: str, password: str | None) -> str | None:
    """The words after PASSWORD; hashed here, so that no server log ever holds a password."""
    if password is None:
        return None
    if password.upper() == "NULL":
        return "NULL"
    return literal(password if password.startswith(ALREADY_HASHED) else session.scram(password, name))


def _until(properties: Mapping[str, Any]) -> str:
    until = properties.get("validUntil") or FOREVER
    return FOREVER if until.lower() == FOREVER else str(until)


def _known(value: Any) -> list[str]:
    return [part for part in value if part is not UNKNOWN] if isinstance(value, list) else []
