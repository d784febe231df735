"""The images of one release: a deploy finds out the digest behind every version and pins it, so that a tag pushed again changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from settings.catalogue import Catalogue
    from settings.environment import EnvironmentSettings

PINNED_IMAGES_VARIABLE = "HIGHSTREETLY_PINNED_IMAGES"
"""Set by a deploy for one run: the images as JSON, `repository:tag@sha256:…` by service or UI, that of the migrations under MIGRATIONS."""
MIGRATIONS = "migrations"


def images(catalogue: Catalogue, environment: EnvironmentSettings) -> dict[str, str]:
    """The images that an environment runs, by service or UI, and that of its migrations under MIGRATIONS."""
    found = {workload.name: environment.image(workload) for workload in catalogue.workloads()}
    return found | {MIGRATIONS: environment.images.migrations}


def pinned(environment: Mapping[str, Any], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """An environment's settings with the images that a deploy pinned, if it did."""
    pins: dict[str, str] = json.loads(environ.get(PINNED_IMAGES_VARIABLE) or "{}")
    if not pins:
        return environment
    services = {name: {**_mapping(environment.get("services")).get(name, {}), "image": image} for name, image in pins.items()}
    migrations = services.pop(MIGRATIONS, {}).get("image")
    settings = {**environment, "services": {**_mapping(environment.get("services")), **services}}
    return settings | ({"images": {**_mapping(environment.get("images")), "migrations": migrations}} if migrations else {})


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
