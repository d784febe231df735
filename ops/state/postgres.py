"""State in PostgreSQL (`postgres://`): the shared stacks, wherever they are deployed from."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ops.errors import PlatformError
from ops.state.locks import Holder, read_holders
from ops.state.state import POLL_SECONDS, State, end_run

if TYPE_CHECKING:
    import psycopg

DEFAULT_TABLE = "pulumi_state"
TABLE_PARAMETER = "table"
"""The one parameter of the URL that is the engine's, not libpq's (pulumi v3.259.0, pkg/backend/diy/postgres)."""
WATCH_SECONDS = 1.0
"""How often a run asks whether its turn is still its own."""
CONNECT_TIMEOUT_SECONDS = 10
UNREACHABLE_MILLISECONDS = 6_000
"""A run that cannot reach the server knows it after WATCH_SECONDS and this, and ends; the server gives its turn away after 10 s."""
SERVER_SIDE = "-c tcp_keepalives_idle=4 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
"""After how long the server ends a session whose client is gone (seconds, and milliseconds)."""
TABLES = """\
CREATE TABLE IF NOT EXISTS highstreetly_documents (
    collection text NOT NULL, environment text NOT NULL, number integer NOT NULL, document jsonb NOT NULL,
    PRIMARY KEY (collection, environment, number));
CREATE TABLE IF NOT EXISTS highstreetly_turns (stack text PRIMARY KEY, holders jsonb NOT NULL)"""
TURN = "hashtextextended(%s, 20261123)"
"""The number of a stack's advisory lock; the seed keeps it apart from other programs' locks."""


class PostgresState(State):
    """A table of the engine's and two of the platform's own. The turn is an advisory lock of a session, and ends with it."""

    def __init__(self, url: str, project: str) -> None:
        super().__init__(project)
        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        self.table = parameters.pop(TABLE_PARAMETER, DEFAULT_TABLE)
        self.url = urlunsplit(parts._replace(query=urlencode(parameters)))
        self.prefix = parts.path.strip("/")
        """What every key begins with: the database's name, as in a bucket's URL."""
        self.address = f"{parts.hostname}:{parts.port or 5432}"
        self.tables_made = False

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection of its own, each statement a transaction; raises PlatformError when the server does not answer or refuses."""
        import psycopg

        try:
            with psycopg.connect(
                self.url,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                tcp_user_timeout=UNREACHABLE_MILLISECONDS,
                options=SERVER_SIDE,
            ) as connection:
                if not self.tables_made:
                    connection.execute("SELECT pg_advisory_lock(20261123)")  # two at once would both make them
                    connection.execute(TABLES)
                    connection.execute("SELECT pg_advisory_unlock(20261123)")
                    self.tables_made = True
                yield connection
        except psycopg.Error as failed:
            raise PlatformError(
                f"The state at {self.address} does not answer.", why=str(failed).strip(), remedy="see docs/runbooks/mend-state.md"
            ) from failed

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def _engine_rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the engine's table; none before the engine has made it."""
        from psycopg.errors import UndefinedTable

        with self.connect() as connection:
            try:
                return connection.execute(query, values).fetchall()
            except UndefinedTable:
                return []

    def keys(self, prefix: str) -> list[str]:
        """The rows whose key begins with ``prefix``."""
        rows = self._engine_rows(f"SELECT key FROM {self.table} WHERE starts_with(key, %s) ORDER BY key", f"{self.prefix}/{prefix}")
        return [str(row[0]).removeprefix(f"{self.prefix}/") for row in rows]

    def read(self, key: str) -> bytes | None:
        """A row's content, which the engine writes as {"data": "base64"} (pulumi v3.259.0, pkg/backend/diy/postgres/bucket.go)."""
        rows = self._engine_rows(f"SELECT data->>'data' FROM {self.table} WHERE key = %s", f"{self.prefix}/{key}")
        return base64.b64decode(rows[0][0]) if rows else None

    def delete(self, key: str) -> None:
        """Delete a row."""
        self._query(f"DELETE FROM {self.table} WHERE key = %s", f"{self.prefix}/{key}")

    def read_documents(self, collection: str, environment: str) -> list[tuple[int, dict[str, Any]]]:
        """The documents, one row each."""
        query = "SELECT number, document FROM highstreetly_documents WHERE collection = %s AND environment = %s ORDER BY number"
        return [(int(row[0]), dict(row[1])) for row in self._query(query, collection, environment)]

    def append_document(self, collection: str, environment: str, document: dict[str, Any]) -> int:
        """Write a new row; whoever appends to the same collection at the same time waits for this one's number."""
        with self.connect() as connection, connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({TURN})", (f"{collection}/{environment}",))
            row = connection.execute(
                "INSERT INTO highstreetly_documents SELECT %s, %s, coalesce(max(number), 0) + 1, %s FROM highstreetly_documents "
                "WHERE collection = %s AND environment = %s RETURNING number",
                (collection, environment, json.dumps(document), collection, environment),
            ).fetchone()
            assert row
            return int(row[0])

    def write_document(self, collection: str, environment: str, number: int, document: dict[str, Any]) -> None:
        """Replace a row."""
        query = "INSERT INTO highstreetly_documents VALUES (%s, %s, %s, %s) ON CONFLICT (collection, environment, number) "
        self._query(query + "DO UPDATE SET document = excluded.document", collection, environment, number, json.dumps(document))

    def delete_document(self, collection: str, environment: str, number: int) -> None:
        """Delete a row."""
        query = "DELETE FROM highstreetly_documents WHERE collection = %s AND environment = %s AND number = %s"
        self._query(query, collection, environment, number)

    @contextmanager
    def hold(self, stack: str, mine: Holder, on_wait: Callable[[Holder | None], None]) -> Iterator[list[Holder]]:
        """Hold the stack's advisory lock in a session of its own; the holders stand in a row.

        When the session ends before the body does, somebody else may have the turn: then this process ends, and its engine with it.
        """
        name = f"{self.project}/{stack}"
        with self.connect() as session:
            while not _try_lock(session, name):
                on_wait(next(reversed(_read(session, name)), None))
                time.sleep(POLL_SECONDS)
            with _watched(session, stack):
                earlier = _read(session, name)
                self.note_holders(stack, [*earlier, mine])
                yield earlier

    def note_holders(self, stack: str, holders: Sequence[Holder]) -> None:
        """Replace the stack's row."""
        query = "INSERT INTO highstreetly_turns VALUES (%s, %s) ON CONFLICT (stack) DO UPDATE SET holders = excluded.holders"
        self._query(query, f"{self.project}/{stack}", json.dumps([holder.as_document() for holder in holders]))


@contextmanager
def _watched(session: psycopg.Connection[tuple[Any, ...]], stack: str) -> Iterator[None]:
    """Look after a session while the body runs, and end this process when the session is lost."""
    import psycopg

    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            try:
                session.execute("SELECT 1")
            except psycopg.Error as lost:
                if over.is_set():
                    return
                end_run(stack, str(lost).strip())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _try_lock(session: psycopg.Connection[tuple[Any, ...]], name: str) -> bool:
    row = session.execute(f"SELECT pg_try_advisory_lock({TURN})", (name,)).fetchone()
    return bool(row and row[0])


def _read(session: psycopg.Connection[tuple[Any, ...]], name: str) -> list[Holder]:
    row = session.execute("SELECT holders FROM highstreetly_turns WHERE stack = %s", (name,)).fetchone()
    return read_holders(row[0]) if row else []
