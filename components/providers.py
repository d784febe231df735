"""The providers of the data machines: one PostgreSQL and one RabbitMQ provider a program."""

from __future__ import annotations

import pulumi
import pulumi_postgresql as postgresql
import pulumi_rabbitmq as rabbitmq

from settings.environment import Postgres, RabbitMq

CONNECT_TIMEOUT_SECONDS = 10
"""The provider's own default is 180."""


def data_providers(
    machine: Postgres, broker: RabbitMq, ca_certificate_file: str, passwords: dict[str, pulumi.Output[str]]
) -> list[pulumi.ProviderResource]:
    """The administrators' connections to PostgreSQL and RabbitMQ, verified against the platform CA."""
    return [
        postgresql.Provider(
            "postgres",
            host=str(machine.address),
            port=machine.port,
            username=machine.admin_user,
            password=passwords["postgres_admin_password"],
            database="postgres",
            superuser=False,
            sslmode="verify-full",
            sslrootcert=ca_certificate_file,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
        ),
        rabbitmq.Provider(
            "rabbitmq",
            endpoint=f"https://{broker.address}:{broker.management_port}",
            username=broker.admin_user,
            password=passwords["rabbitmq_admin_password"],
            cacert_file=ca_certificate_file,
        ),
    ]
