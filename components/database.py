"""A bounded context's database on the PostgreSQL machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_postgresql as postgresql
import pulumi_random as random
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import naming, tokens
from components.pods import CA_FILE
from settings.environment import Postgres

PASSWORD_LENGTH = 32
ROW_PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """``protect`` keeps the database from being deleted by a deploy."""

    environment: str
    context: str
    namespace: pulumi.Input[str]
    machine: Postgres
    protect: bool


class Database(pulumi.ComponentResource):
    """One bounded context's database:

    - an owner role (migrations) and an app role (rows only), each with a generated password
    - the administrator's lasting membership in the owner role
    - the database, closed to PUBLIC
    - the app role's rights, granted one after the other: two grants at once on one object fail in PostgreSQL with
      "tuple concurrently updated" (https://github.com/pulumi/pulumi-postgresql/issues/126)
    - a Kubernetes Secret for the services and another for the migrations
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.DATABASE, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        self.args = args
        owner = self._create_role(name, "owner", naming.owner_role(args.environment, args.context))
        app = self._create_role(name, "app", naming.app_role(args.environment, args.context))
        database = self._create_database(name, owner, self._create_membership(name, owner))
        self.ready = self._create_grants(name, database, owner, app)
        self.app_role = app.name
        self.app_secret = self._create_app_secret(database, app)
        self.owner_secret = self._create_owner_secret(database, owner)
        self.register_outputs({"name": database.name, "owner": owner.name, "app": app.name})

    def _create_role(self, name: str, purpose: str, role: str) -> postgresql.Role:
        password = random.RandomPassword(f"{name}-{purpose}-password", length=PASSWORD_LENGTH, special=False, opts=self.child)
        return postgresql.Role(f"{name}-{purpose}", name=role, login=True, password=password.result, opts=self.child)

    def _create_membership(self, name: str, owner: postgresql.Role) -> postgresql.GrantRole:
        # Without it PostgreSQL would only warn instead of closing the database to PUBLIC, the official plugin would take that for done, and
        # once it is closed could not connect. Before PostgreSQL 16 no setting of the server makes a role's maker its member.
        return postgresql.GrantRole(
            f"{name}-admin",
            role=self.args.machine.admin_user,
            grant_role=owner.name,
            # From PostgreSQL 16 on whoever makes a role administers it, in a row of its own that the official plugin may read instead.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["withAdminOption"]),
        )

    def _create_database(self, name: str, owner: postgresql.Role, membership: postgresql.GrantRole) -> postgresql.Database:
        return postgresql.Database(
            f"{name}-database",
            name=naming.database_name(self.args.environment, self.args.context),
            owner=owner.name,
            encoding="UTF8",
            lc_collate="C.UTF-8",  # the same order on every machine, whatever its locale
            lc_ctype="C.UTF-8",
            template="template0",
            opts=pulumi.ResourceOptions(parent=self, protect=self.args.protect, depends_on=[membership]),
        )

    def _create_grants(
        self, name: str, database: postgresql.Database, owner: postgresql.Role, app: postgresql.Role
    ) -> Sequence[pulumi.Resource]:
        previous: pulumi.Resource = database
        for suffix, role, object_type, schema, privileges in (
            ("public-database", "public", "database", None, []),
            ("public-schema", "public", "schema", "public", []),
            ("app-database", app.name, "database", None, ["CONNECT"]),
            ("app-schema", app.name, "schema", "public", ["USAGE"]),
        ):
            previous = postgresql.Grant(
                f"{name}-{suffix}",
                database=database.name,
                role=role,
                object_type=object_type,
                schema=schema,
                privileges=privileges,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[previous]),
            )
        for object_type, privileges in (("table", ROW_PRIVILEGES), ("sequence", ["USAGE", "SELECT"])):
            previous = postgresql.DefaultPrivileges(
                f"{name}-app-{object_type}s",
                database=database.name,
                schema="public",
                owner=owner.name,
                role=app.name,
                object_type=object_type,
                privileges=privileges,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[previous]),
            )
        return [previous]

    def _create_app_secret(self, database: postgresql.Database, role: postgresql.Role) -> Secret:
        machine = self.args.machine
        url = pulumi.Output.format(
            "postgres://{0}:{1}@{2}:{3}/{4}?sslmode=verify-full&sslrootcert={5}",
            role.name, role.password, str(machine.address), machine.port, database.name, CA_FILE,
        )  # fmt: skip
        return self._create_secret("database", {"DATABASE_URL": url})

    def _create_owner_secret(self, database: postgresql.Database, role: postgresql.Role) -> Secret:
        machine = self.args.machine
        url = pulumi.Output.format(
            "jdbc:postgresql://{0}:{1}/{2}?sslmode=verify-full&sslrootcert={3}",
            str(machine.address), machine.port, database.name, CA_FILE,
        )  # fmt: skip
        values: dict[str, pulumi.Input[str]] = {"FLYWAY_URL": url, "FLYWAY_USER": role.name, "FLYWAY_PASSWORD": role.password.apply(str)}
        return self._create_secret("migrations", values)

    def _create_secret(self, purpose: str, values: dict[str, pulumi.Input[str]]) -> Secret:
        # Immutable and named by Pulumi: a new password makes a new Secret, and the pods that use it roll by themselves.
        return Secret(
            f"{self.args.context}-{purpose}",
            metadata=ObjectMetaArgs(namespace=self.args.namespace, labels=naming.labels(self.args.context, purpose)),
            immutable=True,
            string_data=values,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.ready),
        )
