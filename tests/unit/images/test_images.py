"""The product's images, without an engine: the code in them, their Dockerfiles, and when they are built anew."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import images
from local.estate import CHECKOUT
from local.toolchain import Toolchain

BUILDER = Toolchain().builder
NOT_OURS = {".venv", ".venv-ansible", "node_modules", ".git"}
DOCKERFILES = sorted(path for path in CHECKOUT.rglob("Dockerfile*") if not NOT_OURS & set(path.parts))


def _run(*words: str | Path, folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "GOFLAGS": "-mod=readonly"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reference_service_passes_its_own_tests() -> None:
    go = Toolchain().builder.go()
    _run(go, "vet", "./...", folder=images.SERVICE)
    _run(go, "test", "./...", folder=images.SERVICE)


def test_the_reference_ui_passes_its_own_tests() -> None:
    _run(images.node_folder() / "node", "--test", *sorted((images.UI / "test").glob("*.test.js")), folder=images.UI)


def test_every_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    _run(hadolint, "--config", images.IMAGES / "hadolint.yaml", *DOCKERFILES, folder=CHECKOUT)


def test_the_lock_file_names_exact_versions_and_no_registry() -> None:
    package = json.loads((images.UI / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["devDependencies"].values())
    locked = json.loads((images.UI / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [name for name, entry in locked.items() if name and "integrity" not in entry] == []


def test_the_start_script_is_executable() -> None:
    for path in (images.UI_TYPE / "40-site.sh", images.FLYWAY / "flyway"):
        assert os.access(path, os.X_OK), path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The tags of images that would be made; nothing is."""
    found: list[str] = []

    def ensure_image(tag: str, _pins: str, _make: object, *, official: bool) -> None:
        found.append(f"{tag} official" if official else tag)

    monkeypatch.setattr(images, "ensure_image", ensure_image)
    for name in ("SERVICE", "UI", "UI_TYPE", "FLYWAY"):
        copy = tmp_path / name.lower()
        shutil.copytree(getattr(images, name), copy, ignore=shutil.ignore_patterns("node_modules", "release"))
        monkeypatch.setattr(images, name, copy)
    return found


def test_an_image_is_called_by_the_hash_of_its_sources(started: list[str]) -> None:
    before = images.ensure_images(BUILDER)
    assert re.fullmatch(r"highstreetly/reference-service:[0-9a-f]{12}", before["reference-service"])
    assert re.fullmatch(r"highstreetly/reference-ui:[0-9a-f]{12}", before["reference-ui"])
    assert before["flyway"] == "flyway/flyway:13"
    assert started == [before["reference-service"], before["reference-ui"], "flyway/flyway:13 official"]
    (images.SERVICE / "main.go").write_text("package main\n")
    after = images.ensure_images(BUILDER)
    assert after["reference-service"] != before["reference-service"]
    assert after["reference-ui"] == before["reference-ui"]


@pytest.mark.usefixtures("started")
def test_a_change_of_the_ui_type_is_a_new_ui_image_and_what_a_build_left_is_not() -> None:
    before = images.ensure_images(BUILDER)
    (images.UI / "node_modules").mkdir()
    (images.UI / "node_modules" / "left.js").touch()
    (images.SERVICE / "service").touch()
    assert images.ensure_images(BUILDER) == before
    (images.UI_TYPE / "nginx.conf").write_text("# other\n")
    assert images.ensure_images(BUILDER)["reference-ui"] != before["reference-ui"]
