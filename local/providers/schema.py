"""The package schema a plugin answers with: generated from the properties, enough for `pulumi import`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.providers.properties import Property

SIMPLE_TYPES = {"text": "string", "integer": "integer", "boolean": "boolean"}


def package_schema(
    name: str, version: str, configuration: Sequence[Property], resources: Mapping[str, Sequence[Property]]
) -> dict[str, Any]:
    """The schema of a provider: its configuration, and every type it implements by its token."""
    types: dict[str, Any] = {}
    variables = {prop.name: _type(prop, name, types) for prop in configuration}
    return {
        "name": name,
        "version": version,
        "config": {"variables": variables},
        "provider": {"inputProperties": variables},
        "types": types,
        "resources": {token: _resource(token, properties, types) for token, properties in resources.items()},
    }


def _resource(token: str, properties: Sequence[Property], types: dict[str, Any]) -> dict[str, Any]:
    given = [prop for prop in properties if not prop.output]
    return {
        "properties": {prop.name: _type(prop, token, types) for prop in properties},
        "inputProperties": {prop.name: _type(prop, token, types) for prop in given},
        "requiredInputs": sorted(prop.name for prop in given if prop.required),
    }


def _type(prop: Property, owner: str, types: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"secret": True} if prop.secret else {}
    element: dict[str, Any] = {"type": "string"}
    if prop.fields:
        token = f"{owner.split(':')[0]}:index/{owner.split(':')[-1]}{prop.name.capitalize()}:{owner.split(':')[-1]}{prop.name.capitalize()}"
        fields = {field.name: _type(field, token, types) for field in prop.fields}
        types[token] = {"type": "object", "properties": fields, "required": sorted(f.name for f in prop.fields if f.required)}
        element = {"$ref": f"#/types/{token}"}
    if prop.kind in ("list", "set"):
        return {**described, "type": "array", "items": element}
    if prop.kind == "map":
        return {**described, "type": "object", "additionalProperties": {"type": "string"}}
    if prop.kind == "object":
        return {**described, **element}
    return {**described, "type": SIMPLE_TYPES[prop.kind]}
