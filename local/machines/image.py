"""The image that a machine's look-alike starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from local.estate import cache_dir
from ops import console
from ops.process import run

CONTEXT = Path(__file__).parent / "image"
REPOSITORY = "highstreetly/machine"


def image_tag() -> str:
    """Name and tag of the image; the tag is a hash of what it is built from."""
    digest = hashlib.sha256()
    for path in sorted(CONTEXT.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(CONTEXT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"


def ensure_image() -> str:
    """Have the engine hold the image: as it is, from the cache folder, or built (about a minute); returns its tag."""
    tag = image_tag()
    if run(["docker", "image", "inspect", tag], check=False).returncode == 0:
        return tag
    saved = cache_dir() / "images" / f"machine-{tag.rpartition(':')[2]}.tar"
    if saved.exists():
        with console.step("Loading the machines' image from the cache"):
            loaded = run(["docker", "load", "--input", saved], check=False)
        if loaded.returncode == 0 and run(["docker", "image", "inspect", tag], check=False).returncode == 0:
            return tag
    with console.step("Building the machines' image") as step:
        run(
            ["docker", "build", "--tag", tag, CONTEXT],
            env={"DOCKER_BUILDKIT": "0"},  # the classic builder, which finds base images that were made here
            what="The machines' image could not be built.",
            remedy="check that Debian's packages can be reached (the lines above say what was asked for), then run the same command again",
            on_line=lambda line: step.note(line[:100]),
        )
        step.note("saving")
        _save(tag, saved)
    return tag


def _save(tag: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    run(["docker", "save", "--output", partial, tag], what="The machines' image could not be kept in the cache.", remedy="free some disk")
    partial.replace(path)


__all__ = ["ensure_image", "image_tag"]
