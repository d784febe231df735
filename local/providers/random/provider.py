"""The stand-in for the official `random` plugin."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from typing_extensions import override

from local.providers.base import Provider, Resource
from local.providers.random.values import every_value
from local.providers.wire import Properties


class RandomProvider(Provider[None]):
    """Random values; there is no back end and nothing to configure."""

    name = "random"
    version = "4.21.4"
    configuration = ()

    @override
    def resources(self) -> Sequence[Resource[None]]:
        """Every type but RandomShuffle and RandomUuid7, which the platform does not use."""
        return every_value()

    @override
    def client(self, configuration: Properties, cancelled: threading.Event) -> None:
        """There is none."""


PROVIDER = RandomProvider()
