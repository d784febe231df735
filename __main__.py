"""highstreet.ly's platform. What a stack contains is its configuration: a cluster half, an environment half, or both."""

import pulumi

from components.cluster import Cluster, ClusterArgs
from components.environment import Environment, EnvironmentArgs
from components.providers import data_providers
from settings import load_program

settings = load_program()

if settings.cluster:
    cluster = Cluster("cluster", ClusterArgs(settings=settings.cluster))

if settings.environment:
    environment = Environment(
        settings.stack,
        EnvironmentArgs(
            environment=settings.stack,
            settings=settings.environment,
            catalogue=settings.catalogue,
            migrations=settings.migrations,
            ca_certificate=settings.ca_certificate,
        ),
        pulumi.ResourceOptions(
            providers=data_providers(
                settings.environment.postgres, settings.environment.rabbitmq, settings.ca_certificate_path, dict(settings.secrets)
            )
        ),
    )
    pulumi.export("namespace", environment.namespace)
    pulumi.export("vhost", environment.vhost)
