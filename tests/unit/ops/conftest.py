"""Names, certificates and settings that the tests of the operator's commands share."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from settings import Settings, load_stack
from settings.load import ROOT
from settings.public import PublicHost, Route
from tests.unit.conftest import SECRETS

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def public_host(host: str = "shop.example.test", workload: str = "shop", path: str = "/", port: int = 443) -> PublicHost:
    """A public name with one route."""
    zone = host.partition(".")[2]
    route = Route(path=path, workload=workload, request_size_max_kib=256)
    return PublicHost(
        host=host, zone=zone, record=host.partition(".")[0], secret=f"{host.replace('.', '-')}-tls", routes=(route,), https_port=port
    )


class Authority:
    """A certificate authority for one test."""

    def __init__(self, name: str = "Test Root") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        begins = datetime.now(UTC) - timedelta(days=400)
        public = self.key.public_key()
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(begins).not_valid_after(begins + timedelta(days=4000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    @property
    def pem(self) -> str:
        """The root."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, *hosts: str, begins: datetime, days: int = 90) -> tuple[str, str]:
        """(certificate, key) for hosts, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """One authority."""
    return Authority()


@pytest.fixture(scope="session")
def tls_secret(authority: Authority) -> Callable[..., dict[str, Any]]:
    """Makes a TLS Secret whose certificate began and ends so many days from NOW."""

    def make(host: PublicHost, *, began: int = -10, days: int = 90, names: tuple[str, ...] = ()) -> dict[str, Any]:
        pem, _ = authority.issue(*(names or (host.host,)), begins=NOW + timedelta(days=began), days=days)
        return {"kind": "Secret", "metadata": {"name": host.secret}, "data": {"tls.crt": base64.b64encode(pem.encode()).decode()}}

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def settings(local_settings: Path) -> Settings:
    """The laptop's environment."""
    return load_stack("kind", ROOT, SECRETS | {"HIGHSTREETLY_LOCAL_SETTINGS": str(local_settings)})
