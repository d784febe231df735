"""A test's own corner of a server: names nobody else has, a look at the server past the plugin, and the clean-up."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import psycopg

from local.providers.postgresql.quoting import identifier
from local.providers.wire import Properties
from tests.providers.plugin import Plugin, Refused, Thing
from tests.providers.private_servers import Backend

ROLE = "postgresql:index/role:Role"
DATABASE = "postgresql:index/database:Database"
VHOST = "rabbitmq:index/vHost:VHost"
USER = "rabbitmq:index/user:User"


class PostgresLab:
    """PostgreSQL, by the plugin and directly."""

    def __init__(self, plugin: Plugin, server: Backend, name: str) -> None:
        self.plugin = plugin
        self.server = server
        self.name = name

    def connect(self, database: str = "postgres", user: str = "", password: str = "") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of one's own, as the admin or as somebody else."""
        return psycopg.connect(
            host=self.server.host, port=self.server.port, dbname=database, user=user or self.server.user,
            password=password or self.server.password, sslmode=self.server.sslmode, sslrootcert=str(self.server.ca), connect_timeout=10,
            autocommit=True,
        )  # fmt: skip

    def rows(self, query: str, *parameters: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of a query, by the admin."""
        with self.connect(database) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def run(self, statement: str, database: str = "postgres", owner: str = "") -> None:
        """A statement behind Pulumi's back, by the admin or by him as a member of ``owner``."""
        with self.connect(database) as connection:
            if owner:
                options = " WITH INHERIT TRUE, SET TRUE" if connection.info.server_version >= 160000 else ""
                connection.execute(f"GRANT {identifier(owner)} TO {identifier(self.server.user)}{options}".encode())
            try:
                connection.execute(statement.encode())
            finally:
                if owner:
                    connection.execute(f"REVOKE {identifier(owner)} FROM {identifier(self.server.user)}".encode())

    def role(self, suffix: str, **inputs: Any) -> Thing:
        """A role of this test."""
        return self.plugin.make(ROLE, {"name": f"{self.name}_{suffix}", **inputs})

    def database(self, suffix: str = "db", **inputs: Any) -> Thing:
        """A database of this test."""
        return self.plugin.make(DATABASE, {"name": f"{self.name}_{suffix}", **inputs})

    def admins_memberships(self) -> list[str]:
        """This test's roles that the admin is a useful member of: none should stay behind, unless the server is set to make him one."""
        if self.rows("SELECT coalesce(current_setting('createrole_self_grant', true), '')") != [("",)]:
            return []
        useful = " AND (set_option OR inherit_option)" if self.rows("SHOW server_version_num") >= [("160000",)] else ""
        query = f"SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = current_user::regrole{useful}"
        return [role for (role,) in self.rows(query) if role.startswith(self.name)]

    def clean(self) -> None:
        """Remove what the test made, databases before roles."""
        for token in (None, DATABASE, ROLE):
            for thing in reversed(self.plugin.made):
                wanted = thing.token == token or (token is None and thing.token not in (DATABASE, ROLE))
                if wanted:
                    with suppress(Refused):
                        thing.delete()
        left = self.rows("SELECT datname::text FROM pg_database WHERE datname LIKE %s", f"{self.name}%")
        left += self.rows("SELECT rolname::text FROM pg_roles WHERE rolname LIKE %s", f"{self.name}%")
        assert not left, f"the test left {left} behind"


class RabbitLab:
    """RabbitMQ, by the plugin and directly."""

    def __init__(self, plugin: Plugin, server: Backend, name: str) -> None:
        self.plugin = plugin
        self.server = server
        self.name = name
        self._http = httpx.Client(
            base_url=f"https://{server.host}:{server.port}/api", auth=(server.user, server.password),
            verify=ssl.create_default_context(cafile=str(server.ca)), timeout=30,
        )  # fmt: skip

    def api(self, method: str, *path: str, body: Properties | None = None) -> Any:
        """A request behind Pulumi's back; None where there is nothing."""
        response = self._http.request(method, "/" + "/".join(quote(part, safe="") for part in path), json=body)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return response.json() if response.content else {}

    def can_sign_in(self, user: str, password: str) -> bool:
        """Whether the server takes the password."""
        return self._http.get("/whoami", auth=(user, password)).status_code == 200

    @property
    def version(self) -> tuple[int, ...]:
        """The server's version, such as (3, 10, 8)."""
        return tuple(int(part) for part in self.api("GET", "overview")["rabbitmq_version"].split("-")[0].split("."))

    def vhost(self, suffix: str = "vhost", **inputs: Any) -> Thing:
        """A vhost of this test."""
        return self.plugin.make(VHOST, {"name": f"{self.name}/{suffix}", **inputs})

    def user(self, suffix: str = "user", **inputs: Any) -> Thing:
        """A user of this test."""
        return self.plugin.make(USER, {"name": f"{self.name}_{suffix}", "password": "pässword-1", **inputs})

    def clean(self) -> None:
        """Remove what the test made."""
        for kind in ("vhosts", "users"):
            for entry in self.api("GET", kind):
                if entry["name"].startswith(self.name):
                    self.api("DELETE", kind, entry["name"])
        self._http.close()
