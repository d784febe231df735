"""The estate: the names, places and secrets of one local datacenter look-alike."""

from __future__ import annotations

import ipaddress
import os
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ops.errors import InputError
from ops.process import run

CHECKOUT = Path(__file__).resolve().parents[1]
PASSWORD_BYTES = 24
PASSWORDS = (
    "postgres_admin_password",
    "rabbitmq_admin_password",
    "digitalocean_token",
    "stripe_webhook_secret",
    "stripe_connect_webhook_secret",
    "chargebee_webhook_user",
    "chargebee_webhook_password",
    "new_relic_license_key",
)
"""The secret settings of the local estate's stacks, each generated."""
STATE_PASSWORD = "pulumi_state_password"
"""The password of the role that keeps the state of shared stacks; no setting of a program."""
BACKUP_SECRETS = ("spaces_access_key", "spaces_secret_key", "backup_passphrase")
"""What opens the object storage, and what the backups in it are encrypted with; the machines are given them, and no program."""
MACHINES = {"postgres": 10, "rabbitmq": 11}
"""The data machines and the places in the subnet that esxi's stack is told to give them."""
OUTSIDE = {"digitalocean": 12, "acme": 13, "registry": 14, "spaces": 15, "newrelic": 16}
"""What stands for the world outside, and its places in the subnet."""
HTTP_NODE_PORT, HTTPS_NODE_PORT = 30080, 30443
"""Pulumi.kind.yaml's ports of the ingress controller on the nodes; kind leads the host's own to them."""


def cache_dir() -> Path:
    """Where finished tools, images and environments are kept, outside every checkout: $HS_CACHE or the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("HS_CACHE") or Path(base) / "highstreetly")


def _data_root() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(os.environ.get("HS_DATA") or Path(base) / "highstreetly")


class EstateFile(BaseModel):
    """What local/estate.yaml may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    subnet: ipaddress.IPv4Network
    nodes: int = Field(default=1, ge=1, le=9)
    loopback: ipaddress.IPv4Address = ipaddress.IPv4Address("127.0.0.1")
    http_port: int = Field(default=80, ge=1, le=65535)
    https_port: int = Field(default=443, ge=1, le=65535)

    @field_validator("subnet")
    @classmethod
    def _is_private_and_roomy(cls, subnet: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
        if not subnet.is_private or subnet.prefixlen > 27:
            raise ValueError(f"{subnet} must be a private network of at least 32 addresses, for example 172.30.0.0/24")
        return subnet

    @field_validator("loopback")
    @classmethod
    def _is_this_machine(cls, loopback: ipaddress.IPv4Address) -> ipaddress.IPv4Address:
        if not loopback.is_loopback:
            raise ValueError(f"{loopback} would let the network in; use an address of this machine alone, for example 127.0.0.1")
        return loopback


@dataclass(frozen=True)
class Secrets:
    """The estate's generated secrets, one file each, readable by their owner only."""

    dir: Path

    def __getattr__(self, name: str) -> str:
        if name not in (*PASSWORDS, STATE_PASSWORD, *BACKUP_SECRETS):
            raise AttributeError(name)
        return (self.dir / name).read_text().strip()

    @property
    def ca_certificate(self) -> Path:
        """The platform CA's certificate (PEM)."""
        return self.dir / "ca.crt"

    @property
    def ca_private_key(self) -> Path:
        """The platform CA's private key (PEM)."""
        return self.dir / "ca.key"

    @property
    def ssh_private_key(self) -> Path:
        """The key Ansible signs in with; its public half lies beside it."""
        return self.dir / "id_ed25519"


@dataclass(frozen=True)
class Estate:
    """One local estate: names and places derived from local/estate.yaml; its data lies where $HS_DATA named when it was loaded."""

    file: EstateFile
    checkout: Path = CHECKOUT
    data_root: Path = field(default_factory=_data_root)

    @classmethod
    def load(cls, checkout: Path = CHECKOUT) -> Estate:
        """Read ``local/estate.yaml`` of a checkout; raises InputError naming every mistake in it."""
        path = checkout / "local" / "estate.yaml"
        try:
            return cls(EstateFile.model_validate(yaml.safe_load(path.read_text())), checkout)
        except ValidationError as wrong:
            why = "\n".join(f"local/estate.yaml: {'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in wrong.errors())
        except (OSError, yaml.YAMLError) as unreadable:
            why = f"local/estate.yaml: {unreadable}"
        raise InputError("The local estate's description is not valid.", why=why, remedy="edit local/estate.yaml")

    @property
    def name(self) -> str:
        """The estate's name, part of the name of everything that belongs to it."""
        return self.file.name

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The docker network's address range."""
        return self.file.subnet

    @property
    def nodes(self) -> int:
        """How many Kubernetes nodes the cluster has."""
        return self.file.nodes

    @property
    def network(self) -> str:
        """The docker network of the cluster's nodes and the machines."""
        return self.name

    @property
    def cluster(self) -> str:
        """The kind cluster's name; its kubectl context is ``kind-<name>``."""
        return self.name

    @property
    def context(self) -> str:
        """The kubectl context of the cluster."""
        return f"kind-{self.cluster}"

    @property
    def label(self) -> str:
        """The docker label on everything this estate made."""
        return f"ly.highstreet.estate={self.name}"

    @property
    def data_dir(self) -> Path:
        """Where the estate keeps its state, secrets and kubeconfig; `./hs down` removes it."""
        return self.data_root / self.name

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own kubeconfig; the user's is never touched."""
        return self.data_dir / "kubeconfig"

    @property
    def pulumi_state(self) -> Path:
        """The laptop's Pulumi state (file:// backend)."""
        return self.data_dir / "pulumi-state"

    @property
    def datacenter_settings(self) -> Path:
        """The settings file that completes esxi/Pulumi.local.yaml on this machine."""
        return self.data_dir / "datacenter.yaml"

    @property
    def machines_file(self) -> Path:
        """What the stack of the machines made: its outputs, and the hash of what it was told."""
        return self.data_dir / "machines.json"

    def address(self, machine: str) -> ipaddress.IPv4Address:
        """The address on the estate's network that is meant for a machine."""
        return self.subnet[(MACHINES | OUTSIDE)[machine]]

    @property
    def acme_root(self) -> Path:
        """The root certificate of the estate's ACME server (PEM), as `./hs up` found it."""
        return self.data_dir / "acme-root.pem"

    @property
    def local_settings(self) -> Path:
        """The settings file that completes Pulumi.kind.yaml on this machine."""
        return self.data_dir / "settings.yaml"

    def container(self, machine: str) -> str:
        """The container that stands for a machine."""
        return f"{self.name}-{machine}"

    @cached_property
    def secrets(self) -> Secrets:
        """The estate's secrets, generated once."""
        found = Secrets(self.data_dir / "secrets")
        _generate(found, self.name)
        return found


def _generate(found: Secrets, name: str) -> None:
    found.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for secret in (*PASSWORDS, STATE_PASSWORD, *BACKUP_SECRETS):
        _write_once(found.dir / secret, secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
    if not found.ssh_private_key.with_suffix(".pub").exists():
        found.ssh_private_key.unlink(missing_ok=True)
        run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"highstreetly {name}", "-f", found.ssh_private_key],
            what="The estate's SSH key could not be made.",
            remedy="apt-get install openssh-client",
        )
    if not found.ca_certificate.exists():
        subject = f"/O=highstreet.ly/CN=highstreet.ly {name} platform CA"
        extensions = ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        partial = found.ca_certificate.with_suffix(".partial")
        run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "3650",
                "-subj",
                subject,
                *extensions,
                "-keyout",
                found.ca_private_key,
                "-out",
                partial,
            ],
            what="The platform CA could not be made.",
            remedy="apt-get install openssl",
        )
        found.ca_private_key.chmod(0o600)
        partial.rename(found.ca_certificate)


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        return
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(path)


__all__ = ["CHECKOUT", "Estate", "EstateFile", "Secrets", "cache_dir"]
