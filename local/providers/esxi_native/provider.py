"""The stand-in for the official `esxi-native` plugin."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from typing_extensions import override

from local.providers.base import Provider, Resource
from local.providers.esxi_native.engine import Engine
from local.providers.esxi_native.port_group import PortGroup
from local.providers.esxi_native.resource_pool import ResourcePool
from local.providers.esxi_native.virtual_machine import VirtualMachine
from local.providers.properties import Property
from local.providers.wire import Properties


class EsxiProvider(Provider[Engine]):
    """The machines of one ESXi host. Here `host` is the name of a local estate; user, password and ports are not needed."""

    name = "esxi-native"
    version = "1.0.0"
    configuration = (
        Property("host", required=True, environment=("ESXI_HOST",)),
        Property("username", default="root", environment=("ESXI_USERNAME",)),
        Property("password", required=True, secret=True, environment=("ESXI_PASSWORD",)),
        Property("sshPort", default="22", environment=("ESXI_SSH_PORT",)),
        Property("sslPort", default="443", environment=("ESXI_SSL_PORT",)),
    )

    @override
    def resources(self) -> Sequence[Resource[Engine]]:
        """The types that the datacenter's program uses."""
        return (VirtualMachine(), PortGroup(), ResourcePool())

    @override
    def client(self, configuration: Properties, cancelled: threading.Event) -> Engine:
        """The container engine."""
        return Engine(configuration["host"])


PROVIDER = EsxiProvider()
