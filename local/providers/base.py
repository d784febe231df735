"""What a provider and a resource are here, and the gRPC service that turns them into a Pulumi plugin."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import grpc
from google.protobuf import empty_pb2 as _empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from typing_extensions import override

from local.providers import differences, wire
from local.providers.errors import BackendError
from local.providers.properties import (
    FILLED_IN,
    Property,
    Refusals,
    check,
    imported_inputs,
    outputs,
    planned,
    refreshed_inputs,
    with_defaults,
    without_notes,
)
from local.providers.schema import package_schema
from local.providers.wire import Properties

Client = TypeVar("Client")

empty_pb2: Any = _empty_pb2  # built when it is imported: its classes have no types to check
NOT_CONFIGURED = object()
META = "__meta"  # where the bridged providers keep the version of a resource's schema, so that either can go on from the other's state
RANDOM_SUFFIX_DIGITS = 7  # as the bridged providers' generated names: <name>-1a2b3c4
NAME_CHARACTERS_AT_MOST = 255


class Resource(ABC, Generic[Client]):
    """One type of resource: its properties, and how its back end creates, reads, updates and deletes it.

    Values arrive plain (secrets opened) and checked; states are returned plain, the service marks what is secret.
    """

    token: ClassVar[str]
    properties: ClassVar[tuple[Property, ...]]
    importable: ClassVar[bool] = True
    deletes_before_replacing: ClassVar[bool] = False
    schema_version: ClassVar[int] = 0

    def check(self, inputs: Properties, refusals: Refusals) -> None:
        """Refuse combinations of inputs that one property alone cannot tell. Values may be UNKNOWN. Touches nothing."""

    @abstractmethod
    def create(self, client: Client, inputs: Properties) -> tuple[str, Properties]:
        """Make the object; returns its ID and state."""

    @abstractmethod
    def read(self, client: Client, resource_id: str, state: Properties) -> tuple[str, Properties] | None:
        """The object as it is, or None when it has vanished. ``state`` is empty when it is imported by its ID."""

    @abstractmethod
    def update(self, client: Client, resource_id: str, old: Properties, new: Properties) -> Properties:
        """Change the object in place; returns its new state."""

    @abstractmethod
    def delete(self, client: Client, resource_id: str, state: Properties) -> None:
        """Remove the object; one that is already gone is fine."""


class Provider(ABC, Generic[Client]):
    """A package of resources on one back end."""

    name: ClassVar[str]
    version: ClassVar[str]
    configuration: ClassVar[tuple[Property, ...]]

    @abstractmethod
    def resources(self) -> Sequence[Resource[Client]]:
        """Every type of resource of the package."""

    def schema(self) -> dict[str, Any]:
        """The package schema of the types that are implemented."""
        properties = {resource.token: resource.properties for resource in self.resources()}
        return package_schema(self.name, self.version, self.configuration, properties)

    @abstractmethod
    def client(self, configuration: Properties, cancelled: threading.Event) -> Client:
        """The back end by its (checked, plain) configuration. Must not connect: a no-op deployment needs no back end."""


def answered(method: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a failed call with one message for the user instead of a stack trace."""

    @functools.wraps(method)
    def wrapper(self: Servicer, request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except BackendError as failure:
            context.abort(grpc.StatusCode.UNKNOWN, str(failure))
        except Exception as mistake:
            place = traceback.extract_tb(mistake.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}:{place.lineno}"
            context.abort(
                grpc.StatusCode.INTERNAL, f"the stand-in provider {self.provider.name} failed at {where}: {type(mistake).__name__}"
            )

    return wrapper


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The plugin protocol over one Provider."""

    def __init__(self, provider: Provider[Any]) -> None:
        self.provider = provider
        self.cancelled = threading.Event()
        self._resources = {resource.token: resource for resource in provider.resources()}
        self._client: Any = NOT_CONFIGURED

    @override
    @answered
    def Handshake(self, request: Any, context: Any) -> Any:
        """Tell the engine what this plugin understands."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @override
    @answered
    def Attach(self, request: Any, context: Any) -> Any:
        """Accept an engine that attaches to a running plugin (PULUMI_DEBUG_PROVIDERS)."""
        return empty_pb2.Empty()

    @override
    @answered
    def Cancel(self, request: Any, context: Any) -> Any:
        """Stop retrying; operations under way end in a state the next run continues from."""
        self.cancelled.set()
        return empty_pb2.Empty()

    @override
    @answered
    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """The version the engine asked for."""
        return plugin_pb2.PluginInfo(version=self.provider.version)

    @override
    @answered
    def GetSchema(self, request: Any, context: Any) -> Any:
        """A schema of the types that are implemented, enough for `pulumi import`."""
        return provider_pb2.GetSchemaResponse(schema=json.dumps(self.provider.schema()))

    @override
    @answered
    def Invoke(self, request: Any, context: Any) -> Any:
        """No function of the official packages is implemented."""
        raise BackendError(
            f"The stand-in provider {self.provider.name} has no function {request.tok}",
            remedy=f"install the official plugin: {self._official}",
        )

    @override
    @answered
    def CheckConfig(self, request: Any, context: Any) -> Any:
        """Check an explicit provider's inputs; what comes from the environment is never written into the state."""
        inputs = wire.from_struct(request.news)
        refusals = Refusals()
        check(self.provider.configuration, {**_from_environment(self.provider.configuration), **_given(inputs)}, refusals)
        secret = {prop.name for prop in self.provider.configuration if prop.secret}
        kept = {name: wire.as_secret(value) if name in secret else value for name, value in inputs.items()}
        return provider_pb2.CheckResponse(inputs=wire.to_struct(kept), failures=_failures(refusals))

    @override
    @answered
    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Changed configuration never replaces the resources made with the old one."""
        old, new = wire.plain(wire.from_struct(request.olds)), wire.plain(wire.from_struct(request.news))
        changed = sorted(name for name in {**old, **new} if old.get(name) != new.get(name) and not name.startswith("__"))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    @override
    @answered
    def Configure(self, request: Any, context: Any) -> Any:
        """Take the configuration: the provider's inputs, else the stack's configuration, else the environment."""
        stack = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        given = {**_from_environment(self.provider.configuration), **stack, **_given(wire.from_struct(request.args))}
        if not wire.is_unknown(given):  # else a preview before the back end's own address exists: nothing can be asked yet
            self._client = self._configured(without_notes(given))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    def _configured(self, given: Properties) -> Any:
        refusals = Refusals()
        known = {prop.name for prop in self.provider.configuration}
        configuration = check(self.provider.configuration, {key: value for key, value in given.items() if key in known}, refusals)
        if refusals.failures:
            reasons = "; ".join(f"{failure.property}: {failure.reason}" for failure in refusals.failures)
            variables = ", ".join(sorted({name for prop in self.provider.configuration for name in prop.environment}))
            raise BackendError(
                f"The provider {self.provider.name} is not configured",
                why=reasons,
                remedy=f"give these to the provider, or set the environment variables {variables}",
            )
        return self.provider.client(wire.plain(without_notes(configuration)), self.cancelled)

    @override
    @answered
    def Check(self, request: Any, context: Any) -> Any:
        """Fill in defaults and names and refuse what cannot be used."""
        resource = self._resource(request)
        inputs, old = wire.from_struct(request.news), wire.from_struct(request.olds)
        refusals = Refusals()
        named = self._named(resource, request, without_notes(inputs), old, refusals)
        checked = check(resource.properties, {**without_notes(inputs), **named}, refusals)
        checked[FILLED_IN] = sorted({*checked[FILLED_IN], *named})
        if not refusals.failures:
            resource.check(wire.plain(without_notes(checked)), refusals)
        return provider_pb2.CheckResponse(inputs=wire.to_struct(checked), failures=_failures(refusals))

    def _named(self, resource: Resource[Any], request: Any, inputs: Properties, old: Properties, refusals: Refusals) -> Properties:
        for prop in resource.properties:
            if not prop.autonamed or inputs.get(prop.name) is not None:
                continue
            if old.get(prop.name) is not None and prop.name in old.get(FILLED_IN, [prop.name]):
                return {prop.name: old[prop.name]}
            options = request.autonaming if request.HasField("autonaming") else None
            if options is not None and options.mode == options.DISABLE:
                refusals.add(prop.name, "it is required, because automatic names are turned off for this resource")
                return {prop.name: "unnamed"}
            if options is not None and options.proposed_name:
                return {prop.name: options.proposed_name}
            return {prop.name: generated_name(request.name or request.urn.rpartition("::")[2], request.randomSeed)}
        return {}

    @override
    @answered
    def Diff(self, request: Any, context: Any) -> Any:
        """Compare the last known state with the new inputs; asks no back end."""
        resource = self._resource(request)
        state, inputs = wire.from_struct(request.olds), wire.from_struct(request.news)
        found = differences.changes(resource.properties, state, inputs, list(request.ignoreChanges))
        replaces = any(change.replaces for change in found)
        response = provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=sorted({change.property for change in found if change.replaces}),
            diffs=sorted({change.property for change in found}),
            hasDetailedDiff=True,
            deleteBeforeReplace=replaces
            and (resource.deletes_before_replacing or differences.is_named_by_program(resource.properties, inputs)),
        )
        for change in found:
            kind = f"{change.kind}_REPLACE".upper() if change.replaces else change.kind.upper()
            response.detailedDiff[change.path].kind = provider_pb2.PropertyDiff.Kind.Value(kind)
        return response

    @override
    @answered
    def Create(self, request: Any, context: Any) -> Any:
        """Make the object, or in a preview say what it would be."""
        resource, inputs = self._resource(request), wire.from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=wire.to_struct(planned(resource.properties, inputs, {})))
        resource_id, state = resource.create(self._back_end(), wire.plain(without_notes(inputs)))
        return provider_pb2.CreateResponse(id=resource_id, properties=self._outputs(resource, resource_id, state, inputs))

    @override
    @answered
    def Read(self, request: Any, context: Any) -> Any:
        """Refresh a known object, or import one by its ID; an empty ID answers that it has vanished."""
        resource = self._resource(request)
        old_state, old_inputs = wire.from_struct(request.properties), wire.from_struct(request.inputs)
        known = wire.plain(without_notes(old_state))
        if not known and not resource.importable:
            raise BackendError(
                f"A {resource.token} cannot be imported", remedy="let Pulumi create it: that is safe where it already exists"
            )
        found = resource.read(self._back_end(), request.id, known)
        if found is None:
            return provider_pb2.ReadResponse()
        resource_id, state = found
        state = {**known, **state} if known else with_defaults(resource.properties, state)
        inputs = refreshed_inputs(resource.properties, old_inputs, state) if known else imported_inputs(resource.properties, state)
        written = self._outputs(resource, resource_id, state, {**old_state, **old_inputs})
        return provider_pb2.ReadResponse(id=resource_id, properties=written, inputs=wire.to_struct(inputs))

    @override
    @answered
    def Update(self, request: Any, context: Any) -> Any:
        """Change the object in place, or in a preview say what it would become."""
        resource = self._resource(request)
        old, inputs = wire.from_struct(request.olds), wire.from_struct(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=wire.to_struct(planned(resource.properties, inputs, old)))
        state = resource.update(self._back_end(), request.id, wire.plain(without_notes(old)), wire.plain(without_notes(inputs)))
        return provider_pb2.UpdateResponse(properties=self._outputs(resource, request.id, state, inputs))

    @override
    @answered
    def Delete(self, request: Any, context: Any) -> Any:
        """Remove the object."""
        resource = self._resource(request)
        resource.delete(self._back_end(), request.id, wire.plain(without_notes(wire.from_struct(request.properties))))
        return empty_pb2.Empty()

    def _outputs(self, resource: Resource[Any], resource_id: str, state: Properties, inputs: Mapping[str, Any]) -> Any:
        meta = json.dumps({"schema_version": str(resource.schema_version)})
        written = outputs(resource.properties, without_notes(state), without_notes(inputs))
        return wire.to_struct({**written, "id": resource_id, META: meta})

    def _resource(self, request: Any) -> Resource[Any]:
        token = request.type or request.urn.split("::")[2].rpartition("$")[2]
        if token not in self._resources:
            raise BackendError(
                f"The stand-in provider {self.provider.name} has no {token}", remedy=f"install the official plugin: {self._official}"
            )
        return self._resources[token]

    def _back_end(self) -> Any:
        if self._client is NOT_CONFIGURED:
            raise BackendError(
                f"The provider {self.provider.name} is not configured",
                why="part of its configuration is not known yet",
                remedy="run `pulumi up`, which learns it",
            )
        return self._client

    @property
    def _official(self) -> str:
        return f"pulumi plugin install resource {self.provider.name} {self.provider.version}"


def generated_name(name: str, seed: bytes) -> str:
    """``<name>-<7 digits>``, the digits from the engine's seed so that a preview promises the name the update gives."""
    digits = (hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(RANDOM_SUFFIX_DIGITS))[:RANDOM_SUFFIX_DIGITS]
    return f"{name[: NAME_CHARACTERS_AT_MOST - RANDOM_SUFFIX_DIGITS - 1]}-{digits}"


def _from_environment(properties: Sequence[Property]) -> Properties:
    values: Properties = {}
    for prop in properties:
        set_ones = [os.environ[variable] for variable in prop.environment if os.environ.get(variable)]
        if set_ones:
            values[prop.name] = set_ones[0]
    return values


def _given(inputs: Mapping[str, Any]) -> Properties:
    return {
        name: value for name, value in without_notes(inputs).items() if value is not None and name not in ("version", "pluginDownloadURL")
    }


def _failures(refusals: Refusals) -> list[Any]:
    return [provider_pb2.CheckFailure(property=failure.property, reason=failure.reason) for failure in refusals.failures]
