"""The programs that the roles put on machines for backups: one restores beside the present, one sends RabbitMQ's definitions."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROLES = Path(__file__).parents[3] / "ansible" / "roles"
RESTORE_ASIDE = ROLES / "postgres" / "files" / "restore-aside.py"
RABBITMQ_BACKUP = ROLES / "rabbitmq" / "files" / "rabbitmq-backup"
S3CMD = """#!/bin/sh
# Stands for the store: objects are files of $STORE; BROKEN=1 stores something else than was sent.
set -eu
quiet=
while [ "${1#--}" != "$1" ]; do [ "$1" != --quiet ] || quiet=1; shift; done
file() { echo "$STORE/$(basename "$1")"; }
case $1 in
ls) [ -z "$quiet" ] || exit 0 # the real one says nothing then, either
    for each in "$STORE"/*; do [ ! -e "$each" ] || echo "2026-11-23 14:43    32  $2$(basename "$each")"; done ;;
put) cp "$2" "$(file "$3")"; [ -z "${BROKEN:-}" ] || echo damaged >> "$(file "$3")" ;;
get) shift; while [ "${1#--}" != "$1" ]; do shift; done; cp "$(file "$1")" "$2" ;;
del) rm "$(file "$2")" ;;
esac
"""


@pytest.fixture(scope="module")
def aside() -> ModuleType:
    """The program restore-aside, as a module."""
    spec = importlib.util.spec_from_file_location("restore_aside", RESTORE_ASIDE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("latest", "latest"),
        ("2026-11-23T14:00:00Z", "2026-11-23 14:00:00.000000+00"),
        ("2026-11-23 14:00:00+00", "2026-11-23 14:00:00.000000+00"),
        ("2026-11-23T14:00:00.25+02:00", "2026-11-23 12:00:00.250000+00"),
        ("2026-11-23T14:00:00-0530", "2026-11-23 19:30:00.000000+00"),
    ],
)
def test_a_time_is_read_in_its_zone(aside: ModuleType, given: str, read: str) -> None:
    assert aside.normalised(given) == read


@pytest.mark.parametrize("given", ["2026-11-23T14:00:00", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23", "--stanza=x", ""])
def test_a_time_without_a_zone_or_of_no_calendar_is_refused(aside: ModuleType, given: str) -> None:
    with pytest.raises(aside.Refused, match="no time with its zone") as refused:
        aside.normalised(given)
    assert refused.value.args[1] == 2


@pytest.mark.parametrize("given", ["5432", "80", "65536", "x", "-1", ""])
def test_a_port_that_cannot_be_or_is_taken_is_refused(aside: ModuleType, given: str) -> None:
    assert aside.checked_port("5433", 5432) == 5433
    with pytest.raises(aside.Refused, match="no free port"):
        aside.checked_port(given, 5432)


def test_a_restore_goes_into_its_own_folder_and_stops_at_its_time(aside: ModuleType) -> None:
    words = aside.restore_command("2026-11-23 14:00:00.000000+00", "live_orders")
    assert "--pg1-path=/var/lib/postgresql/restore-aside/data" in words
    assert "--tablespace-map-all=/var/lib/postgresql/restore-aside/tablespaces" in words
    assert {"--spool-path=/var/lib/postgresql/restore-aside/spool", "--lock-path=/var/lib/postgresql/restore-aside/lock"} <= set(words)
    assert words[6:10] == ["--type=time", "--target=2026-11-23 14:00:00.000000+00", "--target-action=promote", "--db-include=live_orders"]
    assert "--type=default" in aside.restore_command("latest", "")


def test_the_copy_answers_on_its_socket_only_and_archives_nothing(aside: ModuleType) -> None:
    settings = aside.SETTINGS.splitlines()
    assert {"listen_addresses = ''", "archive_mode = off", "unix_socket_permissions = 0700", "hot_standby = off"} <= set(settings)
    assert aside.ACCESS == "local all postgres peer\n"


def test_room_is_asked_for_by_the_newest_backup_and_an_unreadable_repository_is_said(aside: ModuleType) -> None:
    backups = [{"info": {"size": 10}}, {"info": {"size": 1000}}]
    assert aside.needed_bytes([{"status": {"code": 0}, "backup": backups}]) == 1200
    with pytest.raises(aside.Refused, match="holds no backup"):
        aside.needed_bytes([{"status": {"code": 2}, "backup": []}])
    with pytest.raises(aside.Refused, match="cannot be read: no route"):
        aside.needed_bytes([{"status": {"code": 99}, "repo": [{"status": {"message": "no route"}}], "backup": []}])


@pytest.mark.parametrize("words", [["latest"], ["latest", "5432"], ["soon", "5433"], ["latest", "5433", "orders", "more"]])
def test_wrong_arguments_end_with_2_before_anything_is_done(
    aside: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "pgbackrest.conf").write_text("[main]\npg1-path=/var/lib/postgresql/15/main\npg1-port=5432\n")
    monkeypatch.setattr(aside, "CONFIGURATION", tmp_path / "pgbackrest.conf")
    monkeypatch.setattr(aside, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(aside, "run", lambda *words, **_: pytest.fail(f"it ran {words}"))
    assert aside.main(words) == 2
    assert capsys.readouterr().err.startswith("restore-aside: ")


def test_a_second_copy_is_refused_and_the_first_one_stays(
    aside: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pgbackrest.conf").write_text("[main]\npg1-path=/var/lib/postgresql/15/main\npg1-port=5432\n")
    (tmp_path / "copy").mkdir()
    for name, path in (("CONFIGURATION", "pgbackrest.conf"), ("LOCK", "lock"), ("FOLDER", "copy")):
        monkeypatch.setattr(aside, name, tmp_path / path)
    assert aside.main(["latest", "5433"]) == 1
    assert "--remove" in capsys.readouterr().err
    assert (tmp_path / "copy").exists()


class Definitions:
    """RabbitMQ's machine: exported definitions, the settings of their backup, and a store."""

    def __init__(self, root: Path) -> None:
        self.store, self.exported, self.settings, self.programs = (root / name for name in ("store", "exported", "settings", "bin"))
        for folder in (self.store, self.exported, self.settings, self.programs):
            folder.mkdir()
        (self.settings / "settings").write_text(f"place=s3://backups/rabbitmq/\nfolder={self.exported}\nkeep=3\n")
        (self.settings / "passphrase").write_text("a long enough passphrase\n")
        (self.programs / "s3cmd").write_text(S3CMD)
        (self.programs / "s3cmd").chmod(0o755)

    def export(self, second: int) -> str:
        """Export definitions as the timer does; returns the file's name."""
        name = f"definitions-20261123T0230{second:02d}Z.json"
        (self.exported / name).write_text(f'{{"users": [], "second": {second}}}')
        return name

    def backup(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        environment = {
            **os.environ,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "STORE": str(self.store),
            "RABBITMQ_BACKUP_CONFIGURATION": str(self.settings),
            **more,
        }
        return subprocess.run(["sh", RABBITMQ_BACKUP, *words], env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    return Definitions(tmp_path)


def test_the_newest_definitions_are_sent_encrypted_and_can_be_read_again(definitions: Definitions) -> None:
    definitions.export(1)
    newest = definitions.export(2)
    sent = definitions.backup()
    assert sent.returncode == 0, sent.stderr
    assert definitions.backup("list").stdout.split() == [f"{newest}.enc"]
    assert b"users" not in (definitions.store / f"{newest}.enc").read_bytes()
    assert definitions.backup("show", f"{newest}.enc").stdout == '{"users": [], "second": 2}'


def test_no_more_than_so_many_are_kept_and_the_oldest_go(definitions: Definitions) -> None:
    for second in range(5):
        definitions.export(second)
        assert definitions.backup().returncode == 0
    assert definitions.backup("list").stdout.split() == [f"definitions-20261123T0230{second:02d}Z.json.enc" for second in (2, 3, 4)]


def test_what_cannot_be_read_back_is_no_backup_and_no_older_one_goes(definitions: Definitions) -> None:
    for second in range(3):
        definitions.export(second)
        assert definitions.backup().returncode == 0
    definitions.export(3)
    sent = definitions.backup(BROKEN="1")
    assert sent.returncode == 1
    assert "is not what was sent" in sent.stderr
    assert len(definitions.backup("list").stdout.split()) == 4


def test_without_an_export_it_says_so(definitions: Definitions) -> None:
    sent = definitions.backup()
    assert sent.returncode == 1
    assert "nothing was exported" in sent.stderr


def test_restore_aside_is_a_program_of_the_machines_python() -> None:
    shown = subprocess.run([sys.executable, RESTORE_ASIDE, "latest"], capture_output=True, text=True, timeout=30, check=False)
    assert shown.returncode == 2
    assert "restore-aside TIME PORT [DATABASE]" in shown.stderr
