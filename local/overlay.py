"""The settings file that completes Pulumi.kind.yaml on this machine: addresses, the CA, images, and images that a developer loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.estate import Estate
from local.github import checkout
from local.newrelic import container as newrelic
from local.registry import container as registry

SERVICES = "services"
ACME_PORT = 14000


def settings(
    estate: Estate, servers: Mapping[str, str], references: Mapping[str, str], charts: Mapping[str, Path], loaded: Mapping[str, str]
) -> dict[str, Any]:
    """What the file says: ``servers`` (address by role), the estate's own values, its charts, and ``loaded`` images by service or UI."""
    environment: dict[str, Any] = {role: {"address": address} for role, address in servers.items()}
    environment |= {
        "ca_certificate_file": str(estate.secrets.ca_certificate),
        "version": references["reference-service"].rpartition(":")[2],
        "images": {
            "service": references["reference-service"],
            "ui": references["reference-ui"],
            "migrations": references["flyway"],
            "registry": registry.url(estate),
        },
        "public": public(estate),
        SERVICES: {name: {"image": image} for name, image in sorted(loaded.items())},
    }
    return {"environment": environment, "cluster": cluster(estate, charts)}


def public(estate: Estate) -> dict[str, Any]:
    """Where the estate's names lead, and who is asked about them."""
    return {
        "address": str(estate.file.loopback),
        "http_port": estate.file.http_port,
        "https_port": estate.file.https_port,
        "nameserver": str(estate.address("digitalocean")),
        "digitalocean_api": digitalocean_api(estate),
        "trusted_roots_file": str(estate.acme_root),
    }


def cluster(estate: Estate, charts: Mapping[str, Path]) -> dict[str, Any]:
    """What stands in the places of DigitalOcean, Let's Encrypt, New Relic and GitHub, and the charts' folders."""
    authority = str(estate.secrets.ca_certificate)
    issuer = {"server": f"https://{estate.address('acme')}:{ACME_PORT}/dir", "ca_certificate_file": authority}
    found: dict[str, Any] = {
        "dns": {"digitalocean_api": digitalocean_api(estate)},
        "certificates": {
            "nameservers": [f"{estate.address('digitalocean')}:53"],
            "ca_certificate_file": authority,
            "issuers": {"letsencrypt": issuer, "letsencrypt-staging": issuer},
            "cert_manager": {"chart": str(charts["cert-manager"])},
        },
        "log_shipping": {"endpoint": newrelic.url(estate), "ca_certificate_file": authority},
        "ingress_controller": {"traefik": {"chart": str(charts["traefik"])}},
    }
    return found | ({"runners": checkout.runners()} if checkout.is_made(estate) else {})


def digitalocean_api(estate: Estate) -> str:
    """The emulator's API, as this machine reaches it."""
    return f"http://{estate.address('digitalocean')}"


def read_loaded(estate: Estate) -> dict[str, str]:
    """The images that a developer loaded, by service or UI."""
    if not estate.local_settings.exists():
        return {}
    services = yaml.safe_load(estate.local_settings.read_text())["environment"].get(SERVICES, {})
    return {name: override["image"] for name, override in services.items()}


def write(estate: Estate, servers: Mapping[str, str], references: Mapping[str, str], charts: Mapping[str, Path]) -> None:
    """Write the file; what a developer loaded stays."""
    _replace(estate, settings(estate, servers, references, charts, read_loaded(estate)))


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
