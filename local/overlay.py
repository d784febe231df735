"""The settings file that completes Pulumi.kind.yaml on this machine: addresses, the CA, images, and images that a developer loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from local.estate import MACHINES, Estate

SERVICES = "services"


def settings(estate: Estate, references: Mapping[str, str], loaded: Mapping[str, str]) -> dict[str, Any]:
    """What the file says: the estate's own values, and ``loaded`` images by service or UI."""
    environment: dict[str, Any] = {name: {"address": str(estate.address(name))} for name in MACHINES}
    environment |= {
        "ca_certificate_file": str(estate.secrets.ca_certificate),
        "version": references["reference-service"].rpartition(":")[2],
        "images": {
            "service": references["reference-service"],
            "ui": references["reference-ui"],
            "migrations": references["flyway"],
        },
        SERVICES: {name: {"image": image} for name, image in sorted(loaded.items())},
    }
    return {"environment": environment}


def read_loaded(estate: Estate) -> dict[str, str]:
    """The images that a developer loaded, by service or UI."""
    if not estate.local_settings.exists():
        return {}
    services = yaml.safe_load(estate.local_settings.read_text())["environment"].get(SERVICES, {})
    return {name: override["image"] for name, override in services.items()}


def write(estate: Estate, references: Mapping[str, str]) -> None:
    """Write the file; what a developer loaded stays."""
    _replace(estate, settings(estate, references, read_loaded(estate)))


def set_loaded(estate: Estate, service: str, image: str | None) -> None:
    """Have ``service`` run ``image``, or the reference image again when it is None."""
    content = yaml.safe_load(estate.local_settings.read_text())
    services = content["environment"].setdefault(SERVICES, {})
    if image is None:
        services.pop(service, None)
    else:
        services[service] = {"image": image}
    _replace(estate, content)


def _replace(estate: Estate, content: dict[str, Any]) -> None:
    partial = estate.local_settings.with_suffix(".partial")
    partial.write_text(f"# Written by ./hs for the estate {estate.name}.\n" + yaml.safe_dump(content, sort_keys=False))
    partial.rename(estate.local_settings)
