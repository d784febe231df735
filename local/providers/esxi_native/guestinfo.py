"""What a VM is told at its first start: cloud-init's metadata and userdata, as the official plugin leaves them in the VM's guestinfo.

cloud-init's VMware data source (https://docs.cloud-init.io/en/latest/reference/datasources/vmware.html) reads `guestinfo.metadata` and
`guestinfo.userdata`, each with its encoding beside it. The plugin's own keys lack the prefix: it adds it.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from local.providers.errors import BackendError

CLOUD_CONFIG = "#cloud-config"
"""The first line of userdata that is a cloud configuration; without it cloud-init ignores the rest."""
PREFIX = "guestinfo."
BASE64 = ("base64", "b64")
GZIP = ("gzip+base64", "gz+b64")
REMEDY = "correct the machine's `info`: metadata and userdata with their encodings, as cloud-init's VMware data source reads them"


@dataclass(frozen=True)
class Guest:
    """What becomes of a VM at its first start: its name and address, and which public keys open which account."""

    hostname: str
    address: str
    """The one fixed IPv4 address, without its prefix length; empty where the network gives one."""
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def guest(info: Sequence[Mapping[str, str]], name: str) -> Guest:
    """The guest that ``info`` of the machine ``name`` describes; raises BackendError for what cloud-init could not read."""
    given = {entry["key"]: entry["value"] for entry in info}
    metadata = _mapping(_decoded(given, "metadata", name), "metadata", name)
    text = _decoded(given, "userdata", name)
    if text and text.splitlines()[0].strip() != CLOUD_CONFIG:
        raise BackendError(f"The userdata of {name} is no cloud configuration", why=f"its first line is not {CLOUD_CONFIG}", remedy=REMEDY)
    accounts = _accounts(_mapping(text, "userdata", name))
    return Guest(str(metadata.get("local-hostname") or name), _address(metadata, name), accounts)


def _decoded(given: Mapping[str, str], key: str, name: str) -> str:
    value, encoding = given.get(key, ""), given.get(f"{key}.encoding", "")
    if not value or not encoding:
        return value
    try:
        if encoding in BASE64:
            return base64.b64decode(value, validate=True).decode()
        if encoding in GZIP:
            return gzip.decompress(base64.b64decode(value, validate=True)).decode()
    except (binascii.Error, OSError, EOFError, UnicodeDecodeError) as wrong:
        raise BackendError(f"The {key} of {name} is not {encoding}", why=str(wrong), remedy=REMEDY) from None
    raise BackendError(
        f"The {key} of {name} has an encoding that cloud-init does not know", why=f"{key}.encoding is {encoding!r}", remedy=REMEDY
    )


def _mapping(text: str, key: str, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as wrong:
        raise BackendError(f"The {key} of {name} is no YAML", why=" ".join(str(wrong).split()), remedy=REMEDY) from None
    if not isinstance(content, dict):
        raise BackendError(f"The {key} of {name} is no mapping of keys and values", remedy=REMEDY)
    return content


def _accounts(userdata: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    users = [user for user in userdata.get("users") or () if isinstance(user, dict)]  # the word `default` names the image's own account
    return {user["name"]: tuple(user["ssh_authorized_keys"]) for user in users if user.get("ssh_authorized_keys")}


def _address(metadata: Mapping[str, Any], name: str) -> str:
    network = metadata.get("network") or {}
    if isinstance(network, str):
        given = {"network": network, "network.encoding": str(metadata.get("network.encoding") or "")}
        network = _mapping(_decoded(given, "network", name), "network", name)
    network = network.get("network", network)
    cards = (network.get("ethernets") or {}).values()
    found = [address for card in cards for address in card.get("addresses") or ()]
    try:
        fixed = [interface.ip for interface in map(ipaddress.ip_interface, found) if interface.version == 4]
    except ValueError as wrong:
        raise BackendError(f"An address of {name} cannot be used", why=str(wrong), remedy=REMEDY) from None
    if len(fixed) > 1:
        raise BackendError(f"{name} has {len(fixed)} addresses; here a machine has one", remedy="give its network one address")
    return str(fixed[0]) if fixed else ""
