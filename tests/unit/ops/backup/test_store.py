"""What is kept in the store beside pgBackRest's: the machine's own program, run here with an s3cmd that is a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops.backup.store import DEFINITIONS_UNIT, KEPT, PROGRAM, Store
from ops.errors import PlatformError
from ops.machines import Answer
from tests.unit.ops.backup.fakes import FakeMachine, ok

S3CMD = """#!/bin/sh
# An s3cmd whose bucket is a folder: put FILE URL, get --force URL FILE, ls URL, del URL.
while :; do case $1 in --*) shift;; *) break;; esac; done
action=$1; shift
[ "$1" = --force ] && shift
at() {{ echo "{bucket}/${{1#s3://}}"; }}
case $action in
put) mkdir -p "$(dirname "$(at "$2")")"; cp "$1" "$(at "$2")" ;;
get) cp "$(at "$1")" "$2" ;;
ls) for file in "$(at "$1")"*; do [ -e "$file" ] && echo "2026-11-23 14:00 7 $1$(basename "$file")"; done ;;
del) rm "$(at "$1")" ;;
esac
"""
PLACE = "platform/kind"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose machine is this one."""
    settings = tmp_path / "rabbitmq-backup"
    settings.mkdir()
    (settings / "settings").write_text("place=s3://backups/rabbitmq/\nfolder=/nowhere\nkeep=30\n")
    (settings / "passphrase").write_text("correct horse battery staple\n")
    program = tmp_path / "bin" / "s3cmd"
    program.parent.mkdir()
    program.write_text(S3CMD.format(bucket=tmp_path / "bucket"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    script = PROGRAM.replace("/etc/rabbitmq-backup", str(settings)).replace("-iter 600000", "-iter 1")

    def reply(words: tuple[str, ...], given: bytes) -> Answer:
        assert words[:5] == ("sudo", "-u", "rabbitmq", "sh", "-c")
        done = subprocess.run(["sh", "-c", script, *words[6:]], input=given, capture_output=True, check=False)
        return Answer(done.returncode, done.stdout, done.stderr.decode())

    return Store(FakeMachine(reply=reply))


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """Where the archives of `kind` lie."""
    assert store
    return tmp_path / "bucket" / "backups" / PLACE


def test_an_archive_is_encrypted_before_it_is_sent_and_read_back(store: Store, folder: Path) -> None:
    store.put("kind", "a.tar.gz.enc", b"secret\x00bytes")
    assert store.get("kind", "a.tar.gz.enc") == b"secret\x00bytes"
    stored = (folder / "a.tar.gz.enc").read_bytes()
    assert stored.startswith(b"Salted__")
    assert b"secret" not in stored


def test_openssl_alone_reads_it_with_the_passphrase(store: Store, folder: Path) -> None:
    store.put("kind", "a", b"content")
    words = [
        "openssl",
        *["enc", "-d", "-aes-256-cbc", "-md", "sha256", "-pbkdf2", "-iter", "1", "-pass", "env:PASSPHRASE", "-in"],
        str(folder / "a"),
    ]
    environment = {"PASSPHRASE": "correct horse battery staple"}
    assert subprocess.run(words, env=environment, capture_output=True, check=True).stdout == b"content"


def test_an_archive_that_was_changed_or_is_gone_cannot_be_read(store: Store, folder: Path) -> None:
    store.put("kind", "a", b"content")
    (folder / "a").write_bytes(b"Salted__ and nothing else that is right")
    for name in ("a", "gone"):
        with pytest.raises(PlatformError, match="cannot be read"):
            store.get("kind", name)


def test_the_oldest_go_when_there_are_too_many_and_other_environments_keep_theirs(store: Store, folder: Path) -> None:
    store.put("live", "000", b"live's")
    for number in range(KEPT + 2):
        store.put("kind", f"{number:03d}", b"content")
    assert sorted(path.name for path in folder.iterdir()) == [f"{number:03d}" for number in range(2, KEPT + 2)]
    assert store.get("live", "000") == b"live's"


def test_what_is_not_read_back_as_it_was_sent_is_not_stored() -> None:
    machine = FakeMachine(reply=lambda words, _given: ok(b"something else") if "get" in words else ok())
    with pytest.raises(PlatformError, match="could not be stored") as failed:
        Store(machine).put("kind", "a", b"content")
    assert "not what was sent" in failed.value.why


def test_definitions_are_exported_by_the_machine_and_the_newest_name_is_theirs() -> None:
    machine = FakeMachine(reply=lambda words, _given: ok(b"definitions-1.json.enc\ndefinitions-2.json.enc\n") if "list" in words else ok())
    assert Store(machine).take_definitions() == "definitions-2.json.enc"
    assert machine.asked[0] == ("sudo", "systemctl", "start", DEFINITIONS_UNIT)


def test_definitions_that_could_not_be_stored_say_why() -> None:
    machine = FakeMachine(reply=lambda words, _given: ok(b"it is not what was sent") if "journalctl" in words else Answer(1, b"", "failed"))
    with pytest.raises(PlatformError, match="could not be backed up") as failed:
        Store(machine).take_definitions()
    assert failed.value.why == "it is not what was sent"
