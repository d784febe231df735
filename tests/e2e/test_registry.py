"""What is pushed to the registry in Docker Hub's place runs on the nodes by its digest, though nobody loaded it there."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator

import httpx
import pytest

from local.estate import Estate
from local.registry import container
from local.registry.push import push
from ops.errors import InputError
from ops.images import resolve
from tests.e2e.conftest import Person

REPOSITORY = "highstreetly/registry-trial"
POD = "registry-trial"


@pytest.fixture
def local(person: Person) -> Estate:
    """The trial estate."""
    return Estate.load(person.checkout)


@pytest.fixture
def image(person: Person, local: Estate) -> Iterator[str]:
    """An image of the engine that no node has: the reference service with a label of its own."""
    service = person.read_yaml(str(local.local_settings))["environment"]["images"]["service"]
    tag = f"{REPOSITORY}:{uuid.uuid4().hex}"
    dockerfile = f"FROM {service}\nLABEL trial={tag}\n"
    subprocess.run(["docker", "build", "--tag", tag, "-"], input=dockerfile, text=True, check=True, capture_output=True)
    yield tag
    subprocess.run(["docker", "rmi", "--force", tag], check=True, capture_output=True)


@pytest.fixture
def pushed(local: Estate, image: str) -> Iterator[str]:
    """The image's name with its digest; it is in the registry, whose only trace of it goes after the test."""
    digest = push(local, image, image)
    yield f"{image}@{digest}"
    httpx.delete(f"{container.url(local)}/v2/{REPOSITORY}/manifests/{digest}")


def test_a_pod_runs_a_pushed_image_by_its_digest(person: Person, local: Estate, pushed: str) -> None:
    assert resolve(pushed.partition("@")[0], container.url(local)) == pushed
    registry = f"{local.address('registry')}:{container.PORT}"
    try:
        person.kubectl("run", POD, f"--image={pushed}", "--restart=Never", "--", "check", "tcp", registry)
        person.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{POD}", "--timeout=60s")
        status = json.loads(person.kubectl("get", "pod", POD, "--output", "json"))["status"]["containerStatuses"][0]
        assert status["imageID"] == f"docker.io/{REPOSITORY}@{pushed.partition('@')[2]}"
    finally:
        person.kubectl("delete", "pod", POD, "--ignore-not-found")


def test_what_is_deleted_is_missing_until_it_is_pushed_again(local: Estate, image: str, pushed: str) -> None:
    url = f"{container.url(local)}/v2/{REPOSITORY}/manifests/{pushed.partition('@')[2]}"
    assert httpx.delete(url).status_code == httpx.codes.ACCEPTED
    with pytest.raises(InputError, match=f"There is no image {image} in"):
        resolve(image, container.url(local))
    assert f"{image}@{push(local, image, image)}" == pushed


def test_a_registry_that_starts_again_has_its_images(local: Estate, image: str, pushed: str) -> None:
    subprocess.run(["docker", "rm", "--force", "--volumes", local.container("registry")], check=True, capture_output=True)
    container.start(local)
    container.wait_until_healthy(local)
    assert resolve(image, container.url(local)) == pushed
