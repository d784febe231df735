"""One connection to a PostgreSQL server, as the resources use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.providers.errors import BackendError

if TYPE_CHECKING:
    import psycopg

NOTHING_GRANTED = ("01006", "01007")  # privilege not revoked, privilege not granted: only a warning to the server


class Session:
    """One connection: rows in, statements out."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], user: str) -> None:
        self.connection = connection
        self.user = user
        self._ignored: list[str] = []
        connection.add_notice_handler(self._notice)

    @property
    def version(self) -> int:
        """The server's major version, such as 15."""
        return self.connection.info.server_version // 10000

    @property
    def failed(self) -> bool:
        """Whether the transaction (or the connection) is beyond use: only its rollback is left."""
        return self.connection.info.transaction_status.name in ("INERROR", "UNKNOWN")

    def row(self, query: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        return self.connection.execute(query, parameters).fetchone()

    def column(self, query: str, *parameters: Any) -> list[Any]:
        """The first column of every row of a query."""
        return [row[0] for row in self.connection.execute(query, parameters).fetchall()]

    def execute(self, statement: str) -> None:
        """Run a statement that defines something."""
        self.connection.execute(statement.encode())

    def execute_fully(self, statement: str) -> None:
        """Run a GRANT or REVOKE; the server's mere warning that nothing was done is a failure here."""
        self._ignored.clear()
        self.execute(statement)
        if self._ignored:
            raise BackendError(
                f"PostgreSQL did nothing for: {statement}",
                why=self._ignored[0],
                remedy=f"make {self.user} a member of the object's owner (a GrantRole), or run as the owner",
            )

    def scram(self, password: str, role: str) -> str:
        """The password as the server would store it, so that it never stands in the server's own log."""
        algorithm = self.row("SHOW password_encryption")
        method = str(algorithm[0]) if algorithm else "scram-sha-256"
        hashed = self.connection.pgconn.encrypt_password(password.encode(), role.encode(), method.encode())
        return hashed.decode()

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate in NOTHING_GRANTED:
            self._ignored.append(notice.message_primary or "nothing was granted")
