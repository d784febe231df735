"""The contract is the official SDKs': same types, same properties, same versions."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.providers.base import Resource
from local.providers.packages import MODULES, load

PUBLISHERS = {"esxi-native": "pulumiverse"}
"""Whose SDK it is; all others are Pulumi's own."""
RESOURCES = [(name, resource) for name in MODULES for resource in load(name).resources()]


def properties_of(cls: Any) -> set[str]:
    """The names on the wire of an SDK class's properties."""
    found = {key: value for key, value in vars(cls).items() if isinstance(value, property)}
    return {getattr(value.fget, "_pulumi_name", None) or key for key, value in found.items()}


def sdk_name(package: str) -> str:
    return f"{PUBLISHERS.get(package, 'pulumi')}_{package.replace('-', '_')}"


def sdk_class(package: str, resource: Resource[Any], suffix: str = "") -> Any:
    return getattr(importlib.import_module(sdk_name(package)), resource.token.rpartition(":")[2] + suffix)


def source(package: str, resource: Resource[Any]) -> str:
    """The SDK's file of a type."""
    return Path(importlib.import_module(sdk_class(package, resource).__module__).__file__ or "").read_text()


@pytest.mark.parametrize(("package", "resource"), RESOURCES, ids=lambda part: getattr(part, "token", part))
def test_every_type_has_the_sdks_token_inputs_and_outputs(package: str, resource: Resource[Any]) -> None:
    cls = sdk_class(package, resource)
    assert re.search(rf"__init__\(\s*'{re.escape(resource.token)}',", source(package, resource)), "what the SDK registers"
    given = properties_of(sdk_class(package, resource, "Args"))
    told = properties_of(cls) - {"id", "urn", "pulumi_resource_type"}
    assert {prop.name for prop in resource.properties if not prop.output} == given
    assert {prop.name for prop in resource.properties} == given | told
    assert given - told <= {prop.name for prop in resource.properties if prop.write_only}, "what the SDK never tells is not kept"


@pytest.mark.parametrize(("package", "resource"), RESOURCES, ids=lambda part: getattr(part, "token", part))
def test_every_output_the_sdk_holds_for_secret_is_secret_here(package: str, resource: Resource[Any]) -> None:
    marked = source(package, resource).partition("additional_secret_outputs=[")[2].partition("]")[0]
    assert {prop.name for prop in resource.properties if prop.secret} == {word.strip().strip('"') for word in marked.split(",") if word}


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_configuration_is_the_sdks(package: str) -> None:
    expected = properties_of(importlib.import_module(sdk_name(package)).ProviderArgs)
    assert {prop.name for prop in load(package).configuration} == expected


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_version_is_that_of_the_installed_sdk(package: str) -> None:
    folder = Path(importlib.import_module(sdk_name(package)).__file__ or "").parent
    asked = json.loads((folder / "pulumi-plugin.json").read_text()).get("version")  # without one, the engine asks for the SDK's own
    assert load(package).version == (asked or importlib.metadata.version(sdk_name(package)))


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_schema_names_every_type_and_no_reference_leads_nowhere(package: str) -> None:
    schema = load(package).schema()
    assert set(schema["resources"]) == {resource.token for resource in load(package).resources()}
    text = json.dumps(schema)
    assert all(f'"#/types/{token}"' in text for token in schema["types"])
    assert text.count('"$ref"') == sum(text.count(f'"#/types/{token}"') for token in schema["types"])
