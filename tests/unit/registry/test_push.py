"""An image of the engine gets into the registry whole, with the same digest each time, and what is there is not sent again. Real HTTP."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from local.estate import Estate, EstateFile
from local.registry import container, push
from ops.errors import InputError, PlatformError
from tests.unit.registry.server import MANIFEST, Registry, digest_of, serve

NAME = "highstreetly/orders-api:1.0.0"
CONFIG = b'{"architecture":"amd64","rootfs":{"type":"layers"}}'
LAYER, OTHER_LAYER = b"first layer", b"second layer" * 200_000


class Engine:
    """Holds images, each as the archive that `docker save` gives."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[str, bytes]] = {}
        self.saved: list[str] = []

    def image_id(self, image: str) -> str:
        return self.images.get(image, ("", b""))[0]

    def run(self, command: list[Any], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:3] == ["docker", "save", "--output"]
        self.saved.append(command[4])
        Path(command[3]).write_bytes(self.images[command[4]][1])
        return subprocess.CompletedProcess(command, 0, stdout="")


def archive(files: dict[str, bytes | str]) -> bytes:
    """A tar archive; text is where a symbolic link leads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def described(config: str, *layers: str) -> bytes:
    """The archive's own list of what is in it."""
    return json.dumps([{"Config": config, "RepoTags": ["mine:dev"], "Layers": list(layers)}]).encode()


ARCHIVES = {
    "as Docker 20 saves": archive({
        "manifest.json": described("c.json", "a/layer.tar", "b/layer.tar", "c/layer.tar"),
        "c.json": CONFIG, "a/layer.tar": LAYER, "b/layer.tar": OTHER_LAYER, "c/layer.tar": "../a/layer.tar",
    }),
    "as Docker 28 saves": archive({
        "blobs/sha256/c": CONFIG, "blobs/sha256/a": LAYER, "blobs/sha256/b": OTHER_LAYER, "oci-layout": b"{}",
        "manifest.json": described("blobs/sha256/c", "blobs/sha256/a", "blobs/sha256/b", "blobs/sha256/a"),
    }),
}  # fmt: skip


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate whose addresses are loopback ones."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return Estate(EstateFile(name="trial", subnet=IPv4Network("127.0.0.0/24")))


@pytest.fixture
def registry(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The estate's registry."""
    found = Registry()
    server = serve(found, str(estate.address("registry")))
    monkeypatch.setattr(container, "PORT", server.server_port)
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine with one image, `mine:dev`."""
    found = Engine()
    found.images["mine:dev"] = (digest_of(CONFIG), ARCHIVES["as Docker 20 saves"])
    monkeypatch.setattr(push, "run", found.run)
    monkeypatch.setattr(push, "image_id", found.image_id)
    return found


def sent(registry: Registry) -> int:
    """How many blobs were uploaded."""
    return len([asked for asked in registry.asked if asked.startswith("PUT") and "/blobs/uploads/" in asked])


@pytest.mark.parametrize("saved", ARCHIVES.values(), ids=ARCHIVES)
def test_the_registry_then_holds_the_image_whole(estate: Estate, registry: Registry, engine: Engine, saved: bytes) -> None:
    engine.images["mine:dev"] = (digest_of(CONFIG), saved)
    digest = push.push(estate, "mine:dev", NAME)
    content = registry.manifests[NAME]
    manifest = json.loads(content)
    assert digest == digest_of(content)
    assert registry.types[NAME] == manifest["mediaType"] == MANIFEST
    assert manifest["config"] == {"mediaType": push.CONFIG_TYPE, "digest": digest_of(CONFIG), "size": len(CONFIG)}
    assert [layer["digest"] for layer in manifest["layers"]] == [digest_of(LAYER), digest_of(OTHER_LAYER), digest_of(LAYER)]
    assert [layer["size"] for layer in manifest["layers"]] == [len(LAYER), len(OTHER_LAYER), len(LAYER)]
    assert registry.blobs == {digest_of(blob): blob for blob in (CONFIG, LAYER, OTHER_LAYER)}
    assert sent(registry) == 3


def test_both_forms_of_an_image_are_one_digest(estate: Estate, registry: Registry, engine: Engine) -> None:
    digests = set()
    for saved in ARCHIVES.values():
        registry.manifests.clear()
        engine.images["mine:dev"] = (digest_of(CONFIG), saved)
        digests.add(push.push(estate, "mine:dev", NAME))
    assert len(digests) == 1


def test_a_packed_layer_is_called_so(estate: Estate, registry: Registry, engine: Engine) -> None:
    packed = gzip.compress(LAYER, mtime=0)
    engine.images["mine:dev"] = (digest_of(CONFIG), archive({"manifest.json": described("c", "a"), "c": CONFIG, "a": packed}))
    push.push(estate, "mine:dev", NAME)
    (layer,) = json.loads(registry.manifests[NAME])["layers"]
    assert layer["mediaType"] == f"{push.LAYER_TYPE}+gzip"


def test_a_second_push_reads_and_sends_nothing(estate: Estate, registry: Registry, engine: Engine) -> None:
    first = push.push(estate, "mine:dev", NAME)
    before = len(registry.asked)
    assert push.push(estate, "mine:dev", NAME) == first
    assert len(engine.saved) == 1
    assert len(registry.asked) == before + 1


def test_another_name_sends_only_the_manifest(estate: Estate, registry: Registry, engine: Engine) -> None:
    first = push.push(estate, "mine:dev", NAME)
    assert push.push(estate, "mine:dev", "highstreetly/orders-api:1.0.1") == first
    assert sent(registry) == 3
    assert len(engine.saved) == 2


def test_another_image_under_the_same_name_takes_its_place(estate: Estate, registry: Registry, engine: Engine) -> None:
    first = push.push(estate, "mine:dev", NAME)
    config = CONFIG.replace(b"amd64", b"arm64")
    engine.images["mine:dev"] = (digest_of(config), archive({"manifest.json": described("c", "a"), "c": config, "a": LAYER}))
    assert push.push(estate, "mine:dev", NAME) == digest_of(registry.manifests[NAME]) != first
    assert sent(registry) == 4


def test_an_image_that_the_engine_does_not_have_is_the_users_mistake(estate: Estate, registry: Registry, engine: Engine) -> None:
    with pytest.raises(InputError, match="The engine has no image other:dev"):
        push.push(estate, "other:dev", NAME)
    assert registry.asked == engine.saved == []


@pytest.mark.parametrize("name", ["highstreetly/orders-api", "ghcr.io/a/b:1", f"a/b:1@{digest_of(b'')}"])
def test_only_a_tag_of_docker_io_can_be_pushed(estate: Estate, registry: Registry, engine: Engine, name: str) -> None:
    with pytest.raises(InputError, match="is not a name that can be pushed"):
        push.push(estate, "mine:dev", name)
    assert registry.asked == engine.saved == []


def test_a_registry_that_takes_nothing_is_told(estate: Estate, registry: Registry, engine: Engine) -> None:
    registry.moods = [(404, {}), (404, {}), (503, {})]
    with pytest.raises(PlatformError, match=f"mine:dev could not be pushed as {NAME}") as failed:
        push.push(estate, "mine:dev", NAME)
    assert "503" in failed.value.why
    assert registry.manifests == {}
    assert engine.saved == ["mine:dev"]
