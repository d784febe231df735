"""The container engine: the user's where one runs; else, for root, Docker is installed and started, and stopped again with the estate."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from local.estate import cache_dir
from ops import console
from ops.errors import PlatformError
from ops.process import run

START_SECONDS = 30
STOP_SECONDS = 30
KILL_SECONDS = 5
ANSWER_SECONDS = 10
EXEC_ROOT = Path("/var/run/docker")
CONTAINERD_CONFIG = EXEC_ROOT / "containerd" / "containerd.toml"
SYSTEMD_RUNS = Path("/run/systemd/system")
"""Where sd_booted(3) looks."""
CAP_SYS_RESOURCE = 24
"""linux/capability.h; containers that ask for all capabilities cannot start where the machine lacks this one."""

RUNTIME_NAME = "runc-without-sys-resource"
# runc reads what a container may do from config.json (create) or from a process file (exec): the capability is taken out of both.
RUNTIME = """\
#!/usr/bin/env python3
import json, os, sys

def without(path, get):
    with open(path) as file:
        spec = json.load(file)
    process = get(spec)
    for names in (process.get("capabilities") or {}).values():
        if "CAP_SYS_RESOURCE" in names:
            names.remove("CAP_SYS_RESOURCE")
    with open(path, "w") as file:
        json.dump(spec, file)

words = sys.argv[1:]
for flag in ("--bundle", "-b"):
    if "create" in words and flag in words:
        without(os.path.join(words[words.index(flag) + 1], "config.json"), lambda spec: spec["process"])
for flag in ("--process", "-p"):
    if "exec" in words and flag in words:
        without(words[words.index(flag) + 1], lambda spec: spec)
os.execvp("runc", ["runc", *words])
"""


def _folder() -> Path:
    return cache_dir() / "engine"


def _pid_file() -> Path:
    return _folder() / "docker.pid"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the engine's lock: two commands neither start nor stop it at the same time."""
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_running() -> bool:
    """Whether a Docker engine answers, within ten seconds."""
    if not shutil.which("docker"):
        return False
    try:
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        return run(command, check=False, timeout_seconds=ANSWER_SECONDS).returncode == 0
    except PlatformError:
        return False


def ensure_engine() -> None:
    """Make sure that a Docker engine answers: use the one that runs, else install and start one.

    Raises PlatformError when none runs and the user is not root, or when it does not start.
    """
    if is_running():
        return
    if os.geteuid() != 0:
        raise PlatformError(
            "No Docker engine answers.", why="Installing and starting one needs root.", remedy="start Docker, or run this as root"
        )
    with _one_at_a_time():
        if not is_running():
            _install()
            _start()


def _install() -> None:
    if shutil.which("dockerd") and shutil.which("containerd") and shutil.which("runc"):
        return
    units = new_units(had_docker=bool(shutil.which("dockerd")), had_containerd=bool(shutil.which("containerd")))
    with console.step("Installing Docker"), _services_stay_off():
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        remedy = "check the network and apt's sources, then run the same command again"
        run(["apt-get", "update", "-qq"], env=environment, what="The package lists could not be had.", remedy=remedy)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "docker.io", "iptables"], env=environment,
            what="Docker could not be installed.", remedy=remedy)  # fmt: skip
    if units and SYSTEMD_RUNS.is_dir():
        run(["systemctl", "disable", *units], what="Docker's services could not be kept from starting with the machine.",
            remedy=f"systemctl disable {' '.join(units)}")  # fmt: skip


def new_units(*, had_docker: bool, had_containerd: bool) -> list[str]:
    """The services that come with our installation; they must not start a second engine at the next boot."""
    docker = [] if had_docker else ["docker.service", "docker.socket"]
    return docker if had_containerd else [*docker, "containerd.service"]


class _services_stay_off:
    """While packages are installed, none of their services is started: only we start the engine (see policy-rc.d(8))."""

    path = Path("/usr/sbin/policy-rc.d")

    def __enter__(self) -> None:
        self.made = not self.path.exists()
        if self.made:
            self.path.write_text("#!/bin/sh\nexit 101\n")
            self.path.chmod(0o755)

    def __exit__(self, *_error: object) -> None:
        if self.made:
            self.path.unlink(missing_ok=True)


def lacks_sys_resource(status: str) -> bool:
    """Whether a process with this /proc/PID/status can never have CAP_SYS_RESOURCE."""
    bounding = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    return not bounding >> CAP_SYS_RESOURCE & 1


def _start() -> None:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with console.step("Starting the Docker engine"):
        _clear_stale()
        command = ["dockerd", "--data-root", str(cache_dir() / "docker"), "--exec-root", str(EXEC_ROOT), "--pidfile", str(_pid_file())]
        if lacks_sys_resource(Path("/proc/self/status").read_text()):
            command += ["--add-runtime", f"{RUNTIME_NAME}={_write_runtime(folder)}", "--default-runtime", RUNTIME_NAME]
        with (folder / "dockerd.log").open("w") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _wait_for(process, folder / "dockerd.log")


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the engine answers; one that exits or stays silent is ended, and its last words are in the PlatformError."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_running():
            return
        time.sleep(0.2)
    silent = process.poll() is None
    if silent:
        _end(process.pid)
    why = f"It did not answer within {START_SECONDS} s." if silent else f"It ended with {process.returncode}."
    tail = log.read_text(errors="replace").splitlines()[-10:]
    raise PlatformError("The Docker engine did not start.", why="\n".join([why, *tail]), remedy=f"read {log}")


def _write_runtime(folder: Path) -> Path:
    path = folder / RUNTIME_NAME
    path.write_text(RUNTIME)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _clear_stale() -> None:
    """Remove what an engine of ours that was killed left: its pid files, and the containerd that outlived it."""
    if not _pid(_pid_file(), "dockerd", "--pidfile", _pid_file()):
        _pid_file().unlink(missing_ok=True)
    if _engines():
        return  # the containerd may be another engine's
    path = EXEC_ROOT / "containerd" / "containerd.pid"
    pid = _pid(path, "containerd", "--config", CONTAINERD_CONFIG)
    if not pid or _end(pid):
        path.unlink(missing_ok=True)


def _engines() -> list[int]:
    """The Docker engines of this machine, ours and others'."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == "dockerd" and _lives(int(path.parent.name)):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _pid(path: Path, program: str, option: str, value: Path) -> int:
    """The number of the process that a pid file names, if that process is ``program`` started with our own ``option value``; else 0."""
    try:
        pid = int(path.read_text().strip())
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (OSError, ValueError):
        return 0
    ours = Path(command[0]).name == program and (option, str(value)) in pairwise(command)
    return pid if ours and _lives(pid) else 0


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and is still to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _end(pid: int) -> bool:
    """End a process, in the end by force; whether it is gone."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        deadline = time.monotonic() + seconds
        while _lives(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        else:
            return True
    return False


def stop_engine() -> None:
    """Stop the engine if we started it, and remove what it leaves on the machine; another one is left alone.

    Raises PlatformError when it does not end.
    """
    with _one_at_a_time():
        pid = _pid(_pid_file(), "dockerd", "--pidfile", _pid_file())
        if not pid:
            return
        with console.step("Stopping the Docker engine"):
            if not _end(pid):
                raise PlatformError(f"The Docker engine (process {pid}) does not end.", remedy=f"read {_folder() / 'dockerd.log'}")
            _clear_stale()
            if not _engines():
                _clear_network()


def _clear_network() -> None:
    """Remove the engine's own bridge and its chains of the firewall, which it leaves when it ends."""
    if shutil.which("ip"):
        run(["ip", "link", "delete", "docker0"], check=False)
    for family in ("iptables", "ip6tables"):
        if shutil.which(f"{family}-save") and (undo := without_docker(run([f"{family}-save"], check=False).stdout)):
            run([f"{family}-restore", "--noflush"], input=undo, check=False)


def without_docker(saved: str) -> str:
    """What iptables-restore is told to take Docker's chains, and the rules that lead to them or name its bridge, out of ``saved``.

    ``saved`` is what iptables-save printed. Nothing is told about other rules; the answer is empty where there is nothing of Docker's.
    """
    told: list[str] = []
    for table in saved.split("\n*")[0 if saved.startswith("*") else 1 :]:
        lines = table.removeprefix("*").splitlines()
        chains = [line[1:].split()[0] for line in lines if line.startswith(":DOCKER")]
        rules = [line.removeprefix("-A ") for line in lines if line.startswith("-A ") and not line.startswith("-A DOCKER")]
        leading = [rule for rule in rules if {"docker0", *chains} & set(rule.split())]
        if chains or leading:
            told += [f"*{lines[0]}", *(f"-D {rule}" for rule in leading)]
            told += [*(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains), "COMMIT"]
    return "\n".join([*told, ""]) if told else ""
