"""An image is made once for what it is made from, and a registry that does not answer is asked once. No engine: a stand-in answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local import image_store
from local.base_images import debian, nginx
from ops.console import Step
from ops.errors import PlatformError

TAG = "highstreetly/thing:1"
PINS = "0123456789abcdef"


class Engine:
    """Stands for docker: its images are names and labels."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.commands: list[list[str]] = []

    def run(self, command: Sequence[str | Path], **_options: Any) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        self.commands.append(words)
        match words[1]:
            case "image":
                found = self.labels.get(words[-1])
                return subprocess.CompletedProcess(words, 1 if found is None else 0, stdout=f"{found or ''}\n")
            case "load":
                tag, _, label = Path(words[-1]).read_text().partition("=")
                self.labels[tag] = label
            case "save":
                Path(words[3]).write_text(f"{words[-1]}={self.labels[words[-1]]}")
        return subprocess.CompletedProcess(words, 0, stdout="")

    def did(self, verb: str) -> int:
        return sum(words[1] == verb for words in self.commands)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine()
    monkeypatch.setenv("HS_CACHE", str(tmp_path))
    monkeypatch.setattr(image_store, "run", stand_in.run)
    monkeypatch.setattr(image_store, "_unreachable", set())
    monkeypatch.setattr(image_store, "pull", lambda _tag: False)
    return stand_in


def ensure(engine: Engine, pins: str = PINS, *, official: bool = False) -> int:
    """Ask for the image; how often it was made."""
    made = []

    def make(_step: object) -> None:
        made.append(pins)
        engine.labels[TAG] = pins

    image_store.ensure_image(TAG, pins, make, official=official)
    return len(made)


def test_an_image_is_made_once_and_then_left_alone(engine: Engine) -> None:
    assert [ensure(engine), ensure(engine)] == [1, 0]


def test_an_engine_that_was_emptied_is_filled_from_the_cache(engine: Engine) -> None:
    ensure(engine)
    engine.labels.clear()
    assert ensure(engine) == 0
    assert engine.did("load") == 1


def test_an_image_is_made_anew_when_what_it_is_made_from_changed(engine: Engine) -> None:
    assert [ensure(engine), ensure(engine, "f" * len(PINS))] == [1, 1]


def test_no_more_than_the_newest_few_of_a_repository_stay_in_the_cache(engine: Engine, tmp_path: Path) -> None:
    for number, pins in enumerate(("d", "e", "f")):
        ensure(engine, pins * len(PINS))
        os.utime(image_store.archive_of(TAG, pins * len(PINS)), (number, number))
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == [f"highstreetly-thing-1-{pins * len(PINS)}.tar" for pins in ("e", "f")]


def test_keeping_one_image_leaves_those_with_similar_names_in_the_cache(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    other = tmp_path / "images" / f"highstreetly-thing-10-{PINS}.tar"
    other.touch()
    ensure(engine)
    assert other.exists()


def test_a_damaged_archive_is_dropped_and_the_image_made_again(engine: Engine) -> None:
    ensure(engine)
    engine.labels.clear()
    image_store.archive_of(TAG, PINS).write_text(f"{TAG}=something else")
    assert ensure(engine) == 1


def test_an_image_that_could_not_be_kept_leaves_nothing_in_the_cache(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        done = engine.run(command, **options)
        if command[1] == "save":
            raise PlatformError("no space left on device")
        return done

    monkeypatch.setattr(image_store, "run", run)
    with pytest.raises(PlatformError, match="no space left"):
        ensure(engine)
    assert list((tmp_path / "images").iterdir()) == []


def test_an_image_made_without_its_label_is_refused(engine: Engine) -> None:
    with pytest.raises(PlatformError, match="not made as it should be"):
        image_store.ensure_image(TAG, PINS, lambda _step: engine.labels.update({TAG: ""}), official=False)


def test_an_official_image_that_is_there_is_used_as_it_is(engine: Engine) -> None:
    engine.labels[TAG] = ""
    assert ensure(engine, official=True) == 0


def test_an_official_image_is_pulled_rather_than_made(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "pull", lambda _tag: True)
    assert ensure(engine, official=True) == 0


def test_an_image_of_ours_is_never_pulled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "pull", lambda _tag: pytest.fail("a registry was asked"))
    assert ensure(engine) == 1


@pytest.mark.parametrize(
    ("tag", "registry"),
    [
        ("debian:12", "docker.io"),
        ("flyway/flyway:13", "docker.io"),
        ("registry.k8s.io/pause:3.10.1", "registry.k8s.io"),
        ("localhost:5000/thing", "localhost:5000"),
        ("localhost/thing", "localhost"),
    ],
)
def test_the_registry_is_read_from_the_name(tag: str, registry: str) -> None:
    assert image_store.registry_of(tag) == registry


def fake_docker(folder: Path, script: str) -> Path:
    """A `docker` that runs ``script`` and counts its calls in the file it returns."""
    calls = folder / "calls"
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\necho called >> {calls}\n{script}\n")
    program.chmod(0o755)
    return calls


@pytest.mark.parametrize(
    ("script", "pulled", "asked"),
    [
        ("echo 'no such host' >&2; exit 1", [False, False], 1),
        ("exec sleep 60", [False, False], 1),
        ("echo '1: Pulling from highstreetly/thing'; exit 1", [False, False], 2),
        ("echo '1: Pulling from highstreetly/thing'", [True, True], 2),
    ],
    ids=["no network", "silence", "a broken download", "all well"],
)
def test_a_registry_that_says_nothing_is_not_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, pulled: list[bool], asked: int
) -> None:
    calls = fake_docker(tmp_path, script)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setattr(image_store, "_unreachable", set())
    monkeypatch.setattr(image_store, "FIRST_WORD_SECONDS", 0.5)
    assert [image_store.pull(TAG), image_store.pull(TAG)] == pulled
    assert len(calls.read_text().split()) == asked


def test_a_digest_follows_names_and_contents_and_nothing_else(tmp_path: Path) -> None:
    def digest(*files: tuple[str, str]) -> str:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        for name, text in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return image_store.digest_of(folder, "version 1")

    first = digest(("a", "1"), ("b/c", "2"))
    assert first == digest(("b/c", "2"), ("a", "1")), "the order of writing does not matter"
    assert first == digest(("a", "1"), ("b/c", "2"), ("b/__pycache__/c.pyc", "3")), "what Python compiles does not matter"
    assert len({first, digest(("a", "2"), ("b/c", "2")), digest(("a2", "1"), ("b/c", "2"))}) == 3


def test_a_digest_tells_where_one_part_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("b")
    assert len({image_store.digest_of("ab", "c"), image_store.digest_of("a", "bc"), image_store.digest_of(tmp_path / "file", "c")}) == 3


def test_the_stand_ins_answer_to_the_names_that_our_dockerfiles_build_from() -> None:
    assert f"FROM {debian.TAG}\n" in (nginx.CONTEXT / "Dockerfile").read_text()


def test_another_debian_makes_another_nginx(monkeypatch: pytest.MonkeyPatch) -> None:
    before = nginx.pins()
    monkeypatch.setattr(debian, "SUITE", "trixie")
    assert nginx.pins() != before


def test_the_image_s_package_sources_are_those_that_it_was_made_from() -> None:
    found = debian.sources("deb http://mirror.example/debian bookworm main\n")
    addresses = [line.removeprefix("URIs: ") for line in found.splitlines() if line.startswith("URIs: ")]
    assert addresses == ["http://mirror.example/debian", "http://mirror.example/debian-security"]


def test_making_debian_without_root_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PlatformError, match="cannot be pulled, and making a stand-in needs root"):
        debian.make(Step("test"))
