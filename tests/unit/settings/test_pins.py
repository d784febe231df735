"""The images that a deploy pins take the place of whatever the files say, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from settings import load_stack
from settings.pins import MIGRATIONS, PINNED_IMAGES_VARIABLE, images
from tests.unit.settings.test_invalid import environ, write_checkout

DIGEST = "sha256:" + "a" * 64


def test_every_image_is_pinned_and_the_rest_of_a_service_stays(tmp_path: Path, ca_certificate: Path) -> None:
    write_checkout(tmp_path, {"environment": {"services": {"orders-api": {"replicas": 4, "version": "9.9.9"}}}}, ca_certificate)
    free = load_stack("try", tmp_path, environ({}))
    assert free.environment is not None
    named = images(free.catalogue, free.environment)
    assert named["orders-api"] == "highstreetly/orders-api:9.9.9"
    pins = {name: f"{image}@{DIGEST}" for name, image in named.items()}
    pinned = load_stack("try", tmp_path, {**environ({}), PINNED_IMAGES_VARIABLE: json.dumps(pins)})
    assert pinned.environment is not None
    assert images(pinned.catalogue, pinned.environment) == pins
    assert pins[MIGRATIONS] == f"flyway/flyway:13@{DIGEST}"
    assert pinned.environment.services["orders-api"].replicas == 4


def test_nothing_is_pinned_without_the_variable(tmp_path: Path, ca_certificate: Path) -> None:
    write_checkout(tmp_path, {}, ca_certificate)
    found = load_stack("try", tmp_path, environ({}))
    assert found.environment is not None
    assert found.environment.services == {}
