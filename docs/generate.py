"""Writes docs/configuration.md from the models that check the configuration: `.venv/bin/python docs/generate.py`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # a script's own folder is on the path, the checkout is not
    sys.path.insert(0, str(ROOT))

from pydantic.fields import FieldInfo  # noqa: E402 - after the path is set

from settings import alerts, load, runners, vocabulary  # noqa: E402 - after the path is set
from settings.catalogue import Catalogue  # noqa: E402 - after the path is set
from settings.datacenter import load as datacenter  # noqa: E402 - after the path is set
from settings.datacenter.model import ROLES, Datacenter  # noqa: E402 - after the path is set
from settings.environment import ClusterSettings, EnvironmentSettings  # noqa: E402 - after the path is set
from settings.vocabulary import Model  # noqa: E402 - after the path is set

STACK_FILE = "`Pulumi.<stack>.yaml` says under `config` how one environment differs. At least one of the two halves must be there."
SECRETS = """\
The administrators' are needed where the stack holds an environment, the token where it has zones or public names, the webhooks'
where it is public, New Relic's key and the runners' where the cluster has a log shipper and runners. Set one with
`pulumi config set --secret`, or by its variable, which comes first."""
DATACENTER = f"""\
`{datacenter.FOLDER}/Pulumi.<stack>.yaml` says under `config`, as `{datacenter.PROJECT}:{datacenter.DATACENTER}`, what the hosts are
and which machines there shall be. The environments and the cluster take their addresses from the stack `{datacenter.DATACENTER}`.
Each host's password is a secret, `pulumi config set --secret {datacenter.PASSWORD}HOST --cwd {datacenter.FOLDER}`, or the variable
`{datacenter.PASSWORD_VARIABLE}HOST`."""
ALERTS = f"""\
`alerts/Pulumi.<stack>.yaml` says under `config`, as `{alerts.PROJECT}:{alerts.ALERTS}`, whose promises are watched and who
is told. New Relic's user key is a secret of the provider's own, `pulumi config set --secret newrelic:apiKey --cwd alerts`,
or the variable `NEW_RELIC_API_KEY`."""
TARGET = ROOT / "docs" / "configuration.md"
HEADER = "| key | type | default | meaning |\n|---|---|---|---|"
WORDS = {
    "str": "text",
    "int": "whole number",
    "bool": "true or false",
    "WebhookName": "webhook",
    "Role": " or ".join(f"`{role}`" for role in ROLES),
}
REQUIRED = "must be given"

INTRODUCTION = """\
# Configuration

Every key that the platform reads. This page is generated from the models in `settings/` by `.venv/bin/python docs/generate.py`;
a unit test fails when it is stale. An unknown key is refused, and every mistake is told at once, before anything is touched.
`<name>` stands for a name that you choose. A type with a capital letter is one of the [types](#types).
"""


@dataclass(frozen=True)
class Row:
    """One key of the configuration."""

    key: str
    type: str
    default: str
    meaning: str

    def __str__(self) -> str:
        cells = (f"`{self.key}`", self.type, self.default, self.meaning)
        return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def escaped(cell: str) -> str:
    """A table cell in Markdown: outside code, `<` begins no HTML; nowhere does `|` end the cell."""
    parts = cell.replace("|", r"\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def rows(model: type[Model], prefix: str = "", given: Model | None = None) -> Iterator[Row]:
    """Every key below ``model``, the outer ones first; ``given`` is the instance whose values are the defaults."""
    hints = get_type_hints(model)
    for name, field in model.model_fields.items():
        key, written = f"{prefix}{name}", _annotation(model, name)
        inner = _model_in(hints[name])
        default = getattr(given, name) if given else None if field.is_required() else field.default
        yield Row(key, _type(written, field), _default(field, given, default), _meaning(written, field, inner))
        if inner:
            below = f"{key}.<name>." if written.startswith("dict") else f"{key}."
            yield from rows(inner, below, default if isinstance(default, inner) else None)


def _annotation(model: type[Model], name: str) -> str:
    """A field's type as it is written, in the model or the one it extends."""
    return next(str(part.__annotations__[name]) for part in model.__mro__ if name in getattr(part, "__annotations__", {}))


def _model_in(hint: Any) -> type[Model] | None:
    """The model that a type is, holds or may be."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, Model):
            return part
    return None


def _type(written: str, field: FieldInfo) -> str:
    """A field's type in words: `tuple[Name, ...]` is a list of Name."""
    bare = written.replace(" | None", "")
    if found := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", bare):
        return f"list of {WORDS.get(found[1], found[1])}"
    if found := re.fullmatch(r"dict\[(\w+), tuple\[(\w+), \.\.\.\]\]", bare):
        return f"mapping of {WORDS.get(found[1], found[1])} to lists of {found[2]}"
    if found := re.fullmatch(r"Literal\[(.*)\]", bare):
        return re.sub("[\"']", "`", found[1]).replace(", ", " or ")
    if found := re.fullmatch(r"dict\[(\w+), (\w+)\]", bare):
        value = WORDS.get(found[2], found[2] if hasattr(vocabulary, found[2]) else "keys below")
        return f"mapping of {WORDS.get(found[1], found[1])} to {value}"
    if not hasattr(vocabulary, bare):
        return WORDS.get(bare, "keys below") + _range(field.metadata)
    return bare


def _range(metadata: list[Any]) -> str:
    limits = {limit: getattr(entry, limit) for entry in metadata for limit in ("ge", "le") if getattr(entry, limit, None) is not None}
    return f", {limits['ge']} to {limits['le']}" if len(limits) == 2 else ""


def _default(field: FieldInfo, given: Model | None, default: object) -> str:
    if field.is_required() and given is None:
        return REQUIRED
    if default is None or default in ((), {}):
        return "none"
    if isinstance(default, Model):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return ", ".join(f"`{' to '.join(map(str, vars(part).values())) if isinstance(part, Model) else part}`" for part in default)
    return f"`{default}`" if default != "" else "none"


def _meaning(written: str, field: FieldInfo, inner: type[Model] | None) -> str:
    """A field's own description, else what its type says of itself."""
    if field.description:
        return field.description
    if inner:
        return " ".join((inner.__doc__ or "").split())
    types = types_of(vocabulary.__file__ or "")
    return next((types[word] for word in re.findall(r"\w+", written) if word in types), "")


def types_of(file: str) -> dict[str, str]:
    """The types that a module defines by assignment, with the text below each."""
    body = ast.parse(Path(file).read_text()).body
    found = {}
    for node, below in pairwise(body):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[node.targets[0].id] = " ".join(str(below.value.value).split())
    return {name: text for name, text in found.items() if not name.isupper()}


def _type_lines() -> Iterator[str]:
    for name, text in types_of(vocabulary.__file__ or "").items():
        fields = [entry for entry in get_args(getattr(vocabulary, name)) if isinstance(entry, FieldInfo)]
        limits = "".join(_range(field.metadata) for field in fields).lstrip(", ")
        yield f"| {name} | {text} | {limits} |"


def secrets() -> dict[str, str]:
    """Every secret setting with its meaning; that of a runner's passphrase is one for each environment."""
    return load.SECRETS | {f"{runners.PASSPHRASE}<name>": runners.PASSPHRASE_MEANING}


def page() -> str:
    """The whole page."""
    prefix = f"{load.PROJECT}:"
    variable = load.LOCAL_SETTINGS_VARIABLE
    estates = " or ".join(f"`{name}`" for name in load.ESTATES)
    return "\n".join([
        INTRODUCTION,
        "## catalogue.yaml\n\nWhat the product is, the same in every environment.\n",
        HEADER,
        *map(str, rows(Catalogue)),
        f"\n## A stack file\n\n{STACK_FILE}\n",
        f"### {prefix}estate\n\nWhere the stack runs: {estates}; `{load.ESTATES[0]}` unless it is given.\n",
        f"### {prefix}environment\n\n{EnvironmentSettings.__doc__}\n",
        HEADER,
        *map(str, rows(EnvironmentSettings)),
        f"\n### {prefix}cluster\n\n{ClusterSettings.__doc__}\n",
        HEADER,
        *map(str, rows(ClusterSettings)),
        f"\n### Secrets\n\n{SECRETS}\n",
        "| key | environment variable | meaning |\n|---|---|---|",
        *(f"| `{prefix}{name}` | `{load.PROJECT.upper()}_{name.upper()}` | {text} |" for name, text in secrets().items()),
        f"\n## The datacenter\n\n{DATACENTER}\n",
        HEADER,
        *map(str, rows(Datacenter)),
        f"\n## The alerts\n\n{ALERTS}\n",
        HEADER,
        *map(str, rows(alerts.Alerts)),
        f"\n## Local settings\n\nThe environment variable `{variable}` names a YAML file with `environment` and `cluster`,",
        "or `datacenter`; its keys are laid over those of the stack file. `./hs up` writes one for the local estate,",
        "and `./hs env` prints the variable.",
        "\n## Types\n\n| type | meaning | range |\n|---|---|---|",
        *_type_lines(),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    TARGET.write_text(page())
