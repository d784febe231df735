"""The stand-in plugins there are. A new one is one more line here and one module beside."""

from __future__ import annotations

import importlib
from typing import Any

from local.providers.base import Provider
from local.providers.errors import BackendError

MODULES = {
    "postgresql": "local.providers.postgresql.provider",
    "rabbitmq": "local.providers.rabbitmq.provider",
    "random": "local.providers.random.provider",
}


def load(name: str) -> Provider[Any]:
    """The provider of a package; only its own module is imported. Raises BackendError for a name there is none for."""
    if name not in MODULES:
        raise BackendError(f"There is no stand-in provider {name}", why=f"there are {', '.join(sorted(MODULES))}")
    provider: Provider[Any] = importlib.import_module(MODULES[name]).PROVIDER
    return provider
