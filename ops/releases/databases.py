"""An environment's databases at a release: which scripts they have had, and a dump before a rollout that migrates them."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console
from ops.errors import PlatformError
from ops.kubernetes import get_items
from ops.process import run
from settings.load import Settings

if TYPE_CHECKING:
    import psycopg

CONTEXT_LABEL = "app.kubernetes.io/name"
OWNER_KEYS = ("FLYWAY_URL", "FLYWAY_USER", "FLYWAY_PASSWORD")
CONNECT_TIMEOUT_SECONDS = 5
NO_TABLE = "42P01"
"""undefined_table: https://www.postgresql.org/docs/current/errcodes-appendix.html."""


@dataclass(frozen=True)
class Owner:
    """How a context's database owner signs in."""

    context: str
    host: str
    port: int
    database: str
    user: str
    password: str


def owners(environment: str) -> list[Owner]:
    """The databases of an environment, by the Secrets that its migrations use; empty before its first deploy."""
    return _owners(get_items(environment, "secrets"))


def _owners(secrets: Iterable[Mapping[str, Any]]) -> list[Owner]:
    newest: dict[str, tuple[str, Owner]] = {}
    for item in secrets:
        data = item.get("data") or {}
        if not all(key in data for key in OWNER_KEYS):
            continue
        url, user, password = (base64.b64decode(data[key]).decode() for key in OWNER_KEYS)
        place, _, database = url.removeprefix("jdbc:postgresql://").partition("?")[0].partition("/")
        host, _, port = place.partition(":")
        context, made = item["metadata"]["labels"][CONTEXT_LABEL], str(item["metadata"].get("creationTimestamp", ""))
        if context not in newest or newest[context][0] < made:  # a failed deploy may have left an older one beside it
            newest[context] = (made, Owner(context, host, int(port or 5432), database, user, password))
    return [owner for _, owner in newest.values()]


def applied_scripts(found: Sequence[Owner], ca_certificate_path: str) -> dict[str, list[str]]:
    """The scripts that each context's database has had, oldest first, as Flyway's history names them.

    Raises PlatformError for a database that does not answer: without knowing them nothing is returned to.
    """
    return {context: [script for script, _ in history] for context, history in _histories(found, ca_certificate_path).items()}


def versions(found: Sequence[Owner], ca_certificate_path: str) -> dict[str, str]:
    """Flyway's version of each context's database; empty where it has had no versioned script."""
    return {
        context: next((version for _, version in reversed(history) if version), "")
        for context, history in _histories(found, ca_certificate_path).items()
    }


def _histories(found: Sequence[Owner], ca_certificate_path: str) -> dict[str, list[tuple[str, str]]]:
    """(script, version) of all that each context's database has had, oldest first."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda owner: _history(owner, ca_certificate_path), found))
    return {owner.context: answer for owner, answer in zip(found, answers, strict=True)}


def connect(owner: Owner, ca_certificate_path: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Sign in as a database's owner, the server verified against the platform CA; raises psycopg.Error."""
    import psycopg

    return psycopg.connect(
        host=owner.host,
        port=owner.port,
        dbname=owner.database,
        user=owner.user,
        password=owner.password,
        sslmode="verify-full",
        sslrootcert=ca_certificate_path,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
    )


def clock(owner: Owner, ca_certificate_path: str) -> datetime:
    """What time it is on a database's machine, by which its backups are restored; raises PlatformError when it does not answer."""
    import psycopg

    try:
        with connect(owner, ca_certificate_path) as connection:
            [(now,)] = connection.execute("SELECT clock_timestamp()").fetchall()
    except psycopg.Error as failed:
        raise _silent(owner, failed) from failed
    moment: datetime = now
    return moment.astimezone(UTC)


def _silent(owner: Owner, failed: psycopg.Error) -> PlatformError:
    return PlatformError(
        f"The database {owner.database} does not answer.", why=str(failed).strip(), remedy="./hs status shows what is reachable"
    )


def _history(owner: Owner, ca_certificate_path: str) -> list[tuple[str, str]]:
    import psycopg

    try:
        with connect(owner, ca_certificate_path) as connection:
            rows = connection.execute("SELECT script, version FROM flyway_schema_history WHERE success ORDER BY installed_rank").fetchall()
    except psycopg.Error as failed:
        if failed.sqlstate == NO_TABLE:
            return []
        raise _silent(owner, failed) from failed
    return [(str(script), str(version or "")) for script, version in rows]


def pending(applied: Mapping[str, Sequence[str]], settings: Settings) -> dict[str, list[str]]:
    """The scripts of a checkout that the databases have not had, by context; contexts with none are left out."""
    found = {
        context: [name for name in sorted(migrations.scripts) if name.startswith("V") and name not in applied.get(context, ())]
        for context, migrations in settings.migrations.items()
    }
    return {context: scripts for context, scripts in found.items() if scripts}


def dump_folder() -> Path:
    """Where dumps are kept: $HS_DUMPS, or the user's data folder."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(os.environ.get("HS_DUMPS") or Path(base) / "highstreetly" / "dumps")


def dump(found: Sequence[Owner], environment: str, number: int, ca_certificate_path: str) -> list[Path]:
    """Write a dump of each database in pg_dump's custom format, which pg_restore reads; readable by their owner only.

    Raises PlatformError when pg_dump is not installed or fails: nothing was changed then.
    """
    if not found:
        return []
    if not shutil.which("pg_dump"):
        raise PlatformError(
            "The databases cannot be dumped before they are migrated.",
            why="pg_dump is not installed.",
            remedy="install PostgreSQL's client (Debian: apt-get install postgresql-client), or run it with --no-dump",
        )
    folder = dump_folder() / environment / f"{number:04d}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with console.step(f"Dumping {len(found)} databases to {folder}") as step:
        for owner in found:
            step.note(owner.database)
            _dump(owner, folder / f"{owner.database}.dump", ca_certificate_path)
    return [folder / f"{owner.database}.dump" for owner in found]


def _dump(owner: Owner, target: Path, ca_certificate_path: str) -> None:
    partial = target.with_suffix(".partial")
    partial.touch(mode=0o600)
    run(
        ["pg_dump", "--format=custom", "--no-password", f"--file={partial}"],
        env={
            "PGHOST": owner.host,
            "PGPORT": str(owner.port),
            "PGDATABASE": owner.database,
            "PGUSER": owner.user,
            "PGPASSWORD": owner.password,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": ca_certificate_path,
        },
        what=f"The database {owner.database} could not be dumped; nothing was changed.",
        remedy="mend the cause, then run the same command again",
    )
    partial.rename(target)
