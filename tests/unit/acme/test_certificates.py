"""A server's certificate is signed by the estate's CA for its names, is made once, and is made again when it is of no more use."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from local import certificates
from local.certificates import server_certificate
from local.estate import Estate

ADDRESS = IPv4Address("127.0.0.13")


@pytest.fixture
def make(estate: Estate, tmp_path: Path) -> Callable[..., tuple[bytes, bytes]]:
    """Have the certificate and return what its two files hold."""

    def ensure(*names: str) -> tuple[bytes, bytes]:
        certificate, key = server_certificate(estate, tmp_path / "server", names or ("acme",), [ADDRESS])
        return certificate.read_bytes(), key.read_bytes()

    return ensure


@pytest.mark.parametrize("option", [("-verify_hostname", "acme"), ("-verify_ip", "127.0.0.13")])
def test_it_is_a_servers_and_signed_for_its_name_and_address(
    make: Callable[..., tuple[bytes, bytes]], estate: Estate, tmp_path: Path, option: tuple[str, str]
) -> None:
    make()
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(estate.secrets.ca_certificate), *option]
    result = subprocess.run([*command, str(tmp_path / "server" / "server.crt")], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("option", [("-verify_hostname", "other"), ("-verify_ip", "127.0.0.14")])
def test_it_is_for_no_other_name(make: Callable[..., tuple[bytes, bytes]], estate: Estate, tmp_path: Path, option: tuple[str, str]) -> None:
    make()
    command = ["openssl", "verify", "-CAfile", str(estate.secrets.ca_certificate), *option, str(tmp_path / "server" / "server.crt")]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_it_is_made_once(make: Callable[..., tuple[bytes, bytes]]) -> None:
    assert make() == make()


def test_only_its_owner_reads_its_key(make: Callable[..., tuple[bytes, bytes]], tmp_path: Path) -> None:
    make()
    assert (tmp_path / "server" / "server.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "server").stat().st_mode & 0o077 == 0


def test_another_name_makes_it_anew(make: Callable[..., tuple[bytes, bytes]]) -> None:
    assert make() != make("acme", "acme.example")


def test_another_platform_ca_makes_it_anew(make: Callable[..., tuple[bytes, bytes]], estate: Estate) -> None:
    before = make()
    estate.secrets.ca_certificate.unlink()
    estate.__dict__.pop("secrets")
    assert make() != before


def test_one_that_ends_soon_is_made_anew(make: Callable[..., tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(certificates, "VALID", timedelta(days=29))
        before = make()
    assert make() != before


@pytest.mark.parametrize("broken", ["server.crt", "server.key"])
def test_half_a_pair_is_made_whole(make: Callable[..., tuple[bytes, bytes]], tmp_path: Path, broken: str) -> None:
    before = make()
    (tmp_path / "server" / broken).write_text("half")
    assert make() != before
    assert "half" not in (tmp_path / "server" / broken).read_text()


def test_a_key_that_belongs_to_another_certificate_makes_it_anew(make: Callable[..., tuple[bytes, bytes]], tmp_path: Path) -> None:
    certificate, key = make()
    assert make("acme", "acme.example") != (certificate, key)
    (tmp_path / "server" / "server.crt").write_bytes(certificate)
    assert make()[0] != certificate, "an interrupted renewal leaves the old certificate beside the new key"
