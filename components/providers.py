"""The providers of what lies outside the cluster: one each of PostgreSQL, RabbitMQ and DigitalOcean a program."""

from __future__ import annotations

import pulumi
import pulumi_digitalocean as digitalocean
import pulumi_postgresql as postgresql
import pulumi_rabbitmq as rabbitmq

from settings import Settings
from settings.environment import EnvironmentSettings

CONNECT_TIMEOUT_SECONDS = 10
"""The provider's own default is 180."""


def providers(settings: Settings) -> list[pulumi.ProviderResource]:
    """The administrators' connections that a stack's contents need."""
    found: list[pulumi.ProviderResource] = []
    if settings.environment:
        found += _data_providers(settings.environment, settings)
    if settings.digitalocean_api:
        found.append(
            digitalocean.Provider("digitalocean", api_endpoint=settings.digitalocean_api, token=settings.secrets["digitalocean_token"])
        )
    return found


def _data_providers(environment: EnvironmentSettings, settings: Settings) -> list[pulumi.ProviderResource]:
    """PostgreSQL and RabbitMQ, verified against the platform CA."""
    machine, broker = environment.postgres, environment.rabbitmq
    return [
        postgresql.Provider(
            "postgres",
            host=str(machine.address),
            port=machine.port,
            username=machine.admin_user,
            password=settings.secrets["postgres_admin_password"],
            database="postgres",
            superuser=False,
            sslmode="verify-full",
            sslrootcert=settings.ca_certificate_path,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
        ),
        rabbitmq.Provider(
            "rabbitmq",
            endpoint=f"https://{broker.address}:{broker.management_port}",
            username=broker.admin_user,
            password=settings.secrets["rabbitmq_admin_password"],
            cacert_file=settings.ca_certificate_path,
        ),
    ]
