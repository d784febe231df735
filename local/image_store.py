"""Where an image comes from, in this order: the engine, the cache folder, its registry, a builder of ours."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from local.estate import cache_dir
from ops import console
from ops.console import Step
from ops.errors import PlatformError
from ops.process import run

PINS_LABEL = "ly.highstreet.pins"
"""On every image that we made: the hash of what it was made from. An image without it is an official one."""
FIRST_WORD_SECONDS = 10
"""How long a registry may take to say anything about an image."""
HASH_LENGTH = 16
ARCHIVES_KEPT = 2
"""Of each repository: the newest, and the one that another branch or checkout may still use."""

_unreachable: set[str] = set()
_lock = threading.Lock()


def digest_of(*parts: str | Path) -> str:
    """A short hash of texts, files and whole folders: what an image is made from."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(b"text\0" + part.encode() + b"\0")
            continue
        for path in (
            [part]
            if part.is_file()
            else sorted(path for path in part.rglob("*") if path.is_file() and path.suffix != ".pyc" and "node_modules" not in path.parts)
        ):
            name = path.name if path == part else path.relative_to(part).as_posix()
            total.update(b"file\0" + name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:HASH_LENGTH]


def registry_of(tag: str) -> str:
    """The registry that an image's name points to: `debian:12` is on Docker Hub, `ghcr.io/a/b:1` is not."""
    first, _, rest = tag.partition("/")
    return first if rest and ("." in first or ":" in first or first == "localhost") else "docker.io"


def archive_of(tag: str, pins: str) -> Path:
    """The file in the cache that holds an image made from ``pins``."""
    return cache_dir() / "images" / f"{re.sub(r'[^a-z0-9.]+', '-', tag.lower())}-{pins}.tar"


def label_of(tag: str) -> str | None:
    """The pins that an image of the engine was made from, empty for an image that is not ours, None where there is none."""
    found = run(["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{PINS_LABEL}"}}}}', tag], check=False)
    return found.stdout.strip() if found.returncode == 0 else None


def pull(tag: str) -> bool:
    """Pull an image; False when it cannot be had. A registry that did not answer is not asked again in this run."""
    registry = registry_of(tag)
    with _lock:
        if registry in _unreachable:
            return False
        with console.step(f"Pulling {tag}") as step:
            pulled, heard = _pull(tag, step)
            if not pulled:
                step.note("not to be had here")
        if not heard:
            _unreachable.add(registry)
        return pulled


def _pull(tag: str, step: Step) -> tuple[bool, bool]:
    """Whether the image came, and whether its registry said anything about it."""
    process = subprocess.Popen(
        ["docker", "pull", tag], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    heard = False
    silence = threading.Timer(FIRST_WORD_SECONDS, process.kill)
    silence.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            heard = heard or "Pulling from" in line
            if heard:
                silence.cancel()
            step.note(line.strip()[:100])
        return process.wait() == 0, heard
    finally:
        silence.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()


def load(tag: str, pins: str) -> bool:
    """Fill the engine from the cache; False when the cache does not hold the image or holds it damaged."""
    archive = archive_of(tag, pins)
    if not archive.exists():
        return False
    with console.step(f"Loading {tag} from the cache"):
        loaded = run(["docker", "load", "--input", archive], check=False)
    if loaded.returncode or label_of(tag) != pins:
        archive.unlink(missing_ok=True)
        return False
    return True


def save(tag: str, pins: str) -> None:
    """Keep an image in the cache, and of its repository no more than the newest few; raises PlatformError when there is no room."""
    archive = archive_of(tag, pins)
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    try:
        run(["docker", "save", "--output", partial, tag], what=f"{tag} could not be kept in the cache.", remedy="free some disk")
        partial.rename(archive)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    repository = archive_of(tag.rpartition(":")[0], "*").name
    kept = sorted(archive.parent.glob(repository), key=lambda path: path.stat().st_mtime, reverse=True)
    for older in kept[ARCHIVES_KEPT:]:
        older.unlink(missing_ok=True)


def ensure_image(tag: str, pins: str, make: Callable[[Step], None], *, official: bool) -> None:
    """Have the engine hold ``tag``: as it is, from the cache, from its registry if it is ``official``, or made and then kept in the cache.

    ``make`` labels the image with ``pins``. Raises PlatformError when it does not.
    """
    label = label_of(tag)
    if label == pins or (official and label == "") or load(tag, pins) or (official and pull(tag)):
        return
    with console.step(f"Making the image {tag}") as step:
        make(step)
        if label_of(tag) != pins:
            raise PlatformError(f"{tag} was not made as it should be.", why=f"it has no label {PINS_LABEL}={pins}", remedy="./hs doctor")
        step.note("saving")
        save(tag, pins)


def build(tag: str, pins: str, context: Path, step: Step) -> None:
    """`docker build` of a folder, labelled with ``pins``; raises PlatformError with the last lines of the build."""
    command: list[str | Path] = ["docker", "build", "--label", f"{PINS_LABEL}={pins}", "--tag", tag, context]
    run(
        command,
        env={"DOCKER_BUILDKIT": "0"},  # the classic builder finds base images that were made here, and Debian's docker.io has no other
        what=f"The image {tag} could not be built.",
        remedy="check that the packages it installs can be reached, then run the same command again",
        on_line=lambda line: step.note(line[:80]),
    )


def image_id(tag: str) -> str:
    """The engine's id of an image; empty when it has none by that name."""
    found = run(["docker", "image", "inspect", "--format", "{{.Id}}", tag], check=False)
    return found.stdout.strip() if found.returncode == 0 else ""


__all__ = ["PINS_LABEL", "archive_of", "build", "digest_of", "ensure_image", "image_id", "label_of", "load", "pull", "registry_of", "save"]
