"""The package schema a plugin answers with: generated from the properties, enough for `pulumi import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.providers.base import Provider, Resource
    from local.providers.properties import Property

SIMPLE_TYPES = {"text": "string", "integer": "integer", "boolean": "boolean"}


def package_schema(provider: Provider[Any]) -> dict[str, Any]:
    """The schema of every type a provider implements."""
    types: dict[str, Any] = {}
    resources = {resource.token: _resource(resource, types) for resource in provider.resources()}
    return {
        "name": provider.name,
        "version": provider.version,
        "config": {"variables": {prop.name: _type(prop, provider.name, types) for prop in provider.configuration}},
        "provider": {"inputProperties": {prop.name: _type(prop, provider.name, types) for prop in provider.configuration}},
        "types": types,
        "resources": resources,
    }


def _resource(resource: Resource[Any], types: dict[str, Any]) -> dict[str, Any]:
    given = [prop for prop in resource.properties if not prop.output]
    return {
        "properties": {prop.name: _type(prop, resource.token, types) for prop in resource.properties},
        "inputProperties": {prop.name: _type(prop, resource.token, types) for prop in given},
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
