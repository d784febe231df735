"""Reading the datacenter: inside its Pulumi program (esxi/), and its stack file alone for the stacks that stand on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settings.datacenter.checks import mistakes as checks
from settings.datacenter.model import Datacenter
from settings.datacenter.place import Placed, place
from settings.errors import Mistake, SettingsError, nearest
from settings.files import read_yaml
from settings.parsing import blame, merge, parse_object

PROJECT = "highstreetly-esxi"
FOLDER = "esxi"
ROOT = Path(__file__).resolve().parents[2]
DATACENTER = "datacenter"
"""The key with the whole description; also that of the local estate's file, and the name of the real datacenter's stack."""
LOCAL_SETTINGS_VARIABLE = "HIGHSTREETLY_LOCAL_SETTINGS"
"""Names a YAML file whose key `datacenter` completes the stack file on this machine."""
PASSWORD = "password_"
"""What the secret of a host begins with: `pulumi config set --secret password_HOST`, or the environment variable below."""
PASSWORD_VARIABLE = "HIGHSTREETLY_ESXI_PASSWORD_"


@dataclass(frozen=True)
class DatacenterSettings:
    """One datacenter, valid in every part, and where its machines stand."""

    datacenter: Datacenter
    machines: list[Placed]
    passwords: Mapping[str, Any] = field(repr=False)
    """By host; an Output inside a Pulumi program, None where it is encrypted and cannot be read here."""


def load_program() -> DatacenterSettings:
    """The settings of the running Pulumi program.

    Raises ConfigError, which Pulumi shows without a stack trace, with every mistake at once.
    """
    import pulumi
    from pulumi.runtime.config import CONFIG  # the only way to see keys that nobody asks for

    class ConfigError(pulumi.RunError):
        """The configuration is refused."""

    config = pulumi.Config(PROJECT)
    given = {key.removeprefix(f"{PROJECT}:") for key in CONFIG.get() if key.startswith(f"{PROJECT}:")}
    values: dict[str, Any] = {key: config.get_secret(key) if key.startswith(PASSWORD) else config.get(key) for key in given}
    if DATACENTER in given:
        values[DATACENTER] = config.get_object(DATACENTER)
    try:
        settings = parse(pulumi.get_stack(), values, os.environ)
    except SettingsError as refused:
        raise ConfigError(str(refused)) from None
    passwords = {host: pulumi.Output.secret(password) for host, password in settings.passwords.items()}
    return DatacenterSettings(settings.datacenter, settings.machines, passwords)


def load_stack(stack: str, root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> DatacenterSettings:
    """A datacenter from its stack file, without Pulumi; encrypted passwords count as given. Raises SettingsError with every mistake."""
    raw = read_yaml(root / FOLDER / f"Pulumi.{stack}.yaml", f"{FOLDER}/Pulumi.{stack}.yaml").get("config") or {}
    values = {}
    for key, value in raw.items():
        namespace, _, name = str(key).partition(":")
        if namespace == PROJECT:
            values[name] = None if isinstance(value, Mapping) and "secure" in value else value
    return parse(stack, values, environ)


def addresses(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """What the stacks that stand on the datacenter take from it, by the keys of their own files; nothing where it is not described.

    Raises SettingsError where its description is wrong in a way that matters here: not for a password that is not set.
    """
    datacenter = described(root)
    if datacenter is None:
        return {}
    first = {machine.role: str(machine.address) for machine in reversed(place(datacenter))}
    environment: dict[str, Any] = {role: {"address": first[role]} for role in ("postgres", "rabbitmq") if role in first}
    cluster: dict[str, Any] = {}
    if virtual := datacenter.addresses:
        environment["public"] = {"address": str(virtual.public)}
        cluster["load_balancer"] = {"addresses": [virtual.ingress_pool]}
        cluster["ingress_controller"] = {"address": str(virtual.ingress)}
    return {"environment": environment, "cluster": cluster}


def described(root: Path = ROOT) -> Datacenter | None:
    """The datacenter as its stack file describes it, without passwords; None where there is no such file. Raises SettingsError."""
    file = f"{FOLDER}/Pulumi.{DATACENTER}.yaml"
    if not (root / file).exists():
        return None
    raw = (read_yaml(root / file, file).get("config") or {}).get(f"{PROJECT}:{DATACENTER}")
    found: list[Mistake] = []
    datacenter = _datacenter(raw, {}, file, "", found)
    if datacenter is None:
        raise SettingsError(found)
    return datacenter


def parse(stack: str, values: Mapping[str, Any], environ: Mapping[str, str]) -> DatacenterSettings:
    """Check everything and return it; raises SettingsError with every mistake in every file."""
    file = f"{FOLDER}/Pulumi.{stack}.yaml"
    found: list[Mistake] = []
    overlay_file = environ.get(LOCAL_SETTINGS_VARIABLE, "")
    overlay = _local_settings(overlay_file, found)
    datacenter = _datacenter(values.get(DATACENTER), overlay, file, overlay_file, found)
    raw = merge(values.get(DATACENTER) or {}, overlay)
    hosts = list(raw["hosts"]) if isinstance(raw, Mapping) and isinstance(raw.get("hosts"), Mapping) else []
    known = [DATACENTER, *(f"{PASSWORD}{host}" for host in hosts)]
    found += [Mistake(file, f"{PROJECT}:{key}", "unknown key", nearest(key, known)) for key in values if key not in known]
    passwords = _passwords(hosts, values, environ, file, found)
    if found or datacenter is None:
        raise SettingsError(found)
    return DatacenterSettings(datacenter, place(datacenter), passwords)


def _local_settings(file: str, found: list[Mistake]) -> object:
    if not file:
        return {}
    try:
        overlay = read_yaml(Path(file), file)
    except SettingsError as unreadable:
        found += unreadable.mistakes
        return {}
    found += [Mistake(file, str(key), "unknown key", nearest(str(key), [DATACENTER])) for key in overlay if key != DATACENTER]
    return overlay.get(DATACENTER, {})


def _datacenter(raw: object, overlay: object, file: str, overlay_file: str, found: list[Mistake]) -> Datacenter | None:
    prefix = f"{PROJECT}:{DATACENTER}"
    datacenter = parse_object(Datacenter, merge(raw or {}, overlay), blame(raw, file, overlay_file or file), prefix, found)
    wrong = checks(datacenter, file, prefix) if datacenter is not None else []
    found += wrong
    return None if wrong else datacenter


def _passwords(
    hosts: list[str], values: Mapping[str, Any], environ: Mapping[str, str], file: str, found: list[Mistake]
) -> dict[str, object]:
    passwords: dict[str, object] = {}
    for host in hosts:
        key, variable = f"{PASSWORD}{host}", PASSWORD_VARIABLE + host.upper().replace("-", "_")
        if environ.get(variable):
            passwords[host] = environ[variable]
        elif key in values and values[key] != "":
            passwords[host] = values[key]
        else:
            remedy = f"pulumi config set --secret {key} --cwd {FOLDER}, or set {variable}"
            problem = "empty" if key in values else "missing: the password of the ESXi host"
            found.append(Mistake(file, f"{PROJECT}:{key}", problem, remedy))
    return passwords
