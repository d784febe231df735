"""Acting for another role without being a superuser: the admin joins it for a moment, as the official provider does.

Before PostgreSQL 16 CREATEROLE may grant any role but a superuser; from 16 on only roles it holds ADMIN of, which are those
it created itself. Then the creator is a member that may neither SET ROLE nor inherit, so it has to join all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from local.providers.postgresql.quoting import identifier
from local.providers.postgresql.session import Session

PUBLIC = "public"
SINCE_SET_OPTION = 16  # pg_auth_members.set_option, GRANT … WITH INHERIT TRUE, SET TRUE


@contextmanager
def acting_as(session: Session, roles: Iterable[str]) -> Iterator[None]:
    """Be a member of ``roles`` for the body; memberships that were there before stay."""
    joined = [role for role in dict.fromkeys(roles) if _join(session, role)]
    try:
        yield
    finally:
        if not session.failed:  # else the rollback takes the membership back
            for role in joined:
                _leave(session, role)


def lock_role(session: Session, role: str) -> None:
    """Hold, until the transaction ends, the advisory lock of a role and its members: the official provider's own."""
    session.execute("SET LOCAL statement_timeout = 0")
    session.row("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_roles WHERE rolname = %s", role)
    members = "SELECT pg_advisory_xact_lock(member::bigint) FROM pg_auth_members JOIN pg_roles ON roleid = pg_roles.oid WHERE rolname = %s"
    session.column(members, role)


def lock_database(session: Session, database: str) -> None:
    """Hold, until the transaction ends, the advisory lock of a database."""
    session.row("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_database WHERE datname = %s", database)


def role_exists(session: Session, role: str) -> bool:
    """Whether there is such a role."""
    return session.row("SELECT 1 FROM pg_roles WHERE rolname = %s", role) is not None


def _join(session: Session, role: str) -> bool:
    """Become a member of ``role`` where needed; True when the membership is ours to end."""
    if role == PUBLIC or not _needs_to_join(session, role):
        return False
    already = _is_direct_member(session, role)
    options = " WITH INHERIT TRUE, SET TRUE" if session.version >= SINCE_SET_OPTION else ""
    session.execute(f"GRANT {identifier(role)} TO {identifier(session.user)}{options}")
    return not already


def _leave(session: Session, role: str) -> None:
    if role_exists(session, role):
        session.execute(f"REVOKE {identifier(role)} FROM {identifier(session.user)}")


def _needs_to_join(session: Session, role: str) -> bool:
    modes = ("USAGE", "SET") if session.version >= SINCE_SET_OPTION else ("USAGE",)
    held = " AND ".join(f"pg_has_role(current_user, oid, '{mode}')" for mode in modes)
    row = session.row(f"SELECT rolsuper OR ({held}) FROM pg_roles WHERE rolname = %s", role)
    return row is not None and not row[0]


def _is_direct_member(session: Session, role: str) -> bool:
    by_us = " AND grantor = current_user::regrole" if session.version >= SINCE_SET_OPTION else ""
    query = f"SELECT 1 FROM pg_auth_members WHERE roleid = %s::regrole AND member = current_user::regrole{by_us}"
    return session.row(query, identifier(role)) is not None
