"""The estate's root goes into the user's browsers once, is replaced when it is another, and leaves again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.estate import Estate
from local.trust import SYSTEM_COMMAND, firefox_profiles, nickname, trust
from ops.errors import InputError, PlatformError
from tests.unit.ops.conftest import Authority

FAKE_CERTUTIL = """#!/bin/sh
# Keeps one certificate in the database's folder, as the real one does under a name; writes its calls down.
echo "$*" >> "$CALLS"
while [ $# -gt 0 ]; do
  case "$1" in -N|-A|-D|-L) action=$1;; -d) shift; folder=${1#sql:};; esac
  shift
done
case "$action" in
  -N) touch "$folder/cert9.db";;
  -A) cat > "$folder/held.pem";;
  -D) rm "$folder/held.pem";;
  -L) cat "$folder/held.pem" 2>/dev/null || exit 255;;
esac
"""
Calls = Callable[[], list[str]]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> Estate:
    """An estate whose ACME server has a root."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    found = Estate.load()
    found.data_dir.mkdir(parents=True)
    found.acme_root.write_text(authority.pem)
    return found


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What certutil and update-ca-certificates were called with since this was asked last."""
    programs, written = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    for name, text in {"certutil": FAKE_CERTUTIL, "update-ca-certificates": '#!/bin/sh\necho "update $*" >> "$CALLS"\n'}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(written))

    def read() -> list[str]:
        lines = written.read_text().splitlines() if written.exists() else []
        written.unlink(missing_ok=True)
        return lines

    return read


@pytest.fixture
def no_system(tmp_path: Path) -> Path:
    """A store of the machine that holds nothing."""
    path = tmp_path / "ca-certificates"
    path.mkdir()
    return path


def changes(calls: list[str]) -> list[str]:
    return [call.split()[0] for call in calls if not call.startswith("-L")]


def make_firefox(home: Path) -> Path:
    profile = home / ".mozilla" / "firefox" / "abc.default"
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    (profile.parent / "profiles.ini").write_text(
        "[General]\nVersion=2\n[Profile0]\nName=default\nIsRelative=1\nPath=abc.default\n[Profile1]\nIsRelative=1\nPath=never-started\n"
    )
    return profile


def test_the_root_goes_into_chromium_s_store_and_each_firefox_profile(
    estate: Estate, calls: Calls, home: Path, no_system: Path, authority: Authority
) -> None:
    profile = make_firefox(home)
    done = trust(estate, home=home, system_folder=no_system)
    assert changes(calls()) == ["-N", "-A", "-A"]
    assert (profile / "held.pem").read_text() == authority.pem
    assert (home / ".pki/nssdb/held.pem").read_text() == authority.pem
    assert [line.rpartition(": ")[2] for line in done] == ["root added", "root added"]


def test_it_is_trusted_to_certify_servers_and_nothing_else(estate: Estate, calls: Calls, home: Path, no_system: Path) -> None:
    trust(estate, home=home, system_folder=no_system)
    [added] = [call for call in calls() if call.startswith("-A")]
    assert f"-n {nickname(estate)} -t C,, -a" in added


def test_a_second_time_changes_nothing(estate: Estate, calls: Calls, home: Path, no_system: Path) -> None:
    trust(estate, home=home, system_folder=no_system)
    calls()
    [line] = trust(estate, home=home, system_folder=no_system)
    assert line.endswith("trusts this root already")
    assert changes(calls()) == []


def test_an_older_root_of_the_estate_is_replaced(estate: Estate, calls: Calls, home: Path, no_system: Path) -> None:
    trust(estate, home=home, system_folder=no_system)
    calls()
    newer = Authority().pem
    estate.acme_root.write_text(newer)
    [line] = trust(estate, home=home, system_folder=no_system)
    assert line.endswith("root replaced")
    assert changes(calls()) == ["-D", "-A"]
    assert (home / ".pki/nssdb/held.pem").read_text() == newer


def test_it_is_taken_away_again_also_after_the_estate(estate: Estate, calls: Calls, home: Path, no_system: Path) -> None:
    trust(estate, home=home, system_folder=no_system)
    estate.acme_root.unlink()
    assert [line.rpartition(": ")[2] for line in trust(estate, remove=True, home=home, system_folder=no_system)] == ["root removed"]
    assert not (home / ".pki/nssdb/held.pem").exists()
    calls()
    [line] = trust(estate, remove=True, home=home, system_folder=no_system)
    assert line.endswith("holds no root of this estate")
    assert changes(calls()) == []


def test_taking_away_makes_no_store(estate: Estate, calls: Calls, home: Path, no_system: Path) -> None:
    assert trust(estate, remove=True, home=home, system_folder=no_system) == ["no browser's store holds a root of this estate"]
    assert calls() == []
    assert not (home / ".pki").exists()


def test_the_machine_s_store_is_changed_by_itself(estate: Estate, calls: Calls, home: Path, no_system: Path, authority: Authority) -> None:
    path = no_system / f"highstreetly-{estate.name}.crt"
    assert trust(estate, system=True, home=home, system_folder=no_system)[0].endswith("root added")
    assert path.read_text() == authority.pem
    assert calls() == ["update --fresh"]
    assert trust(estate, system=True, home=home, system_folder=no_system)[0].endswith("trusts this root already")
    assert calls() == []
    assert SYSTEM_COMMAND in trust(estate, remove=True, home=home, system_folder=no_system)[-1]
    assert trust(estate, remove=True, system=True, home=home, system_folder=no_system)[0].endswith("root removed")
    assert not path.exists()
    assert calls() == ["update --fresh"]


def test_a_missing_certutil_is_told_with_the_command_that_installs_it(
    estate: Estate, home: Path, tmp_path: Path, no_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="certutil") as refused:
        trust(estate, home=home, system_folder=no_system)
    assert refused.value.remedy.startswith("apt-get install libnss3-tools")
    assert not (home / ".pki").exists()


def test_the_machine_s_store_needs_its_owner(estate: Estate, tmp_path: Path, home: Path) -> None:
    with pytest.raises(InputError, match="cannot be changed by this user"):
        trust(estate, system=True, home=home, system_folder=tmp_path / "not-there")


def test_an_estate_that_is_not_up_is_told(estate: Estate, home: Path, no_system: Path) -> None:
    estate.acme_root.unlink()
    with pytest.raises(InputError, match="no root certificate yet") as refused:
        trust(estate, home=home, system_folder=no_system)
    assert refused.value.remedy == "./hs up"


def test_nothing_but_an_authority_is_ever_trusted(estate: Estate, home: Path, no_system: Path, ca_certificate: Path) -> None:
    for text in ("no certificate", ca_certificate.read_text().replace("CERTIFICATE", "NOTHING")):
        estate.acme_root.write_text(text)
        with pytest.raises(InputError, match="cannot be read"):
            trust(estate, home=home, system_folder=no_system)


def test_a_store_that_cannot_be_changed_is_told(estate: Estate, calls: Calls, home: Path, tmp_path: Path, no_system: Path) -> None:
    trust(estate, home=home, system_folder=no_system)
    calls()
    estate.acme_root.write_text(Authority().pem)
    (tmp_path / "bin" / "certutil").write_text(FAKE_CERTUTIL.replace("-D) rm", "-D) false || exit 1; rm"))
    with pytest.raises(PlatformError, match="store could not be changed"):
        trust(estate, home=home, system_folder=no_system)


def test_two_estates_have_two_names(estate: Estate) -> None:
    other = dataclasses.replace(estate, file=estate.file.model_copy(update={"name": "trial"}))
    assert nickname(other) != nickname(estate)


def test_firefox_s_profiles_are_found_relative_and_absolute(tmp_path: Path) -> None:
    (tmp_path / "profiles.ini").write_text("[Profile0]\nIsRelative=0\nPath=/elsewhere/p\n[Profile1]\nPath=q\n[Install]\nDefault=q\n")
    assert firefox_profiles(tmp_path) == [Path("/elsewhere/p"), tmp_path / "q"]
    assert firefox_profiles(tmp_path / "none") == []
