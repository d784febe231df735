"""Certificates of the servers that stand for the world outside: signed by the estate's platform CA, as a public CA signs the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.estate import Estate

VALID = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(hours=1)
"""How far a container's idea of the time may lie behind this machine's."""


def server_certificate(estate: Estate, folder: Path, names: Sequence[str], addresses: Sequence[IPv4Address]) -> tuple[Path, Path]:
    """The certificate and the private key (PEM files in ``folder``) of a server with these DNS names and addresses.

    Made once; made again when it ends within 30 days, when the platform CA is another one, or when the names are others.
    """
    certificate, key = folder / "server.crt", folder / "server.key"
    wanted = x509.SubjectAlternativeName([*map(x509.DNSName, names), *map(x509.IPAddress, addresses)])
    ca = x509.load_pem_x509_certificate(estate.secrets.ca_certificate.read_bytes())
    if not _is_usable(certificate, key, ca, wanted):
        ca_key = serialization.load_pem_private_key(estate.secrets.ca_private_key.read_bytes(), password=None)
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the platform CA's key is made by local/estate.py and is an elliptic curve's")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(certificate, key, ca, ca_key, wanted)
    return certificate, key


def _is_usable(certificate: Path, key: Path, ca: x509.Certificate, wanted: x509.SubjectAlternativeName) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        found.verify_directly_issued_by(ca)
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        own = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return named == wanted and own.public_key() == found.public_key() and found.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE


def _make(
    certificate: Path, key: Path, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: x509.SubjectAlternativeName
) -> None:
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(next(iter(names)).value))]))
        .issuer_name(ca.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + VALID, ca.not_valid_after_utc))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key, private)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    partial.rename(path)


__all__ = ["server_certificate"]
