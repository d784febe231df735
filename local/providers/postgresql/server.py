"""The connection to a PostgreSQL server: bounded waits, transactions repeated when they collide, errors in plain words."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from local.providers.errors import BackendError
from local.providers.postgresql.membership import acting_as
from local.providers.postgresql.session import Session

if TYPE_CHECKING:
    import psycopg

Result = TypeVar("Result")

LONGEST_CONNECT_SECONDS = 10  # the SDK always sends 180 when the program says nothing: too long to wait for a wrong address
ATTEMPTS = 12
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
FAILURE_REMEMBERED_SECONDS = 30  # one message soon, instead of every resource waiting for the same dead server
COLLISIONS = ("40001", "40P01", "55006")  # serialization failure, deadlock, object (a template database) in use


class NotAdmitted(BackendError):
    """The database exists and the admin may not connect to it."""


@dataclass(frozen=True)
class Address:
    """Where the server is and who we are there."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: str
    sslrootcert: str = ""
    sslcert: str = ""
    sslkey: str = ""
    connect_seconds: int = LONGEST_CONNECT_SECONDS

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Server:
    """One PostgreSQL server. Connects when it is first needed; safe to use from several threads."""

    def __init__(self, address: Address, *, superuser: bool, connections_at_most: int, cancelled: threading.Event) -> None:
        self.address = address
        self.superuser = superuser
        self._places = threading.BoundedSemaphore(max(1, connections_at_most))
        self._changes = threading.RLock()
        self._cancelled = cancelled
        self._failure: tuple[float, BackendError] | None = None

    @property
    def database(self) -> str:
        """The database that statements about roles and databases run in."""
        return self.address.database

    def read(self, work: Callable[[Session], Result], database: str = "") -> Result:
        """Look something up."""
        return self._run(work, database)

    def change(self, work: Callable[[Session], Result], database: str = "", *, transaction: bool = True) -> Result:
        """Do ``work`` in one transaction (without one where PostgreSQL wants none), again from its start when it collides.

        PostgreSQL answers two grants on one object at a time with "tuple concurrently updated"; that is no failure. Changes
        of one provider go one after the other, so that none ends a membership another one still needs.
        """
        with self._changes:
            return self._run(work, database, transaction=transaction)

    def _run(self, work: Callable[[Session], Result], database: str, *, transaction: bool = True) -> Result:
        import psycopg

        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.session(database) as session, session.connection.transaction() if transaction else nullcontext():
                    return work(session)
            except psycopg.Error as error:
                if not is_collision(error) or attempt == ATTEMPTS or self._cancelled.is_set():
                    raise in_plain_words(error) from None
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def session(self, database: str = "") -> Iterator[Session]:
        """A connection of its own, closed at the end: an open one would keep its database from being dropped."""
        with self._places:
            try:
                connection = self._connected(database or self.database)
            except NotAdmitted:
                connection = self._admitted(database)
            try:
                yield Session(connection, self.address.user)
            finally:
                connection.close()

    def _connected(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        if self._failure and time.monotonic() - self._failure[0] < FAILURE_REMEMBERED_SECONDS:
            raise self._failure[1]
        address = self.address
        files = {"sslrootcert": address.sslrootcert, "sslcert": address.sslcert, "sslkey": address.sslkey}
        certificates: dict[str, Any] = {key: value for key, value in files.items() if value}
        try:
            return psycopg.connect(
                host=address.host, port=address.port, user=address.user, password=address.password, dbname=database,
                sslmode=address.sslmode, connect_timeout=address.connect_seconds, autocommit=True, application_name="pulumi",
                **certificates,
            )  # fmt: skip
        except psycopg.Error as error:
            failure = connection_failure(address, database, str(error))
            if 'database "' not in str(error):  # what is wrong with one database says nothing about the server
                self._failure = (time.monotonic(), failure)
            raise failure from None

    def _admitted(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to a database closed to the public: the admin is its owner for the moment it takes to connect."""
        with self._changes, self._connected(self.database) as connection:
            session = Session(connection, self.address.user)
            owner = session.row("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = %s", database)
            with acting_as(session, owner or ()):
                return self._connected(database)


def is_collision(error: psycopg.Error) -> bool:
    """Whether the same transaction, begun again, may well succeed."""
    concurrent = error.sqlstate == "XX000" and "concurrently" in str(error)
    same_row = error.sqlstate == "23505" and (error.diag.constraint_name or "").startswith("pg_")  # both made one membership
    return concurrent or same_row or error.sqlstate in COLLISIONS


def in_plain_words(error: psycopg.Error) -> BackendError:
    """The server's own words: its message, then its detail and hint."""
    parts = [error.diag.message_detail, error.diag.message_hint]
    detail = " ".join(part for part in parts if part)
    return BackendError(f"PostgreSQL: {error.diag.message_primary or str(error).strip() or type(error).__name__}", why=detail)


def connection_failure(address: Address, database: str, message: str) -> BackendError:
    """One message for a failed connection, by what libpq said of it."""
    where = f"PostgreSQL at {address}"
    said = " ".join(message.split())
    if "authentication failed" in said or "no password supplied" in said:
        remedy = "check the provider's username and password (or PGUSER and PGPASSWORD)"
        return BackendError(f"{where} refused the user {address.user}", why="wrong user or password", remedy=remedy)
    if "no pg_hba.conf entry" in said:
        return BackendError(
            f"{where} refused the user {address.user}",
            why=f"its pg_hba.conf lets no such connection to {database} in from here",
            remedy="check the server's pg_hba.conf, and that the provider's sslmode is the one it asks for",
        )
    if "certificate" in said or "SSL" in said:
        remedy = "check the provider's sslmode and sslrootcert: the file must hold the CA that signed the server's certificate"
        return BackendError(f"{where} could not be trusted", why=said, remedy=remedy)
    if "User does not have CONNECT privilege" in said:
        return NotAdmitted(
            f"{where} does not let {address.user} into the database {database}",
            why="it is closed to the public and belongs to another role",
            remedy=f"grant {address.user} CONNECT on it, or membership in its owner",
        )
    if f'database "{database}" does not exist' in said:
        return BackendError(f"{where} has no database {database}", remedy="run `pulumi refresh`, then `pulumi up`")
    timed_out = "timeout" in said or "timed out" in said
    why = f"no answer within {address.connect_seconds} s" if timed_out else said
    remedy = (
        f"check that the server runs and can be reached from here (nc -vz {address.host} {address.port}), then run the same command again"
    )
    return BackendError(f"{where} cannot be reached", why=why, remedy=remedy)
