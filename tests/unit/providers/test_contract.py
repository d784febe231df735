"""The contract is the official SDKs': same types, same properties, same versions."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from local.providers.base import Resource
from local.providers.packages import MODULES, load
from local.providers.schema import package_schema

RESOURCES = [(name, resource) for name in MODULES for resource in load(name).resources()]


def properties_of(cls: Any) -> set[str]:
    """The names on the wire of an SDK class's properties."""
    found = {key: value for key, value in vars(cls).items() if isinstance(value, property)}
    return {getattr(value.fget, "_pulumi_name", None) or key for key, value in found.items()}


def sdk_class(package: str, resource: Resource[Any], suffix: str = "") -> Any:
    return getattr(importlib.import_module(f"pulumi_{package}"), resource.token.rpartition(":")[2] + suffix)


@pytest.mark.parametrize(("package", "resource"), RESOURCES, ids=lambda part: getattr(part, "token", part))
def test_every_type_has_the_sdks_token_inputs_and_outputs(package: str, resource: Resource[Any]) -> None:
    cls = sdk_class(package, resource)
    assert cls.pulumi_type == resource.token
    assert {prop.name for prop in resource.properties if not prop.output} == properties_of(sdk_class(package, resource, "Args"))
    assert {prop.name for prop in resource.properties} == properties_of(cls) - {"id", "urn", "pulumi_resource_type"}


@pytest.mark.parametrize(("package", "resource"), RESOURCES, ids=lambda part: getattr(part, "token", part))
def test_every_output_the_sdk_holds_for_secret_is_secret_here(package: str, resource: Resource[Any]) -> None:
    source = Path(importlib.import_module(sdk_class(package, resource).__module__).__file__ or "").read_text()
    marked = source.partition("additional_secret_outputs=[")[2].partition("]")[0]
    assert {prop.name for prop in resource.properties if prop.secret} == {word.strip().strip('"') for word in marked.split(",") if word}


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_configuration_is_the_sdks(package: str) -> None:
    expected = properties_of(importlib.import_module(f"pulumi_{package}").ProviderArgs)
    assert {prop.name for prop in load(package).configuration} == expected


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_version_is_that_of_the_installed_sdk(package: str) -> None:
    folder = Path(importlib.import_module(f"pulumi_{package}").__file__ or "").parent
    assert load(package).version == json.loads((folder / "pulumi-plugin.json").read_text())["version"]


@pytest.mark.parametrize("package", sorted(MODULES))
def test_the_schema_names_every_type_and_no_reference_leads_nowhere(package: str) -> None:
    schema = package_schema(load(package))
    assert set(schema["resources"]) == {resource.token for resource in load(package).resources()}
    text = json.dumps(schema)
    assert all(f'"#/types/{token}"' in text for token in schema["types"])
    assert text.count('"$ref"') == sum(text.count(f'"#/types/{token}"') for token in schema["types"])
