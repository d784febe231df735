"""Putting an image of the local engine into the estate's registry, without a change to the engine's settings.

`docker push` would need the registry in the engine's list of insecure ones; here the image comes out of `docker save` and goes in through
the registry's API (https://distribution.github.io/distribution/spec/api/#pushing-an-image).
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from local.estate import Estate
from local.image_store import image_id
from local.registry import container
from ops.console import step
from ops.errors import InputError, PlatformError
from ops.images import DOCKER_IO, ImageName
from ops.process import run

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
"""The types of https://github.com/opencontainers/image-spec/blob/main/media-types.md."""
PACKED = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
"""What a layer's type ends with, by its first two bytes: the engine gives layers as plain archives, or as its image store keeps them."""
CHUNK_BYTES = 1 << 20
ANSWER_SECONDS = 60


def push(estate: Estate, image: str, name: str) -> str:
    """Put the engine's ``image`` into the estate's registry as ``name`` (`highstreetly/orders-api:1.0.0`); returns the manifest's digest.

    The same image has the same digest each time, and what the registry has already is not sent again. Raises InputError when the engine has
    no such image or ``name`` is no name with a tag on Docker Hub, PlatformError when the registry does not take it.
    """
    target = ImageName.parse(name)
    if target.host != DOCKER_IO or target.digest or not name.endswith(f":{target.tag}"):
        raise InputError(
            f"{name} is not a name that can be pushed.", remedy="write one with a tag, for example highstreetly/orders-api:1.0.0"
        )
    identity = image_id(image)
    if not identity:
        raise InputError(f"The engine has no image {image}.", remedy="docker images")
    base = f"{container.url(estate)}/v2/{target.repository}"
    try:
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            repository = Repository(client, base)
            return repository.digest_of(target.tag, identity) or _push(repository, image, target.tag)
    except httpx.HTTPError as error:
        raise PlatformError(f"{image} could not be pushed as {name}.", why=f"{base}: {error}", remedy="./hs up") from error


def _push(repository: Repository, image: str, tag: str) -> str:
    with step(f"Pushing {image}") as progress, tempfile.TemporaryDirectory(prefix="hs-push-") as folder:
        archive = Path(folder) / "image.tar"
        progress.note("out of the engine")
        run(["docker", "save", "--output", archive, image], what=f"{image} could not be read from the engine.", remedy="free some disk")
        with tarfile.open(archive) as files:
            (described,) = json.loads(_open(files, "manifest.json").read())
            config = _blob(repository, files, described["Config"], CONFIG_TYPE)
            layers = []
            for number, layer in enumerate(described["Layers"], 1):
                progress.note(f"layer {number} of {len(described['Layers'])}")
                layers.append(_blob(repository, files, layer))
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}
        return repository.put_manifest(tag, json.dumps(manifest, separators=(",", ":")).encode())


def _blob(repository: Repository, files: tarfile.TarFile, name: str, media_type: str = "") -> dict[str, Any]:
    """Have the registry hold one file of the archive; returns its descriptor."""
    content = _open(files, name)
    start = content.read(2)
    content.seek(0)
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(content):
        digest.update(chunk)
        size += len(chunk)
    named = f"sha256:{digest.hexdigest()}"
    content.seek(0)
    repository.ensure_blob(named, size, content)
    return {"mediaType": media_type or LAYER_TYPE + PACKED.get(start, ""), "digest": named, "size": size}


def _open(files: tarfile.TarFile, name: str) -> IO[bytes]:
    content = files.extractfile(name)  # a layer that occurs twice is a link to its first place
    if content is None:
        raise PlatformError("The engine's archive of an image is not as expected.", why=f"{name} is not a file in it")
    return content


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK_BYTES):
        yield chunk


@dataclass(frozen=True)
class Repository:
    """One repository of a registry; every method raises httpx.HTTPError when the registry does not do it."""

    client: httpx.Client
    base: str
    """`http://registry:5000/v2/highstreetly/orders-api`."""

    def digest_of(self, tag: str, config: str) -> str:
        """The digest of what a tag stands for, if that is the image with the configuration ``config``; else empty.

        The engine calls an image by the digest of its configuration, so that nothing needs to be read to find that it is there.
        """
        answer = self.client.get(f"{self.base}/manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return ""
        found = answer.raise_for_status().json().get("config", {}).get("digest")
        return str(answer.headers["Docker-Content-Digest"]) if found == config else ""

    def ensure_blob(self, digest: str, size: int, content: IO[bytes]) -> None:
        """Send a blob unless it is there."""
        if self.client.head(f"{self.base}/blobs/{digest}").status_code == httpx.codes.OK:
            return
        begun = self.client.post(f"{self.base}/blobs/uploads/").raise_for_status()
        place = begun.request.url.join(begun.headers["Location"]).copy_add_param("digest", digest)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self.client.put(place, content=_chunks(content), headers=headers).raise_for_status()

    def put_manifest(self, tag: str, manifest: bytes) -> str:
        """Let a tag stand for a manifest whose blobs are there; returns its digest."""
        answer = self.client.put(f"{self.base}/manifests/{tag}", content=manifest, headers={"Content-Type": MANIFEST_TYPE})
        answer.raise_for_status()
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


__all__ = ["push"]
