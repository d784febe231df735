"""highstreet.ly's platform. What a stack contains is its configuration: a cluster half, an environment half, or both."""

import pulumi

from components.cluster import Cluster, ClusterArgs
from components.environment import Environment, EnvironmentArgs
from components.providers import providers
from settings import load_program

settings = load_program()
outside = pulumi.ResourceOptions(providers=providers(settings))
cluster = None

if settings.cluster:
    cluster = Cluster(
        "cluster",
        ClusterArgs(
            settings=settings.cluster,
            digitalocean_token=settings.secrets.get("digitalocean_token", ""),
            authorities=settings.authorities,
            secrets=settings.secrets,
        ),
        outside,
    )

if settings.environment:
    environment = Environment(
        settings.stack,
        EnvironmentArgs(
            environment=settings.stack,
            settings=settings.environment,
            catalogue=settings.catalogue,
            migrations=settings.migrations,
            ca_certificate=settings.ca_certificate,
            secrets=settings.secrets,
            adopted_records=settings.adopted_records,
            zones=cluster.zones if cluster else [],
            edge=cluster.edge if cluster else [],
        ),
        outside,
    )
    pulumi.export("namespace", environment.namespace)
    pulumi.export("vhost", environment.vhost)
    pulumi.export("urls", environment.urls)
