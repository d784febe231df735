"""Membership of one role in another."""

from __future__ import annotations

from typing_extensions import override

from local.providers.base import Resource
from local.providers.postgresql.membership import SINCE_SET_OPTION, lock_role, role_exists
from local.providers.postgresql.quoting import identifier
from local.providers.postgresql.server import Server
from local.providers.postgresql.session import Session
from local.providers.properties import Property
from local.providers.wire import Properties


class GrantRole(Resource[Server]):
    """A membership; its ID is ``role_grantedrole_adminoption``."""

    token = "postgresql:index/grantRole:GrantRole"
    importable = False
    deletes_before_replacing = True  # else deleting the old one would revoke what the new one has just granted
    properties = (
        Property("role", required=True, replaces=True),
        Property("grantRole", required=True, replaces=True),
        Property("withAdminOption", "boolean", default=False, replaces=True),
    )

    @override
    def create(self, client: Server, inputs: Properties) -> tuple[str, Properties]:
        """Grant the membership anew, so that it has exactly the option asked for."""
        option = " WITH ADMIN OPTION" if inputs.get("withAdminOption") else ""

        def work(session: Session) -> None:
            lock_role(session, inputs["role"])
            if _lookup(session, inputs) is not None:
                session.execute(_revoke(inputs))
            session.execute(f"GRANT {identifier(inputs['grantRole'])} TO {identifier(inputs['role'])}{option}")

        client.change(work)
        return _id(inputs), inputs

    @override
    def read(self, client: Server, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The membership, with its option as it is now."""
        option = client.read(lambda session: _lookup(session, state))
        if option is None:
            return None
        found = {**state, "withAdminOption": option}
        return _id(found), found

    @override
    def update(self, client: Server, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Every property makes a new one."""
        return {**old, **new}

    @override
    def delete(self, client: Server, resource_id: str, state: Properties) -> None:
        """Revoke it; when either role is gone, so is the membership."""

        def work(session: Session) -> None:
            if role_exists(session, state["role"]) and role_exists(session, state["grantRole"]):
                lock_role(session, state["role"])
                session.execute(_revoke(state))

        client.change(work)


def _id(properties: Properties) -> str:
    return f"{properties['role']}_{properties['grantRole']}_{'true' if properties.get('withAdminOption') else 'false'}"


def _revoke(properties: Properties) -> str:
    return f"REVOKE {identifier(properties['grantRole'])} FROM {identifier(properties['role'])}"


def _lookup(session: Session, properties: Properties) -> bool | None:
    """The admin option of the membership, None without one.

    Since PostgreSQL 16 who creates a role administers it without being a member in any useful way; that row does not count.
    """
    useful = " AND (set_option OR inherit_option)" if session.version >= SINCE_SET_OPTION else ""
    row = session.row(
        f"""SELECT bool_or(admin_option) FROM pg_auth_members
        WHERE pg_get_userbyid(member) = %s AND pg_get_userbyid(roleid) = %s{useful} HAVING count(*) > 0""",
        properties["role"], properties["grantRole"],
    )  # fmt: skip
    return None if row is None else bool(row[0])
