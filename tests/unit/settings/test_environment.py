"""Which image and version a workload gets."""

from __future__ import annotations

import pytest

from settings.catalogue import Resources, Workload
from settings.environment import EnvironmentSettings

ORDERS = Workload(name="orders-api", role="api", context="orders", port=8080, resources=Resources())
DIGEST = "sha256:" + "a" * 64


def settings(**changes: object) -> EnvironmentSettings:
    machines = {"postgres": {"address": "10.0.0.1"}, "rabbitmq": {"address": "10.0.0.2"}}
    return EnvironmentSettings.model_validate({"domain": "try.highstreet.ly", "version": "1.4.0", **machines, **changes})


@pytest.mark.parametrize(
    ("changes", "image", "version"),
    [
        ({}, "highstreetly/orders-api:1.4.0", "1.4.0"),
        ({"images": {"service": "registry.example:5000/{context}/{name}"}}, "registry.example:5000/orders/orders-api:1.4.0", "1.4.0"),
        ({"images": {"service": "highstreetly/reference-service:abc"}}, "highstreetly/reference-service:abc", "abc"),
        ({"services": {"orders-api": {"version": "2.0.0"}}}, "highstreetly/orders-api:2.0.0", "2.0.0"),
        ({"services": {"orders-api": {"image": "mine:dev"}}}, "mine:dev", "dev"),
        ({"services": {"orders-api": {"image": f"mine@{DIGEST}"}}}, f"mine@{DIGEST}", "1.4.0"),
        ({"services": {"orders-api": {"image": f"mine:2.1@{DIGEST}"}}}, f"mine:2.1@{DIGEST}", "2.1"),
    ],
)
def test_an_image_is_named_once_and_its_version_is_what_it_says(changes: dict[str, object], image: str, version: str) -> None:
    found = settings(**changes)
    assert (found.image(ORDERS), found.version_of(ORDERS)) == (image, version)
