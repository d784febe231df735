"""The stand-in for the official `rabbitmq` plugin."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from typing_extensions import override

from local.providers.base import Provider, Resource
from local.providers.properties import Property
from local.providers.rabbitmq.management import Access, Management
from local.providers.rabbitmq.permissions import Permissions, TopicPermissions
from local.providers.rabbitmq.policy import OperatorPolicy, Policy
from local.providers.rabbitmq.user import User
from local.providers.rabbitmq.vhost import VHost
from local.providers.wire import Properties


class RabbitmqProvider(Provider[Management]):
    """Vhosts, users, permissions and policies of one RabbitMQ server (3.8 or newer)."""

    name = "rabbitmq"
    version = "3.5.3"
    configuration = (
        Property("endpoint", required=True, environment=("RABBITMQ_ENDPOINT",)),
        Property("username", required=True, environment=("RABBITMQ_USERNAME",)),
        Property("password", required=True, secret=True, environment=("RABBITMQ_PASSWORD",)),
        Property("insecure", "boolean", environment=("RABBITMQ_INSECURE",)),
        Property("cacertFile", environment=("RABBITMQ_CACERT",)),
        Property("clientcertFile", environment=("RABBITMQ_CLIENTCERT",)),
        Property("clientkeyFile", environment=("RABBITMQ_CLIENTKEY",)),
        Property("proxy", environment=("RABBITMQ_PROXY",)),
    )

    @override
    def resources(self) -> Sequence[Resource[Management]]:
        """The types the platform uses; queues, exchanges and bindings are the applications' own affair."""
        return (VHost(), User(), Permissions(), TopicPermissions(), Policy(), OperatorPolicy())

    @override
    def client(self, configuration: Properties, cancelled: threading.Event) -> Management:
        """The management API."""
        access = Access(
            endpoint=configuration["endpoint"],
            username=configuration["username"],
            password=configuration["password"],
            insecure=bool(configuration.get("insecure")),
            cacert_file=configuration.get("cacertFile") or "",
            clientcert_file=configuration.get("clientcertFile") or "",
            clientkey_file=configuration.get("clientkeyFile") or "",
            proxy=configuration.get("proxy") or "",
        )
        return Management(access, cancelled)


PROVIDER = RabbitmqProvider()
