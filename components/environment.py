"""One environment: everything that LIVE, TEST, DEV or a developer's laptop has of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicyIngressRuleArgs

from components import naming, network, tokens
from components.broker_user import BrokerUser, BrokerUserArgs
from components.database import Database, DatabaseArgs
from components.edge import Edge, EdgeArgs
from components.migration import Migration, MigrationArgs
from components.namespace import Namespace, NamespaceArgs
from components.pods import CA_FILE
from components.public_host import PublicHost, PublicHostArgs
from components.vhost import Vhost, VhostArgs
from components.workload import NGINX_UID, SERVICE_UID, Workload, WorkloadArgs
from settings.catalogue import Catalogue, Context
from settings.catalogue import Workload as WorkloadEntry
from settings.environment import EnvironmentSettings
from settings.flows import callers_of, machines_of
from settings.migrations import Migrations
from settings.public import is_below, public_hosts
from settings.webhooks import WEBHOOKS


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """``environment`` is the stack's name; it is part of every name that people see."""

    environment: str
    settings: EnvironmentSettings
    catalogue: Catalogue
    migrations: Mapping[str, Migrations]
    ca_certificate: str
    secrets: Mapping[str, pulumi.Input[str]]
    adopted_records: Mapping[str, str]
    """DNS records that somebody made by hand and this environment takes over: record ID by host."""
    zones: Sequence[pulumi.Resource] = ()
    """The DNS zones, where this stack makes them."""
    edge: Sequence[pulumi.Resource] = ()
    """What brings the types of Traefik and cert-manager, where this stack does."""


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
    - where it is public: Edge, and per name a PublicHost
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
        self.urls = self._create_public_hosts(name)
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
                environment=workload_environment(entry, settings.version_of(entry), public=settings.public is not None),
                secrets=[*context.secrets, *self._create_webhook_secrets(entry)],
                ingress=self._allowed_callers(entry),
                egress=[network.to_dns(), *network.to_workloads(called), *network.to_machines(machines_of(entry), settings)],
                after=[context.migration] if context.migration else [],
            ),
            self.child,
        )

    def _allowed_callers(self, entry: WorkloadEntry) -> list[NetworkPolicyIngressRuleArgs]:
        rules = network.from_workloads(callers_of(self.args.catalogue, entry.name), entry.port)
        public = self.args.settings.public and (entry.ingress or entry.webhooks)
        return [*rules, network.from_ingress_controller(entry.port)] if public else rules

    def _create_webhook_secrets(self, entry: WorkloadEntry) -> list[pulumi.Input[str]]:
        names = [secret for webhook in entry.webhooks for secret in WEBHOOKS[webhook].secrets]
        if not names or self.args.settings.public is None:
            return []
        secret = Secret(
            f"{entry.context}-webhooks",
            metadata=ObjectMetaArgs(namespace=self.namespace, labels=naming.labels(entry.context, "webhooks")),
            immutable=True,
            string_data={name.upper(): self.args.secrets[name] for name in names},
            opts=self.child,
        )
        return [secret.metadata.name]

    def _create_public_hosts(self, name: str) -> list[str]:
        args = self.args
        public, hosts = args.settings.public, public_hosts(args.catalogue, args.settings)
        if public is None:
            return []
        Edge(
            f"{name}-edge",
            EdgeArgs(namespace=self.namespace, domain=args.settings.domain, public=public, hosts=hosts, after=args.edge),
            self.child,
        )
        for host in hosts:
            own_certificate = not (public.wildcard and is_below(host.host, args.settings.domain))
            host_args = PublicHostArgs(
                namespace=self.namespace,
                environment=args.environment,
                public=public,
                host=host,
                own_certificate=own_certificate,
                adopted_record=args.adopted_records.get(host.host),
                after=args.zones,
            )
            PublicHost(host.object_name, host_args, self.child)
        return [host.url for host in hosts]


def workload_environment(entry: WorkloadEntry, version: str, *, public: bool) -> dict[str, str]:
    """The environment variables of a workload that are no secrets; webhooks arrive only where the environment is public."""
    values = {"VERSION": version, "PORT": str(entry.port), "CALLS": ",".join(entry.calls)}
    if entry.role == "ui":
        return values | {"UI_NAME": entry.name}
    own = {"CONTEXT": entry.context, "ROLE": entry.role, "BROKER_CA": CA_FILE}
    own |= {"WEBHOOKS": ",".join(entry.webhooks)} if entry.webhooks and public else {}
    return values | own | ({"SUBSCRIBES_TO": ",".join(entry.subscribes_to)} if entry.role == "receiver" else {})
