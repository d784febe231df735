"""The stand-in plugins there are. A new one is one more line here and one module beside."""

from __future__ import annotations

import importlib
from typing import Any

from local.providers.base import Provider
from local.providers.components import COMPONENTS
from local.providers.errors import BackendError

MODULES = {
    "postgresql": "local.providers.postgresql.provider",
    "rabbitmq": "local.providers.rabbitmq.provider",
    "random": "local.providers.random.provider",
    "digitalocean": "local.providers.digitalocean.provider",
    "esxi-native": "local.providers.esxi_native.provider",
}


def version_of(name: str) -> str:
    """The version that a package's stand-in is written for; raises BackendError for a name there is none for."""
    if name in COMPONENTS:
        return str(importlib.import_module(COMPONENTS[name]).VERSION)
    return load(name).version


def load(name: str) -> Provider[Any]:
    """The provider of a package; only its own module is imported. Raises BackendError for a name there is none for."""
    if name not in MODULES:
        raise BackendError(f"There is no stand-in provider {name}", why=f"there are {', '.join(sorted({**MODULES, **COMPONENTS}))}")
    provider: Provider[Any] = importlib.import_module(MODULES[name]).PROVIDER
    return provider
