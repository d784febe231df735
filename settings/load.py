"""The only reader of the catalogue, the stack files, Pulumi's config and the environment variables that complete them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from settings import catalogue as catalogue_module
from settings import environment as environment_module
from settings import log_shipping as log_shipping_module
from settings import public as public_module
from settings import runners as runners_module
from settings.catalogue import Catalogue
from settings.datacenter.load import addresses as datacenter_addresses
from settings.environment import ClusterSettings, EnvironmentSettings
from settings.errors import Mistake, SettingsError, nearest
from settings.files import read_certificate, read_yaml
from settings.log_shipping import LogShipping
from settings.migration_lint import statement_mistakes
from settings.migrations import Migrations, read_migrations
from settings.parsing import blame, merge, parse_object
from settings.pins import pinned
from settings.public import webhook_secrets
from settings.vocabulary import Name

PROJECT = "highstreetly"
ROOT = Path(__file__).resolve().parents[1]

LOCAL_SETTINGS_VARIABLE = "HIGHSTREETLY_LOCAL_SETTINGS"
"""Names a YAML file whose keys complete the stack file on this machine (addresses, images, the CA). `./hs env` prints it for kind."""

SECRETS = {
    "postgres_admin_password": "the password of the PostgreSQL administrator",
    "rabbitmq_admin_password": "the password of the RabbitMQ administrator",
    "digitalocean_token": "the token that writes DNS records (DigitalOcean: API, custom scopes, domain)",
    "stripe_webhook_secret": "the signing secret of Stripe's webhook for the platform's account (whsec_…)",
    "stripe_connect_webhook_secret": "the signing secret of Stripe's webhook for the shops' accounts (whsec_…)",
    "chargebee_webhook_user": "the user name that ChargeBee's webhook signs in with",
    "chargebee_webhook_password": "the password that ChargeBee's webhook signs in with",
    **log_shipping_module.SECRETS,
    **runners_module.SECRETS,
}
"""Secret settings of a stack: `pulumi config set --secret highstreetly:NAME`, or the environment variable HIGHSTREETLY_NAME."""
DATA_SECRETS = ("postgres_admin_password", "rabbitmq_admin_password")

ADOPTED_RECORDS_VARIABLE = "HIGHSTREETLY_ADOPTED_RECORDS"
"""Set by a deploy for one run: the DNS records, as JSON, that it found and was told to take over."""

OBJECTS = ("environment", "cluster")
ESTATES = ("datacenter", "local")
MACHINES = ("postgres", "rabbitmq")
"""What every environment needs of the datacenter, whether its stack file names it or not."""
STATES = ("own", "shared")
"""Where the local estate keeps a stack's state: in a folder of its own, or in its PostgreSQL, which pods reach too."""
KEYS = (*OBJECTS, "estate", "state", *SECRETS)


@dataclass(frozen=True)
class Settings:
    """The whole configuration of one stack, valid in every part."""

    stack: str
    estate: str
    """Where the stack runs: `datacenter`, or `local` for the estate that `./hs up` makes on this machine."""
    catalogue: Catalogue
    environment: EnvironmentSettings | None
    cluster: ClusterSettings | None
    ca_certificate: str
    """The platform CA in PEM form; empty where the stack holds no environment."""
    ca_certificate_path: str
    migrations: Mapping[str, Migrations]
    authorities: Mapping[str, str]
    """The content of the CA files that the cluster half names, by path."""
    adopted_records: Mapping[str, str]
    """DNS records that a deploy found and takes over: record ID by host."""
    secrets: Mapping[str, Any] = field(repr=False)
    """By name: an Output inside a Pulumi program, a str or None (encrypted, not readable here) outside."""

    @property
    def digitalocean_api(self) -> str:
        """The API that makes the stack's zones and records; empty where it has none."""
        if self.cluster and self.cluster.dns:
            return self.cluster.dns.digitalocean_api
        return self.environment.public.digitalocean_api if self.environment and self.environment.public else ""


def load_program() -> Settings:
    """The settings of the running Pulumi program.

    Raises ConfigError, which Pulumi shows without a stack trace, with every mistake at once.
    """
    import pulumi
    from pulumi.runtime.config import CONFIG  # the only way to see keys that nobody asks for

    class ConfigError(pulumi.RunError):
        """The configuration is refused."""

    config = pulumi.Config(PROJECT)
    given = {key.removeprefix(f"{PROJECT}:") for key in CONFIG.get() if key.startswith(f"{PROJECT}:")}
    values: dict[str, object] = {key: config.get_object(key) for key in OBJECTS if key in given}
    secret_keys = {key for key in given if is_secret(key)}
    values |= {key: config.get_secret(key) for key in secret_keys}
    values |= {key: config.get(key) for key in given - set(OBJECTS) - secret_keys}
    try:
        settings = parse(pulumi.get_stack(), values, ROOT, os.environ)
    except SettingsError as refused:
        raise ConfigError(str(refused)) from None
    secret = {name: pulumi.Output.secret(value) for name, value in settings.secrets.items()}
    return Settings(**{**vars(settings), "secrets": secret})


def load_stack(stack: str, root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a stack from its file alone, without Pulumi; encrypted secrets count as given, with the value None.

    Raises SettingsError with every mistake at once, also when there is no such stack.
    """
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        known = stacks(root)
        raise SettingsError([Mistake(path.name, "-", f"there is no stack {stack!r}", nearest(stack, known))])
    raw = read_yaml(path, path.name).get("config") or {}
    values: dict[str, object] = {}
    for key, value in raw.items():
        namespace, _, name = str(key).partition(":")
        if namespace == PROJECT:
            values[name] = None if isinstance(value, Mapping) and "secure" in value else value
    return parse(stack, values, root, environ)


def estate_of(stack: str, root: Path = ROOT) -> str:
    """Where a stack runs, read without checking the rest: `datacenter`, or `local`."""
    return _peek(stack, "estate", ESTATES[0], root)


def state_of(stack: str, root: Path = ROOT) -> str:
    """Where the local estate keeps a stack's state, read without checking the rest: `own`, or `shared`."""
    return _peek(stack, "state", STATES[0], root)


def _peek(stack: str, key: str, default: str, root: Path) -> str:
    try:
        config = read_yaml(root / f"Pulumi.{stack}.yaml", f"Pulumi.{stack}.yaml").get("config") or {}
    except SettingsError:
        return default
    return str(config.get(f"{PROJECT}:{key}", default))


def stacks(root: Path = ROOT) -> list[str]:
    """Every stack that has a file."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml"))


def environments(root: Path = ROOT) -> list[str]:
    """Every stack that holds an environment, read without checking the rest."""
    return [stack for stack in stacks(root) if _peek(stack, "environment", "", root) != ""]


def clusters(root: Path = ROOT) -> list[str]:
    """Every stack that holds what a cluster has once, read without checking the rest."""
    return [stack for stack in stacks(root) if _peek(stack, "cluster", "", root) != ""]


def log_shipping_of(estate: str, root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> LogShipping | None:
    """Where an estate's logs go, as the stack of its cluster says; None where it says nothing. Raises SettingsError."""
    mistakes: list[Mistake] = []
    overlay, _ = _local_settings(environ, mistakes) if estate == ESTATES[1] else ({}, "")
    for stack in clusters(root):
        file = f"Pulumi.{stack}.yaml"
        cluster = _mapping((read_yaml(root / file, file).get("config") or {}).get(f"{PROJECT}:cluster"))
        if estate_of(stack, root) == estate and cluster.get("log_shipping"):
            raw = merge(cluster["log_shipping"], _mapping(overlay.get("cluster")).get("log_shipping", {}))
            where = blame(raw, file, file)
            found = parse_object(LogShipping, raw, where, f"{PROJECT}:cluster.log_shipping", mistakes)
            if mistakes:
                raise SettingsError(mistakes)
            return found
    return None


def load_catalogue(root: Path = ROOT) -> Catalogue:
    """The catalogue alone; raises SettingsError with every mistake in it."""
    mistakes: list[Mistake] = []
    catalogue = _parse_catalogue(root, mistakes)
    if mistakes or catalogue is None:
        raise SettingsError(mistakes)
    return catalogue


def parse(stack: str, values: Mapping[str, object], root: Path, environ: Mapping[str, str]) -> Settings:
    """Check everything and return it; raises SettingsError with every mistake in every file."""
    file = f"Pulumi.{stack}.yaml"
    known = (*KEYS, *runners_module.passphrases(values.get("cluster")))
    mistakes = [Mistake(file, f"{PROJECT}:{key}", "unknown key", nearest(key, known)) for key in values if key not in known]
    estate = values.get("estate", ESTATES[0])
    if estate not in ESTATES:
        mistakes.append(Mistake(file, f"{PROJECT}:estate", f"there is no estate {estate!r}", nearest(str(estate), ESTATES)))
    if values.get("state", STATES[0]) not in STATES:
        problem = f"there is no such place for state: {values['state']!r}"
        mistakes.append(Mistake(file, f"{PROJECT}:state", problem, nearest(str(values["state"]), STATES)))
    catalogue = _parse_catalogue(root, mistakes)
    overlay, overlay_file = _local_settings(environ, mistakes)
    below = _below(str(estate), root, mistakes)
    parts: dict[str, Any] = {}
    for key, model in (("environment", EnvironmentSettings), ("cluster", ClusterSettings)):
        if key in values:
            merged = merge(filled(values[key] if values[key] is not None else {}, below.get(key, {})), overlay.get(key, {}))
            merged = pinned(merged, environ) if key == "environment" and isinstance(merged, Mapping) else merged
            where = overlay_file if key in overlay else file
            parts[key] = parse_object(model, merged, blame(values[key], file, where), f"{PROJECT}:{key}", mistakes)
            if key == "environment" and isinstance(merged, Mapping):
                _check_stack_name(stack, file, mistakes)
                mistakes += environment_module.cross_check(merged, catalogue, file) if catalogue else []
                others = _neighbours(stack, str(estate), root, "environment")
                mistakes += public_module.cross_check(merged, catalogue, file, others) if catalogue else []
                mistakes += _unknown_issuer(stack, merged, values, str(estate), root)
                mistakes += _unknown_promotion(stack, merged, root)
            if key == "cluster":
                mistakes += runners_module.unknown_environments(merged, stacks(root), file)
    if not parts:
        problem = f"neither {PROJECT}:environment nor {PROJECT}:cluster"
        mistakes.append(Mistake(file, PROJECT, problem, "add what the stack shall contain"))
    secrets = _secrets(values, _needed_secrets(values, catalogue), environ, file, mistakes)
    migrations = read_migrations(root, list(catalogue.contexts), mistakes) if catalogue else {}
    mistakes += [mistake for scripts in migrations.values() for mistake in statement_mistakes(scripts)]
    ca_path, ca_certificate = _ca_certificate(parts.get("environment"), root, file, mistakes)
    authorities = _authorities(parts.get("cluster"), root, file, mistakes)
    if mistakes:
        raise SettingsError(mistakes)
    assert catalogue is not None
    return Settings(
        stack=stack,
        estate=str(estate),
        catalogue=catalogue,
        environment=parts.get("environment"),
        cluster=parts.get("cluster"),
        ca_certificate=ca_certificate,
        ca_certificate_path=ca_path,
        migrations=migrations,
        authorities=authorities,
        adopted_records=json.loads(environ.get(ADOPTED_RECORDS_VARIABLE) or "{}"),
        secrets=secrets,
    )


def filled(part: object, addresses: Mapping[str, Any]) -> object:
    """A stack's part with the datacenter's addresses, where it has what they are for and says none of its own."""
    if not isinstance(part, Mapping):
        return part
    wanted = {key: given for key, given in addresses.items() if key in part or key in MACHINES}
    return {**part, **{key: merge(given, part[key]) if key in part else given for key, given in wanted.items()}}


def _below(estate: str, root: Path, mistakes: list[Mistake]) -> dict[str, dict[str, Any]]:
    """The addresses of the datacenter that the stack stands on, by part; the local estate's come with its settings file."""
    if estate != ESTATES[0]:
        return {}
    try:
        return datacenter_addresses(root)
    except SettingsError as refused:
        mistakes += refused.mistakes
        return {}


def _parse_catalogue(root: Path, mistakes: list[Mistake]) -> Catalogue | None:
    file = catalogue_module.FILE
    try:
        raw = read_yaml(root / file, file)
    except SettingsError as unreadable:
        mistakes += unreadable.mistakes
        return None
    mistakes += catalogue_module.cross_check(raw)
    parsed: Catalogue | None = parse_object(Catalogue, raw, lambda _path: file, "", mistakes)
    return parsed


def _check_stack_name(stack: str, file: str, mistakes: list[Mistake]) -> None:
    from pydantic import TypeAdapter

    try:
        TypeAdapter(Name).validate_python(stack)
    except ValidationError as error:
        problem, _, remedy = str(error.errors()[0]["msg"]).removeprefix("Value error, ").partition("; ")
        mistakes.append(Mistake(file, "file name", f"the stack's name is the environment's: {problem}", remedy))


def _local_settings(environ: Mapping[str, str], mistakes: list[Mistake]) -> tuple[Mapping[str, Any], str]:
    path = environ.get(LOCAL_SETTINGS_VARIABLE)
    if not path:
        return {}, ""
    try:
        overlay = read_yaml(Path(path), path)
    except SettingsError as unreadable:
        mistakes += unreadable.mistakes
        return {}, path
    mistakes += [Mistake(path, str(key), "unknown key", nearest(str(key), OBJECTS)) for key in overlay if key not in OBJECTS]
    return overlay, path


def _ca_certificate(environment: EnvironmentSettings | None, root: Path, file: str, mistakes: list[Mistake]) -> tuple[str, str]:
    if environment is None:
        return "", ""
    path = root / environment.ca_certificate_file
    return str(path), read_certificate(path, file, f"{PROJECT}:environment.ca_certificate_file", mistakes)


def _authorities(cluster: ClusterSettings | None, root: Path, file: str, mistakes: list[Mistake]) -> dict[str, str]:
    named: dict[str, str | None] = {}
    if cluster and cluster.certificates:
        prefix = f"{PROJECT}:cluster.certificates"
        issuers = cluster.certificates.issuers
        named |= {f"{prefix}.ca_certificate_file": cluster.certificates.ca_certificate_file}
        named |= {f"{prefix}.issuers.{name}.ca_certificate_file": issuer.ca_certificate_file for name, issuer in issuers.items()}
    if cluster and cluster.log_shipping:
        named[f"{PROJECT}:cluster.log_shipping.ca_certificate_file"] = cluster.log_shipping.ca_certificate_file
    return {path: read_certificate(root / path, file, key, mistakes) for key, path in named.items() if path}


def _neighbours(stack: str, estate: str, root: Path, part: str) -> dict[str, Mapping[str, object]]:
    """The same part of the estate's other stacks, by file, as written there."""
    found = {}
    for other in stacks(root):
        if other != stack and estate_of(other, root) == estate:
            try:
                config = read_yaml(root / f"Pulumi.{other}.yaml", other).get("config") or {}
            except SettingsError:
                continue  # its own run says what is wrong with it
            if isinstance(config.get(f"{PROJECT}:{part}"), Mapping):
                found[f"Pulumi.{other}.yaml"] = config[f"{PROJECT}:{part}"]
    return found


def _unknown_issuer(stack: str, environment: Mapping[str, Any], values: Mapping[str, object], estate: str, root: Path) -> list[Mistake]:
    """A mistake where the environment's issuer is none of its cluster's, which this stack or another of the estate describes."""
    public = environment.get("public")
    if not isinstance(public, Mapping):
        return []
    clusters = {f"Pulumi.{stack}.yaml": values["cluster"]} if "cluster" in values else _neighbours(stack, estate, root, "cluster")
    known = [name for cluster in clusters.values() for name in _mapping(_mapping(_mapping(cluster).get("certificates")).get("issuers"))]
    issuer = str(public.get("issuer", environment_module.Public.model_fields["issuer"].default))
    if issuer in known:
        return []
    remedy = nearest(issuer, known) if known else f"describe it in {PROJECT}:cluster.certificates.issuers of the cluster's stack"
    return [Mistake(f"Pulumi.{stack}.yaml", f"{PROJECT}:environment.public.issuer", f"there is no issuer {issuer!r}", remedy)]


def _unknown_promotion(stack: str, environment: Mapping[str, Any], root: Path) -> list[Mistake]:
    """A mistake where an environment waits for releases of one that does not exist."""
    origin = environment.get("promoted_from")
    others = [other for other in stacks(root) if other != stack]
    if origin is None or origin in others:
        return []
    problem = f"there is no other environment {origin!r}"
    return [Mistake(f"Pulumi.{stack}.yaml", f"{PROJECT}:environment.promoted_from", problem, nearest(str(origin), others))]


def is_secret(key: str) -> bool:
    """Whether a stack's setting is a secret, by its name."""
    return key in SECRETS or key.startswith(runners_module.PASSPHRASE)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _needed_secrets(values: Mapping[str, object], catalogue: Catalogue | None) -> list[str]:
    """The secret settings that what the stack contains cannot be without."""
    environment, cluster = _mapping(values.get("environment")), _mapping(values.get("cluster"))
    needed = list(DATA_SECRETS) if "environment" in values else []
    if "public" in environment or "dns" in cluster or "certificates" in cluster:
        needed.append("digitalocean_token")
    if "public" in environment and catalogue:
        needed += webhook_secrets(catalogue)
    if "log_shipping" in cluster:
        needed.append(log_shipping_module.LICENSE_KEY)
    return needed + runners_module.needed_secrets(cluster)


def _secrets(
    values: Mapping[str, object], needed: list[str], environ: Mapping[str, str], file: str, mistakes: list[Mistake]
) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in needed:
        meaning = SECRETS.get(name, runners_module.PASSPHRASE_MEANING)
        variable = f"HIGHSTREETLY_{name.upper()}"
        if environ.get(variable):
            found[name] = environ[variable]
        elif name in values:
            found[name] = values[name]
            if isinstance(values[name], str) and not str(values[name]).strip():
                mistakes.append(Mistake(file, f"{PROJECT}:{name}", "empty", f"pulumi config set --secret {PROJECT}:{name} --stack …"))
        else:
            remedy = f"pulumi config set --secret {PROJECT}:{name}, or set {variable}"
            mistakes.append(Mistake(file, f"{PROJECT}:{name}", f"missing: {meaning}", remedy))
    return found
