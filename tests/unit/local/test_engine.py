"""Only an engine that we started is stopped, and one that answers is never touched. No engine runs in these tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import engine
from ops.errors import PlatformError

GONE = 4_194_304 + 1
"""Above Linux's largest process number (kernel.pid_max)."""
ALL_CAPABILITIES = 0x1FFFFFFFFFF


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HS_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("bounding", "lacks"),
    [(ALL_CAPABILITIES, False), (ALL_CAPABILITIES & ~(1 << engine.CAP_SYS_RESOURCE), True), (0, True)],
)
def test_the_missing_capability_is_read_from_the_bounding_set(bounding: int, lacks: bool) -> None:
    status = f"Name:\tpython\nCapEff:\t{ALL_CAPABILITIES:016x}\nCapBnd:\t{bounding:016x}\nCapAmb:\t0000000000000000\n"
    assert engine.lacks_sys_resource(status) is lacks


def test_an_engine_that_answers_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_running", lambda: True)
    for effect in ("_install", "_start"):
        monkeypatch.setattr(engine, effect, lambda: pytest.fail("something was changed"))
    engine.ensure_engine()


def test_without_an_engine_and_without_root_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_running", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PlatformError, match="No Docker engine answers") as refused:
        engine.ensure_engine()
    assert "root" in refused.value.remedy


def test_stopping_leaves_an_engine_alone_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process was stopped"))
    engine.stop_engine()


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """The engine's pid file."""
    (tmp_path / "engine").mkdir()
    return tmp_path / "engine" / "docker.pid"


@contextmanager
def process(name: str, *words: str, ignores_end: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A harmless process that bears an engine's name and arguments."""
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if ignores_end else ""
    code = f"import signal, time; {ignoring} print(flush=True); time.sleep(60)"
    started = subprocess.Popen([name, "-c", code, *words], executable=sys.executable, stdout=subprocess.PIPE)
    assert started.stdout is not None
    with started.stdout as ready:
        try:
            ready.readline()
            yield started
        finally:
            started.kill()
            started.wait()


@pytest.mark.parametrize("content", [str(GONE), "", "no number", str(os.getpid())], ids=["gone", "empty", "no number", "another program's"])
def test_a_pid_file_counts_only_while_its_process_is_an_engine(pid_file: Path, content: str) -> None:
    pid_file.write_text(content)
    assert engine._pid(pid_file, "dockerd", "--pidfile", pid_file) == 0


@pytest.mark.parametrize(
    ("name", "words", "ours"),
    [
        ("/usr/bin/dockerd", ["--pidfile", "{}"], True),
        ("dockerd", ["-H", "fd://"], False),
        ("dockerd", ["--pidfile", "/var/run/docker.pid"], False),
        ("editor", ["--pidfile", "{}"], False),
        ("dockerd", ["--other", "{}"], False),
    ],
    ids=["ours", "the system's", "another pid file", "another program", "another option"],
)
def test_only_a_process_with_our_own_pid_file_is_our_engine(pid_file: Path, name: str, words: list[str], ours: bool) -> None:
    with process(name, *(word.format(pid_file) for word in words)) as started:
        pid_file.write_text(str(started.pid))
        assert engine._pid(pid_file, "dockerd", "--pidfile", pid_file) == (started.pid if ours else 0)


@pytest.mark.parametrize("others", [[], [1]], ids=["no other engine", "another engine runs"])
def test_what_our_engine_leaves_is_removed_only_while_no_other_engine_runs(
    pid_file: Path, monkeypatch: pytest.MonkeyPatch, others: list[int]
) -> None:
    cleared: list[bool] = []
    monkeypatch.setattr(engine, "_engines", lambda: others)
    monkeypatch.setattr(engine, "EXEC_ROOT", pid_file.parent / "exec")
    monkeypatch.setattr(engine, "_clear_network", lambda: cleared.append(True))
    with process("dockerd", "--pidfile", str(pid_file)) as started:
        pid_file.write_text(str(started.pid))
        engine.stop_engine()
        assert started.poll() is not None or not engine._lives(started.pid)
    assert not pid_file.exists()
    assert cleared == ([] if others else [True])


def test_an_engine_that_does_not_end_by_itself_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STOP_SECONDS", 0.2)
    with process("dockerd", ignores_end=True) as started:
        assert engine._end(started.pid)
        assert started.wait() == -signal.SIGKILL


def test_the_pid_file_of_an_engine_that_still_lives_is_kept(pid_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_end", lambda _: False)
    with process("dockerd", "--pidfile", str(pid_file)) as started:
        pid_file.write_text(str(started.pid))
        with pytest.raises(PlatformError, match="does not end"):
            engine.stop_engine()
    assert pid_file.exists()


def test_an_engine_that_exits_at_once_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("no room on the disk\n")
    monkeypatch.setattr(engine, "is_running", lambda: False)
    failed = subprocess.Popen(["false"])
    started = time.monotonic()
    with pytest.raises(PlatformError, match="did not start") as told:
        engine._wait_for(failed, log)
    assert time.monotonic() - started < 5
    assert "ended with 1" in told.value.why
    assert "no room on the disk" in told.value.why


def test_an_engine_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.2)
    assert not engine.is_running()


def test_of_two_commands_at_once_only_one_starts_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[bool] = []

    def start() -> None:
        time.sleep(0.1)
        starts.append(True)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "is_running", lambda: bool(starts))
    monkeypatch.setattr(engine, "_install", lambda: None)
    monkeypatch.setattr(engine, "_start", start)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for command in [pool.submit(engine.ensure_engine) for _ in range(2)]:
            command.result()
    assert starts == [True]


@pytest.mark.parametrize("systemd", [True, False])
def test_services_that_our_installation_brings_do_not_start_with_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemd: bool
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(engine, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(engine._services_stay_off, "path", tmp_path / "policy-rc.d")
    monkeypatch.setattr(engine, "SYSTEMD_RUNS", tmp_path if systemd else tmp_path / "none")
    engine._install()
    disabled = ["systemctl", "disable", "docker.service", "docker.socket", "containerd.service"]
    assert commands[2:] == ([disabled] if systemd else [])


def test_services_that_were_there_before_us_are_left_as_they_are() -> None:
    assert engine.new_units(had_docker=True, had_containerd=True) == []
    assert engine.new_units(had_docker=False, had_containerd=True) == ["docker.service", "docker.socket"]


SAVED = """\
# Generated by iptables-save
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.8.0.0/24 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:mine - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j mine
-A DOCKER-USER -j RETURN
COMMIT
"""


def test_of_the_firewall_only_dockers_part_is_removed() -> None:
    assert engine.without_docker(SAVED).splitlines() == [
        "*nat",
        "-D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-F DOCKER",
        "-X DOCKER",
        "COMMIT",
        "*filter",
        "-D FORWARD -j DOCKER-USER",
        "-F DOCKER-USER",
        "-X DOCKER-USER",
        "COMMIT",
    ]


@pytest.mark.parametrize("saved", ["", "*filter\n:FORWARD ACCEPT [0:0]\n:mine - [0:0]\n-A FORWARD -j mine\nCOMMIT\n"])
def test_a_firewall_without_docker_is_not_touched(saved: str) -> None:
    assert engine.without_docker(saved) == ""


def test_a_stale_pid_file_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "docker.pid").write_text(str(os.getpid()))
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process was stopped"))
    engine.stop_engine()


def capabilities() -> dict[str, list[str]]:
    return {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]}


def run_runtime(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the wrapper with a runc that only says what it was asked."""
    runc = folder / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    wrapper = folder / "wrapper"
    wrapper.write_text(engine.RUNTIME)
    for program in (runc, wrapper):
        program.chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run([str(wrapper), *words], env={"PATH": path}, check=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("words", "file", "spec"),
    [
        (["--root", "/r", "create", "--bundle", "{}", "name"], "config.json", {"process": {"capabilities": capabilities()}}),
        (["--root", "/r", "exec", "--process", "{}/process.json", "name"], "process.json", {"capabilities": capabilities()}),
    ],
    ids=["create", "exec"],
)
def test_the_runtime_takes_out_the_one_capability_and_hands_over_the_rest(
    tmp_path: Path, words: list[str], file: str, spec: dict[str, Any]
) -> None:
    (tmp_path / file).write_text(json.dumps(spec))
    asked = [word.format(tmp_path) for word in words]
    assert run_runtime(tmp_path, *asked).stdout.split() == asked
    written = json.loads((tmp_path / file).read_text())
    assert written.get("process", written)["capabilities"] == {"bounding": ["CAP_CHOWN"], "effective": []}


def test_the_runtime_passes_other_words_on_untouched(tmp_path: Path) -> None:
    assert run_runtime(tmp_path, "state", "name").stdout.split() == ["state", "name"]
