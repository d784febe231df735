"""Where a plugin is put, which one, and how it starts from there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc as _grpc
import pytest
from google.protobuf import empty_pb2 as _empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from local.providers import install as installing
from local.providers.install import install, origin, sources
from local.providers.packages import load
from ops.errors import PlatformError

grpc: Any = _grpc
empty_pb2: Any = _empty_pb2
VERSION = load("random").version
EXECUTABLE = f"plugins/resource-random-v{VERSION}/pulumi-resource-random"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty Pulumi home."""
    return tmp_path / "home"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache."""
    return tmp_path / "cache"


def fake_pulumi(folder: Path, body: str) -> Path:
    """A pulumi command that does what a test needs, and counts its calls."""
    folder.mkdir(exist_ok=True)
    command = folder / "pulumi"
    command.write_text(f'#!/bin/sh\necho "$@" >>{folder}/calls\n{body}\n')
    command.chmod(0o755)
    return command


def calls(command: Path) -> int:
    log = command.parent / "calls"
    return len(log.read_text().splitlines()) if log.exists() else 0


def downloads_it(folder: Path) -> Path:
    target = f'"$PULUMI_HOME/plugins/resource-random-v{VERSION}"'
    return fake_pulumi(
        folder, f"mkdir -p {target}; printf 'ELF official' >{target}/pulumi-resource-random; chmod +x {target}/pulumi-resource-random"
    )


def test_without_an_official_plugin_the_stand_in_is_installed_and_said_so(home: Path, cache: Path) -> None:
    assert origin(home, "random", VERSION) is None
    assert install(home, "random", VERSION, cache=cache) == "stand-in"
    assert origin(home, "random", VERSION) == "stand-in"
    assert os.access(home / EXECUTABLE, os.X_OK)


def test_a_second_installation_changes_nothing(home: Path, cache: Path) -> None:
    install(home, "random", VERSION, cache=cache)
    before = {path: path.stat().st_mtime_ns for path in [*home.rglob("*"), *cache.rglob("*")] if path.is_file() and path.suffix != ".lock"}
    install(home, "random", VERSION, cache=cache)
    after = {path: path.stat().st_mtime_ns for path in [*home.rglob("*"), *cache.rglob("*")] if path.is_file() and path.suffix != ".lock"}
    assert before == after


def test_an_official_plugin_that_is_there_is_kept(home: Path, cache: Path, tmp_path: Path) -> None:
    (home / EXECUTABLE).parent.mkdir(parents=True)
    (home / EXECUTABLE).write_bytes(b"\x7fELF official")
    pulumi = fake_pulumi(tmp_path / "bin", "exit 1")
    assert install(home, "random", VERSION, cache=cache, pulumi=pulumi) == "official"
    assert (home / EXECUTABLE).read_bytes() == b"\x7fELF official"
    assert calls(pulumi) == 0


def test_a_half_installed_official_plugin_does_not_count(home: Path, cache: Path) -> None:
    (home / EXECUTABLE).parent.mkdir(parents=True)
    (home / EXECUTABLE).write_bytes(b"\x7fEL")
    partial = home / "plugins" / f"resource-random-v{VERSION}.partial"
    partial.touch()
    assert install(home, "random", VERSION, cache=cache) == "stand-in"
    assert not partial.exists()


def test_the_official_plugin_is_taken_where_it_can_be_downloaded_even_in_place_of_a_stand_in(
    home: Path, cache: Path, tmp_path: Path
) -> None:
    install(home, "random", VERSION, cache=cache)
    assert install(home, "random", VERSION, cache=cache, pulumi=downloads_it(tmp_path / "bin")) == "official"
    assert (home / EXECUTABLE).read_text() == "ELF official"


def test_a_failed_download_is_remembered_for_a_day(home: Path, cache: Path, tmp_path: Path) -> None:
    pulumi = fake_pulumi(tmp_path / "bin", "echo no such host >&2; exit 255")
    for _ in range(3):
        assert install(home, "random", VERSION, cache=cache, pulumi=pulumi) == "stand-in"
    assert calls(pulumi) == 1
    note = home / installing.FAILED_DOWNLOAD
    assert "no such host" in json.loads(note.read_text())["why"]
    note.write_text(json.dumps({"failed_at": time.time() - installing.DOWNLOAD_AGAIN_SECONDS - 1}))
    assert install(home, "random", VERSION, cache=cache, pulumi=downloads_it(tmp_path / "bin")) == "official"
    assert not note.exists()


def test_a_download_that_hangs_is_given_up(home: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "DOWNLOAD_SECONDS", 0.3)
    started = time.monotonic()
    assert install(home, "random", VERSION, cache=cache, pulumi=fake_pulumi(tmp_path / "bin", "exec sleep 30")) == "stand-in"
    assert time.monotonic() - started < 10


def test_a_version_the_stand_in_is_not_written_for_is_refused(home: Path, cache: Path) -> None:
    with pytest.raises(PlatformError, match=r"There is no plugin random 0\.0\.1"):
        install(home, "random", "0.0.1", cache=cache)
    assert origin(home, "random", "0.0.1") is None


def test_the_copy_in_the_cache_is_complete_and_named_by_its_content(cache: Path) -> None:
    copy = sources(cache)
    assert (copy / "local/providers/__main__.py").exists()
    assert not (copy / "local/providers/install.py").exists(), "the plugin needs nothing of the platform"
    assert sources(cache) == copy
    assert [path.name for path in (cache / "tools").iterdir()] == [copy.name], "nothing half-made is left"


def test_the_installed_plugin_starts_away_from_the_checkout_and_ends_at_once(home: Path, cache: Path, tmp_path: Path) -> None:
    install(home, "random", VERSION, cache=cache)
    away = tmp_path / "away"
    shutil.move(cache, away)
    script = home / EXECUTABLE
    script.write_text(script.read_text().replace(str(cache), str(away)))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [script, "127.0.0.1:1"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            assert stub.GetPluginInfo(empty_pb2.Empty()).version == VERSION
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
    assert process.returncode == 0
    assert said == "", "a plugin's standard error is shown to the user"


def test_a_plugin_ends_when_its_engine_was_killed() -> None:
    start = "p = subprocess.Popen([sys.executable, '-m', 'local.providers', 'random'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)"
    code = f"import subprocess, sys; {start}; p.stdout.readline(); print(p.pid)"
    engine = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True, timeout=30
    )
    status = Path(f"/proc/{int(engine.stdout)}/stat")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(status):
        time.sleep(0.1)
    alive = _runs(status)
    if alive:
        os.kill(int(engine.stdout), signal.SIGKILL)
    assert not alive


def _runs(status: Path) -> bool:
    """Whether the process of a /proc/<pid>/stat is there and no zombie."""
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
