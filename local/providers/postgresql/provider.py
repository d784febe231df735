"""The stand-in for the official `postgresql` plugin."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from typing_extensions import override

from local.providers.base import Provider, Resource
from local.providers.errors import BackendError
from local.providers.postgresql.database import Database
from local.providers.postgresql.default_privileges import DefaultPrivileges
from local.providers.postgresql.extension import Extension
from local.providers.postgresql.grant import Grant
from local.providers.postgresql.grant_role import GrantRole
from local.providers.postgresql.namespace import Schema
from local.providers.postgresql.role import Role
from local.providers.postgresql.server import LONGEST_CONNECT_SECONDS, Address, Server
from local.providers.properties import Property
from local.providers.wire import Properties

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ELSEWHERE = ("awsRdsIamAuth", "azureIdentityAuth")  # sign-in by clouds the platform does not use


class PostgresqlProvider(Provider[Server]):
    """Roles, databases, schemas, extensions and privileges of one PostgreSQL server (13 or newer)."""

    name = "postgresql"
    version = "3.18.2"
    configuration = (
        Property("scheme", default="postgres", choices=("postgres",)),
        Property("host", default="localhost", environment=("PGHOST",)),
        Property("port", "integer", default=5432, minimum=1, environment=("PGPORT",)),
        Property("database", default="postgres", environment=("PGDATABASE",)),
        Property("username", default="postgres", environment=("PGUSER",)),
        Property("password", secret=True, environment=("PGPASSWORD",)),
        Property("databaseUsername"),
        Property("superuser", "boolean", default=True, environment=("PGSUPERUSER",)),
        Property("sslmode", environment=("PGSSLMODE",), choices=SSL_MODES),
        Property("sslMode", choices=SSL_MODES),
        Property("sslrootcert"),
        Property("clientcert", "object", fields=(
            Property("cert", required=True), Property("key", required=True), Property("sslinline", "boolean"),
        )),
        Property("connectTimeout", "integer", default=LONGEST_CONNECT_SECONDS, minimum=-1, environment=("PGCONNECT_TIMEOUT",)),
        Property("maxConnections", "integer", default=20, minimum=-1),
        Property("expectedVersion"),
        *(Property(name, "boolean", choices=()) for name in ELSEWHERE),
        *(Property(name) for name in (
            "awsRdsIamProfile", "awsRdsIamProviderRoleArn", "awsRdsIamRegion", "azureTenantId", "gcpIamImpersonateServiceAccount",
        )),
    )  # fmt: skip

    @override
    def resources(self) -> Sequence[Resource[Server]]:
        """The types the platform uses."""
        return (Role(), Database(), Schema(), Extension(), Grant(), GrantRole(), DefaultPrivileges())

    @override
    def client(self, configuration: Properties, cancelled: threading.Event) -> Server:
        """The server. ``sslmode`` is require when nothing is said, as the official provider's driver has it."""
        certificate = configuration.get("clientcert") or {}
        if any(configuration.get(name) for name in ELSEWHERE) or certificate.get("sslinline"):
            raise BackendError("The stand-in provider postgresql signs in by password or certificate file only")
        seconds = configuration["connectTimeout"]
        address = Address(
            host=configuration["host"],
            port=configuration["port"],
            user=configuration["username"],
            password=configuration.get("password") or "",
            database=configuration["database"],
            sslmode=configuration.get("sslmode") or configuration.get("sslMode") or "require",
            sslrootcert=configuration.get("sslrootcert") or "",
            sslcert=certificate.get("cert", ""),
            sslkey=certificate.get("key", ""),
            connect_seconds=min(seconds, LONGEST_CONNECT_SECONDS) if seconds > 0 else LONGEST_CONNECT_SECONDS,
        )
        limit = configuration["maxConnections"]
        return Server(address, superuser=configuration["superuser"], connections_at_most=limit if limit > 0 else 100, cancelled=cancelled)


PROVIDER = PostgresqlProvider()
