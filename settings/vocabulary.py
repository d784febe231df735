"""The words of the domain as types: each validator's message says what is wrong and shows an example."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME_LENGTH_MAX = 30
"""Room for `<environment>_<context>_owner` in PostgreSQL's 63 bytes and `<context>-receiver` in a Kubernetes label's 63."""

_NAME = re.compile(r"[a-z]([a-z0-9]*)")
_WORKLOAD = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9./_{}:-]*?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?")
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_NAMESERVER = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_EMAIL = re.compile(r"[^@\s]+@[a-z0-9.-]+\.[a-z]{2,}")
_RANGE = re.compile(r"(\S+?)\s*-\s*(\S+)")
_MAC = re.compile(r"00:50:56:[0-3][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}")
_SERVER = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa|sk-\S+) [A-Za-z0-9+/=]+( .*)?")
_FINGERPRINT = re.compile(r"([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


class Model(BaseModel):
    """A part of the configuration: closed (an unknown key is an error), frozen, inputs never printed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=False)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > NAME_LENGTH_MAX:
        raise ValueError(f"{value!r} is not a name; use at most {NAME_LENGTH_MAX} lower-case letters and digits, for example orders")
    return value


def _workload(value: str) -> str:
    if not _WORKLOAD.fullmatch(value) or len(value) > NAME_LENGTH_MAX * 2:
        raise ValueError(f"{value!r} is not a service's name; use lower-case letters, digits and dashes, for example orders-api")
    return value


def _domain(value: str) -> str:
    labels = value.split(".")
    if len(labels) < 2 or len(value) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{value!r} is not a domain name; write at least two labels in lower case, for example test.highstreet.ly")
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(f"{value!r} is not an image; for example highstreetly/{{name}}:1.4.0")
    return value


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is not an image version; write a tag, for example 1.4.0")
    return value


def _host(value: str) -> str:
    if value == "@" or _LABEL.fullmatch(value):
        return value
    if "." not in value:
        raise ValueError(
            f"{value!r} is not a host; write a name under the domain, @ for the domain itself, or a full name, for example shop"
        )
    try:
        return _domain(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a host; write it in lower case, for example shop or www.highstreet.ly") from None


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or (value != "/" and value.endswith("/")) or "//" in value:
        raise ValueError(f"{value!r} is not a path; begin it with / and do not end it so, for example /menu")
    return value


def _url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise ValueError(f"{value!r} is not a URL; for example https://api.digitalocean.com")
    return value


def _nameserver(value: str) -> str:
    if not _NAMESERVER.fullmatch(value):
        raise ValueError(f"{value!r} is not a name server; write a name or an address, for example 1.1.1.1:53")
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is not an e-mail address; for example ops@highstreet.ly")
    return value


def _range(value: str) -> str:
    match = _RANGE.fullmatch(value)
    try:
        first, last = (IPv4Address(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None or first > last:
        raise ValueError(f"{value!r} is not a range of addresses; write the first and the last, for example 192.0.2.80-192.0.2.89")
    return f"{first}-{last}"


def _mac(value: str) -> str:
    if not _MAC.fullmatch(value.lower()):
        raise ValueError(f"{value!r} is not a MAC address for a VM; use VMware's own range, for example 00:50:56:00:00:1f")
    return value.lower()


def _server(value: str) -> str:
    if not _SERVER.fullmatch(value):
        raise ValueError(f"{value!r} is neither an address nor a name; for example 192.0.2.11")
    return value


def _key(value: str) -> str:
    if not _KEY.fullmatch(value.strip()):
        raise ValueError("not a public SSH key; write the whole line of the .pub file, for example ssh-ed25519 AAAA… ada")
    return value.strip()


def _fingerprint(value: str) -> str:
    if not _FINGERPRINT.fullmatch(value):
        raise ValueError(f"{value!r} is not a SHA-256 fingerprint; openssl x509 -noout -fingerprint -sha256 prints it")
    return value.replace(":", "").lower()


Name = Annotated[str, AfterValidator(_name)]
"""A bounded context, UI or environment: part of database, vhost, role and namespace names."""

WorkloadName = Annotated[str, AfterValidator(_workload)]
"""A deployment: `<context>-api`, `<context>-receiver` or a UI's name."""

Domain = Annotated[str, AfterValidator(_domain)]
"""A DNS name in lower case, without a trailing dot."""

Host = Annotated[str, AfterValidator(_host)]
"""A public name: one label under the environment's domain (`shop`), `@` for the domain itself, or with dots a full name."""

UrlPath = Annotated[str, AfterValidator(_path)]
"""The beginning of a URL's path: `/menu` also serves /menu/today, not /menus."""

Url = Annotated[str, AfterValidator(_url)]
"""An address of an API."""

Nameserver = Annotated[str, AfterValidator(_nameserver)]
"""A DNS server: a name or an address, and a port where it is not 53."""

Email = Annotated[str, AfterValidator(_email)]
"""An e-mail address."""

Image = Annotated[str, AfterValidator(_image)]
"""A container image; `{name}` and `{context}` are filled in; without tag or digest the environment's version is added."""

Version = Annotated[str, AfterValidator(_version)]
"""An image tag."""

Address = IPv4Address
"""The address of a machine. Network policies need an address, so it is not a host name."""

Network = IPv4Network
"""Addresses in one range, for example 203.0.113.0/24."""

AddressRange = Annotated[str, AfterValidator(_range)]
"""The first and the last of neighbouring addresses."""

MacAddress = Annotated[str, AfterValidator(_mac)]
"""A MAC address of the range that VMware keeps for those given by hand: 00:50:56:00:00:00 to 00:50:56:3f:ff:ff."""

Server = Annotated[str, AfterValidator(_server)]
"""Where a host is managed."""

PublicKey = Annotated[str, AfterValidator(_key)]
"""A public SSH key as it stands in authorized_keys."""

Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""The SHA-256 of a certificate, with or without colons."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""

Replicas = Annotated[int, Field(ge=1, le=50)]
"""How many pods of one workload."""

Millicores = Annotated[int, Field(ge=1, le=256_000)]
"""Thousandths of a processor core."""

Mebibytes = Annotated[int, Field(ge=1, le=4_194_304)]
"""2^20 bytes."""

Gibibytes = Annotated[int, Field(ge=1, le=1_048_576)]
"""2^30 bytes."""

Kibibytes = Annotated[int, Field(ge=1, le=1_048_576)]
"""2^10 bytes."""

Seconds = Annotated[int, Field(ge=1, le=86_400)]
"""A span of time, at most a day."""
