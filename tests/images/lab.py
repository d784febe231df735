"""Real servers and the product's images, in containers on a network of the tests' own."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import websocket  # the one that selenium brings
from psycopg import sql

from local.estate import CHECKOUT
from ops.process import run

HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:rw,mode=1777")
SERVER = "servers"
VHOST = "kind"


def docker(*words: str | Path, check: bool = True, text: str | None = None) -> str:
    """The output of a docker command."""
    return run(["docker", *words], check=check, input=text).stdout.strip()


def eventually(question: Callable[[], Any], *, seconds: float = 20, what: str = "it") -> Any:
    """Ask until the answer is true, and return it; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            last = question()
        except (httpx.HTTPError, psycopg.Error, KeyError, ValueError) as problem:
            last = None
            reason = repr(problem)
        else:
            reason = repr(last)
        if last:
            return last
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s: {reason}"
        time.sleep(0.1)


@dataclass
class Finished:
    """A container that has ended: its exit code and what it wrote."""

    code: int
    output: str


@dataclass
class Service:
    """A running container of the product."""

    container: str
    url: str = ""

    def get(self, path: str) -> httpx.Response:
        """Ask it over HTTP."""
        return httpx.get(self.url + path, timeout=10)

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send it JSON."""
        return httpx.post(self.url + path, json=body, timeout=10)

    def websocket(self, path: str, **more: Any) -> websocket.WebSocket:
        """Connect a websocket; raises websocket.WebSocketBadStatusException for a refusal."""
        return websocket.create_connection(self.url.replace("http://", "ws://") + path, timeout=10, **more)

    def ready(self) -> bool:
        """Whether it says that it is ready."""
        return self.get("/health/ready").status_code == 200

    def not_ready(self) -> bool:
        """Whether it says that it is not ready."""
        return self.get("/health/ready").status_code == 503

    def logs(self) -> list[dict[str, Any]]:
        """What it logged, a dictionary a line; NGINX's own complaints are no JSON and are left out."""
        return [json.loads(line) for line in docker("logs", self.container).splitlines() if line.startswith("{")]

    def stop(self) -> int:
        """Send SIGTERM (or the image's own signal) and return the exit code."""
        docker("stop", "--time", "15", self.container)
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.container))


@dataclass
class Lab:
    """The servers, and how to run images beside them."""

    name: str
    certificates: Path
    images: dict[str, str]
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    label: str = ""

    @property
    def server(self) -> str:
        """The container of the servers."""
        return f"{self.name}-{SERVER}"

    def start(self, image: str) -> None:
        """Start the servers and wait for both."""
        docker("network", "create", "--label", self.label, self.name)
        ports = ["--publish", "127.0.0.1::5432", "--publish", "127.0.0.1::15672"]
        names = ["--name", self.server, "--network", self.name, "--network-alias", SERVER, "--hostname", SERVER, "--label", self.label]
        given = ["--env", f"PASSWORD={self.password}", "--volume", f"{self.certificates}:/certificates:ro"]
        docker("run", "--detach", *names, *ports, *given, image)
        eventually(lambda: self.admin("SELECT 1"), seconds=60, what="PostgreSQL's first answer")
        eventually(lambda: self.broker("GET", "/api/health/checks/virtual-hosts"), seconds=90, what="RabbitMQ's first answer")
        self.broker("PUT", f"/api/vhosts/{VHOST}")

    def remove(self) -> None:
        """Remove every container and the network."""
        for container in docker("ps", "--all", "--quiet", "--filter", f"label={self.label}").split():
            docker("rm", "--force", "--volumes", container, check=False)
        docker("network", "rm", self.name, check=False)

    def port(self, container: str, port: int) -> int:
        """The loopback port that leads to a container's."""
        return int(docker("port", container, f"{port}/tcp").splitlines()[0].rpartition(":")[2])

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the superuser."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port(self.server, 5432),
            user="postgres",
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=3,
        )

    def admin(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser; the rows, if it has any."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def broker(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask RabbitMQ's management; raises httpx.HTTPStatusError for a refusal."""
        address = f"http://127.0.0.1:{self.port(self.server, 15672)}{path}"
        return httpx.request(method, address, json=body, auth=("guest", "guest"), timeout=10).raise_for_status()

    def database(self) -> Database:
        """A new database with an owner and an app role, as the platform makes them."""
        found = Database(self, f"d{secrets.token_hex(4)}")
        with self.connect() as connection:
            for role in (found.owner, found.app):
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(self.password))
                connection.execute(statement)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(found.name), sql.Identifier(found.owner)))
        with self.connect(found.name) as connection:
            connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(found.owner)))
            for kind, rights in (("TABLES", "SELECT, INSERT, UPDATE, DELETE"), ("SEQUENCES", "USAGE")):
                template = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT " + rights + " ON " + kind + " TO {}"
                connection.execute(sql.SQL(template).format(sql.Identifier(found.owner), sql.Identifier(found.app)))
        return found

    def run(self, image: str, *words: str, user: int, env: dict[str, str], mounts: dict[Path, str] | None = None) -> Finished:
        """Run a container to its end, as restricted as a pod is."""
        container = docker("create", *self._options(user, env, mounts or {}), image, *words)
        output = docker("start", "--attach", container, check=False)
        code = int(docker("inspect", "--format", "{{.State.ExitCode}}", container))
        docker("rm", container)
        return Finished(code, output)

    @contextmanager
    def service(self, image: str, alias: str, *, user: int, env: dict[str, str]) -> Iterator[Service]:
        """A running container of an image, as restricted as a pod is, reachable for others as ``alias``."""
        port = int(env.get("PORT", "8080"))
        words = ["--detach", "--publish", f"127.0.0.1::{port}", "--network-alias", alias]
        container = docker("run", *words, *self._options(user, env, {}), image)
        try:
            found = Service(container, f"http://127.0.0.1:{self.port(container, port)}")
            eventually(lambda: found.get("/health/live").status_code == 200, what=f"{alias} being live")
            yield found
        finally:
            docker("rm", "--force", container)

    def _options(self, user: int, env: dict[str, str], mounts: dict[Path, str]) -> list[str]:
        volumes = {self.certificates / "ca.crt": "/etc/platform/ca.crt", **mounts}
        words = [word for source, target in volumes.items() for word in ("--volume", f"{source}:{target}:ro")]
        words += [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        return ["--network", self.name, "--label", self.label, "--user", f"{user}:{user}", *HARDENED, *words]


@dataclass
class Database:
    """One context's database."""

    lab: Lab
    name: str

    @property
    def owner(self) -> str:
        """The role that owns the tables."""
        return f"{self.name}_owner"

    @property
    def app(self) -> str:
        """The role of the service."""
        return f"{self.name}_app"

    @property
    def url(self) -> str:
        """The service's address of it."""
        query = "sslmode=verify-full&sslrootcert=/etc/platform/ca.crt"
        return f"postgres://{self.app}:{self.lab.password}@{SERVER}:5432/{self.name}?{query}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query, as superuser."""
        return self.lab.admin(statement, self.name)

    def flyway(self, command: str, scripts: Path, **more: str) -> Finished:
        """Run Flyway over a folder of scripts, with the environment that a migration's Job has."""
        address = f"jdbc:postgresql://{SERVER}:5432/{self.name}?sslmode=verify-full&sslrootcert=/etc/platform/ca.crt"
        env = {
            "HOME": "/tmp",
            "FLYWAY_URL": address,
            "FLYWAY_USER": self.owner,
            "FLYWAY_PASSWORD": self.lab.password,
            "FLYWAY_LOCATIONS": "filesystem:/flyway/sql",
            "FLYWAY_CONNECT_RETRIES": "10",
            "FLYWAY_INIT_SQL": "SET lock_timeout = '10s'",
            "FLYWAY_LOCK_RETRY_COUNT": "50",
            "FLYWAY_VALIDATE_MIGRATION_NAMING": "true",
            "FLYWAY_FAIL_ON_MISSING_LOCATIONS": "true",
            "FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK": "false",
            "FLYWAY_PLACEHOLDERS_APP_ROLE": self.app,
            "REDGATE_DISABLE_TELEMETRY": "true",
        } | more
        return self.lab.run(self.lab.images["flyway"], command, user=1000, env=env, mounts={scripts: "/flyway/sql"})


COMMON_SCRIPTS = CHECKOUT / "migrations" / "common"
