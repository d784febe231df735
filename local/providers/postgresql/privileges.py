"""What may be granted on what, and whether what is granted is what was wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local.providers.properties import Refusals
from local.providers.wire import UNKNOWN

ALL = "ALL"
# https://www.postgresql.org/docs/current/sql-grant.html; MAINTAIN since PostgreSQL 17
ALLOWED = {
    "database": ("CREATE", "CONNECT", "TEMPORARY"),
    "table": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
    "sequence": ("USAGE", "SELECT", "UPDATE"),
    "schema": ("CREATE", "USAGE"),
    "function": ("EXECUTE",),
    "procedure": ("EXECUTE",),
    "routine": ("EXECUTE",),
    "type": ("USAGE",),
    "foreign_data_wrapper": ("USAGE",),
    "foreign_server": ("USAGE",),
    "column": ("SELECT", "INSERT", "UPDATE", "REFERENCES"),
}
OPTIONAL = frozenset({"MAINTAIN"})  # older servers have ALL without it


def check_privileges(object_type: Any, privileges: Any, refusals: Refusals) -> None:
    """Refuse privileges the type of object does not have."""
    if object_type is UNKNOWN or privileges is UNKNOWN or object_type not in ALLOWED:
        return
    allowed = (ALL, *ALLOWED[object_type])
    for index, privilege in enumerate(privileges or ()):
        if privilege is not UNKNOWN and privilege not in allowed:
            refusals.add(f"privileges[{index}]", f"{privilege!r} is no privilege on a {object_type}; there are {', '.join(allowed)}")


def settled(object_type: str, wanted: Iterable[str], granted: Iterable[str]) -> list[str]:
    """The privileges as the state should tell them: as they were wanted where that is what is granted, else what is granted."""
    wanted, found = list(wanted), set(granted)
    everything = set(ALLOWED[object_type])
    if set(wanted) == found or (ALL in wanted and everything - OPTIONAL <= found):
        return wanted
    return sorted(found)
