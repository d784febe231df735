#!/usr/bin/env python3
"""restore-aside: an earlier state of the whole cluster beside the present one, for taking single databases out of it.

    restore-aside TIME PORT [DATABASE]   TIME is 2026-11-23T14:00:00Z (with its zone) or latest; of DATABASE alone, if one is given
    restore-aside --remove               stops it and deletes its files

It comes from pgBackRest's repository into a folder of its own and answers on the unix socket only, to the account postgres:
`sudo -u postgres pg_dump --port=PORT DATABASE`. It archives nothing. The cluster that serves is not touched; it is first asked to send
what it has, so that TIME may be a moment ago. Ends with 0 when the copy serves, 1 when it does not and says why, 2 for wrong arguments.
"""

from __future__ import annotations

import configparser
import datetime
import fcntl
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/etc/pgbackrest/pgbackrest.conf")
FOLDER = Path("/var/lib/postgresql/restore-aside")
FOLDERS = ("data", "tablespaces", "spool", "lock")
LOCK = Path("/run/lock/restore-aside")
UNIT = "restore-aside.service"
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)")
LOWEST_PORT, HIGHEST_PORT = 1024, 65535
ROOM = 1.2
"""How many times the cluster's size must be free: its files, and the log that is replayed."""
POLL_SECONDS = 0.2
SETTINGS = """\
listen_addresses = ''
unix_socket_permissions = 0700
archive_mode = off
hot_standby = off
autovacuum = off
fsync = off
shared_buffers = 32MB
max_wal_size = 256MB
"""
"""Of a copy that few look at for a short time: small, quiet, and open only when it is whole."""
ACCESS = "local all postgres peer\n"


class Refused(Exception):
    """Why there is no copy, in words for a person; the second argument is the exit code."""


def normalised(text: str) -> str:
    """A time as pgBackRest and PostgreSQL both read it, in UTC, or `latest`; raises Refused for anything else."""
    if text == "latest":
        return text
    try:
        if not TIME.fullmatch(text):
            raise ValueError
        given = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text} is no time with its zone, for example 2026-11-23T14:00:00Z; or write latest", 2) from None
    return given.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def checked_port(text: str, live: int) -> int:
    """The copy's port; raises Refused for one that cannot be, or that the present cluster has."""
    port = int(text) if text.isdigit() else 0
    if not LOWEST_PORT <= port <= HIGHEST_PORT or port == live:
        raise Refused(f"{text} is no free port from {LOWEST_PORT} to {HIGHEST_PORT}, for example {live + 1}", 2)
    return port


def restore_command(moment: str, database: str) -> list[str]:
    """The words with which pgBackRest fills the folder.

    The copy has a spool and locks of its own: a restore empties the spool, and in that of the cluster that serves segments are on their way.
    """
    kind = ["--type=default"] if moment == "latest" else ["--type=time", f"--target={moment}", "--target-action=promote"]
    only = [f"--db-include={database}"] if database else []
    places = [f"--pg1-path={FOLDER / 'data'}", f"--tablespace-map-all={FOLDER / 'tablespaces'}"]
    own = [f"--spool-path={FOLDER / 'spool'}", f"--lock-path={FOLDER / 'lock'}"]
    return ["pgbackrest", "--stanza=main", *places, *own, *kind, *only, "restore"]


def needed_bytes(info: list[dict[str, Any]]) -> int:
    """How much disk the newest backup needs; raises Refused where the repository cannot be read or holds none."""
    status = info[0]["status"]
    if status["code"] not in (0, 2):
        raise Refused(f"the repository cannot be read: {info[0]['repo'][0]['status']['message']}", 1)
    if not info[0]["backup"]:
        raise Refused("the repository holds no backup", 1)
    return int(info[0]["backup"][-1]["info"]["size"] * ROOM)


def run(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program; raises Refused with what it said when it fails."""
    done = subprocess.run([str(word) for word in words], cwd="/", capture_output=True, text=True, errors="replace", check=False)
    if check and done.returncode:
        raise Refused(f"{words[0]}: {(done.stderr or done.stdout).strip()}", 1)
    return done


def as_postgres(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's own account."""
    return run("runuser", "-u", "postgres", "--", *words, check=check)


def psql(port: int, statement: str) -> subprocess.CompletedProcess[str]:
    """Ask a server through its socket."""
    return as_postgres("psql", "--no-psqlrc", f"--port={port}", "--no-align", "--tuples-only", f"--command={statement}", check=False)


def remove() -> None:
    """Stop the copy and delete its files; nothing happens when there is none."""
    run("systemctl", "stop", UNIT, check=False)
    shutil.rmtree(FOLDER, ignore_errors=True)


def send_what_there_is(live: int) -> None:
    """Have the present cluster archive its log up to now; it may be down, then what the repository holds is all there is.

    A transaction of its own ends the log: without one after it, a time could not be recognised as reached.
    """
    if psql(live, "select pg_current_xact_id()").returncode == 0:
        as_postgres("pgbackrest", "--stanza=main", "check")


def fill(moment: str, port: int, database: str) -> None:
    """Bring the files, and the settings that the cluster keeps elsewhere."""
    held = as_postgres("pgbackrest", "--stanza=main", "--io-timeout=10", "--output=json", "info").stdout
    needed = needed_bytes(json.loads(held, strict=False))  # with a wrong passphrase its message quotes what it could not read
    free = shutil.disk_usage(FOLDER.parent).free
    if free < needed:
        raise Refused(f"{FOLDER.parent} has {free >> 20} MiB free, and the copy may need {needed >> 20} MiB", 1)
    data = FOLDER / "data"
    run("install", "-d", "-m", "0700", "-o", "postgres", "-g", "postgres", FOLDER, *(FOLDER / each for each in FOLDERS))
    as_postgres(*restore_command(moment, database))
    for name, text in (("postgresql.conf", f"{SETTINGS}port = {port}\n"), ("pg_hba.conf", ACCESS), ("pg_ident.conf", "")):
        (data / name).write_text(text)
        run("chown", "postgres:postgres", data / name)


def serve(program: Path, port: int) -> None:
    """Start the copy in a unit of its own and wait until its log is replayed; raises Refused with its last words when it ends before."""
    run("systemd-run", "--quiet", "--collect", f"--unit={UNIT}", "--uid=postgres", "--gid=postgres", program, "-D", FOLDER / "data")
    while psql(port, "select 1").returncode:
        if run("systemctl", "is-active", UNIT, check=False).stdout.strip() not in ("active", "activating"):
            said = run("journalctl", f"--unit={UNIT}", "--no-pager", "--output=cat", "--lines=12", check=False).stdout.strip()
            raise Refused(f"the copy does not serve:\n{said}", 1)
        time.sleep(POLL_SECONDS)


def restore(words: list[str]) -> None:
    """Make the copy; what is half made is removed again."""
    found = configparser.ConfigParser(interpolation=None)
    found.read(CONFIGURATION)
    live, cluster = int(found["main"]["pg1-port"]), Path(found["main"]["pg1-path"])
    moment, port, database = normalised(words[0]), checked_port(words[1], live), words[2] if len(words) > 2 else ""
    if FOLDER.exists():
        raise Refused("there is a copy already: restore-aside --remove", 1)
    send_what_there_is(live)
    try:
        fill(moment, port, database)
        serve(Path("/usr/lib/postgresql") / cluster.parent.name / "bin" / "postgres", port)
    except BaseException:
        remove()
        raise


def main(words: list[str]) -> int:
    """Do what was asked; returns the exit code."""
    try:
        if words != ["--remove"] and len(words) not in (2, 3):
            raise Refused(str(__doc__), 2)
        with LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if words == ["--remove"]:
                remove()
            else:
                restore(words)
    except BlockingIOError:
        sys.stderr.write("restore-aside: another one is at work\n")
        return 1
    except Refused as refused:
        sys.stderr.write(f"restore-aside: {refused.args[0]}\n")
        return int(refused.args[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
