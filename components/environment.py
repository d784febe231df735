"""One environment: everything that LIVE, TEST, DEV or a developer's laptop has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import naming, network, tokens
from components.broker_user import BrokerUser, BrokerUserArgs
from components.database import Database, DatabaseArgs
from components.migration import Migration, MigrationArgs
from components.namespace import Namespace, NamespaceArgs
from components.pods import CA_FILE
from components.vhost import Vhost, VhostArgs
from components.workload import NGINX_UID, SERVICE_UID, Workload, WorkloadArgs
from settings.catalogue import Catalogue, Context
from settings.catalogue import Workload as WorkloadEntry
from settings.environment import EnvironmentSettings
from settings.flows import callers_of, machines_of
from settings.migrations import Migrations


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """``environment`` is the stack's name; it is part of every name that people see."""

    environment: str
    settings: EnvironmentSettings
    catalogue: Catalogue
    migrations: Mapping[str, Migrations]
    ca_certificate: str


@dataclass(frozen=True)
class ContextParts:
    """What a context's workloads need of it."""

    secrets: list[pulumi.Input[str]]
    migration: Migration | None


class Environment(pulumi.ComponentResource):
    """One environment:

    - Namespace, closed by default, with the platform CA
    - Vhost
    - per context: Database, BrokerUser, Migration
    - per service and UI: Workload, after its context's migration
    """

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.ENVIRONMENT, name, None, opts)
        self.args = args
        self.child = pulumi.ResourceOptions(parent=self)
        self.namespace = Namespace(name, NamespaceArgs(environment=args.environment, quota=args.settings.quota), self.child).name
        self.ca_config_map = self._create_ca_config_map(name)
        self.vhost = Vhost(name, VhostArgs(environment=args.environment, protect=args.settings.protect_data), self.child).name
        contexts = {context: self._create_context(context, parts) for context, parts in args.catalogue.contexts.items()}
        for entry in args.catalogue.workloads():
            self._create_workload(entry, contexts.get(entry.context, ContextParts([], None)))
        self.register_outputs({"namespace": self.namespace, "vhost": self.vhost})

    def _create_ca_config_map(self, name: str) -> pulumi.Output[str]:
        # Immutable and named by Pulumi: a new CA makes a new ConfigMap, and every pod rolls by itself.
        config_map = ConfigMap(
            f"{name}-ca",
            metadata=ObjectMetaArgs(namespace=self.namespace, labels=naming.labels("platform-ca", "ca")),
            immutable=True,
            data={"ca.crt": self.args.ca_certificate},
            opts=self.child,
        )
        found: pulumi.Output[str] = config_map.metadata.name
        return found

    def _create_context(self, context: str, parts: Context) -> ContextParts:
        args = self.args
        settings = args.settings
        database = Database(
            context,
            DatabaseArgs(
                environment=args.environment,
                context=context,
                namespace=self.namespace,
                machine=settings.postgres,
                protect=settings.protect_data,
            ),
            self.child,
        )
        user = BrokerUser(
            context,
            BrokerUserArgs(
                environment=args.environment,
                context=context,
                subscribes_to=parts.receiver.subscribes_to if parts.receiver else (),
                vhost=self.vhost,
                namespace=self.namespace,
                machine=settings.rabbitmq,
            ),
            self.child,
        )
        migration = self._create_migration(context, database)
        return ContextParts([database.app_secret.metadata.name, user.secret.metadata.name], migration)

    def _create_migration(self, context: str, database: Database) -> Migration | None:
        scripts = self.args.migrations[context]
        if not scripts.scripts:
            return None
        settings = self.args.settings
        return Migration(
            context,
            MigrationArgs(
                context=context,
                namespace=self.namespace,
                scripts=scripts,
                image=settings.images.migrations,
                app_role=database.app_role,
                owner_secret=database.owner_secret.metadata.name,
                ca_config_map=self.ca_config_map,
                egress=[network.to_dns(), *network.to_machines(["postgres"], settings)],
                priority_class=settings.priority_class,
                after=database.ready,
            ),
            self.child,
        )

    def _create_workload(self, entry: WorkloadEntry, context: ContextParts) -> None:
        settings = self.args.settings
        ports = {other.name: other.port for other in self.args.catalogue.workloads()}
        called = [(f"{name}-api", ports[f"{name}-api"]) for name in entry.calls]
        Workload(
            entry.name,
            WorkloadArgs(
                name=entry.name,
                component=entry.role,
                namespace=self.namespace,
                image=settings.image(entry),
                version=settings.version_of(entry),
                replicas=settings.replicas_of(entry),
                port=entry.port,
                uid=NGINX_UID if entry.role == "ui" else SERVICE_UID,
                resources=settings.resources_of(entry),
                ca_config_map=self.ca_config_map,
                priority_class=settings.priority_class,
                environment=workload_environment(entry, settings.version_of(entry)),
                secrets=context.secrets,
                ingress=network.from_workloads(callers_of(self.args.catalogue, entry.name), entry.port),
                egress=[network.to_dns(), *network.to_workloads(called), *network.to_machines(machines_of(entry), settings)],
                after=[context.migration] if context.migration else [],
            ),
            self.child,
        )


def workload_environment(entry: WorkloadEntry, version: str) -> dict[str, str]:
    """The environment variables of a workload that are no secrets."""
    values = {"VERSION": version, "PORT": str(entry.port), "CALLS": ",".join(entry.calls)}
    if entry.role == "ui":
        return values | {"UI_NAME": entry.name}
    own = {"CONTEXT": entry.context, "ROLE": entry.role, "BROKER_CA": CA_FILE}
    return values | own | ({"SUBSCRIBES_TO": ",".join(entry.subscribes_to)} if entry.role == "receiver" else {})
