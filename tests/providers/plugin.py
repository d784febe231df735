"""Speaks to a plugin as the engine does, over gRPC, so that what is tested is the wire."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc as untyped_grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.providers import wire
from local.providers.base import Servicer
from local.providers.packages import load
from local.providers.wire import Properties

grpc: Any = untyped_grpc
RpcError: type[Exception] = grpc.RpcError


class Refused(Exception):
    """The plugin answered a call with an error; its text is what a user would see."""


@dataclass
class Difference:
    """What Diff answered."""

    changed: bool
    replaces: list[str]
    kinds: dict[str, str]
    deletes_first: bool


@dataclass
class Thing:
    """A resource as the engine keeps it: its ID, inputs and outputs, secrets still marked."""

    plugin: Plugin
    token: str
    id: str
    inputs: Properties
    state: Properties = field(default_factory=dict)

    @property
    def values(self) -> Properties:
        """The outputs without secret marks and notes."""
        return {key: value for key, value in wire.plain(self.state).items() if not key.startswith("__")}

    def diff(self, inputs: Properties | None = None, ignoring: tuple[str, ...] = ()) -> Difference:
        """Diff against new inputs (checked first), or against the same ones."""
        news = self.inputs if inputs is None else self.plugin.checked(self.token, inputs, self.inputs)
        return self.plugin.diff(self, news, ignoring)

    def update(self, inputs: Properties, *, preview: bool = False) -> Properties:
        """Check and update; the thing keeps the new state unless it is a preview."""
        news = self.plugin.checked(self.token, inputs, self.inputs)
        return self.plugin.update(self, news, preview=preview)

    def refresh(self) -> bool:
        """Read it back; False when it has vanished."""
        return self.plugin.refresh(self)

    def delete(self) -> None:
        """Delete it."""
        self.plugin.delete(self)


class Plugin:
    """A running plugin and its only client."""

    def __init__(self, name: str, configuration: Properties | None = None) -> None:
        self.name = name
        self.made: list[Thing] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=32))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(load(name)), self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
        if configuration is not None:
            self.configure(configuration)

    def close(self) -> None:
        """Stop it."""
        self._channel.close()
        self._server.stop(None)

    def call(self, method: str, request: Any) -> Any:
        """One call; an error becomes Refused with the message a user would see."""
        try:
            return getattr(self.stub, method)(request)
        except RpcError as error:
            failed: Any = error  # gRPC gives the error of a call its details() without a type
            raise Refused(failed.details()) from None

    def configure(self, configuration: Properties, variables: dict[str, str] | None = None) -> None:
        """CheckConfig, then Configure, as the engine does for an explicit provider."""
        self.call(
            "CheckConfig",
            provider_pb2.CheckRequest(urn=f"urn:pulumi:t::t::pulumi:providers:{self.name}::x", news=wire.to_struct(configuration)),
        )
        request = provider_pb2.ConfigureRequest(args=wire.to_struct(configuration), variables=variables or {}, acceptSecrets=True)
        self.call("Configure", request)

    def check(
        self, token: str, inputs: Properties, old: Properties | None = None, *, name: str = "thing", seed: bytes = b"seed"
    ) -> tuple[Properties, dict[str, str]]:
        """The checked inputs, and the reasons of refused ones by property."""
        news, olds = wire.to_struct(inputs), wire.to_struct(old or {})
        answer = self.call("Check", provider_pb2.CheckRequest(urn=_urn(token, name), news=news, olds=olds, randomSeed=seed))
        return wire.from_struct(answer.inputs), {failure.property: failure.reason for failure in answer.failures}

    def checked(self, token: str, inputs: Properties, old: Properties | None = None) -> Properties:
        """The checked inputs, which must be fine."""
        checked, failures = self.check(token, inputs, old)
        assert not failures, failures
        return checked

    def make(self, token: str, inputs: Properties) -> Thing:
        """Check and create."""
        news = self.checked(token, inputs)
        answer = self.call("Create", provider_pb2.CreateRequest(urn=_urn(token), properties=wire.to_struct(news)))
        thing = Thing(self, token, answer.id, news, wire.from_struct(answer.properties))
        self.made.append(thing)
        return thing

    def preview(self, token: str, inputs: Properties) -> Properties:
        """What a preview of its creation promises."""
        news = self.checked(token, inputs)
        answer = self.call("Create", provider_pb2.CreateRequest(urn=_urn(token), properties=wire.to_struct(news), preview=True))
        assert answer.id == ""
        return wire.from_struct(answer.properties)

    def diff(self, thing: Thing, news: Properties, ignoring: tuple[str, ...] = ()) -> Difference:
        """Compare a thing's state with checked inputs."""
        request = provider_pb2.DiffRequest(
            id=thing.id, urn=_urn(thing.token), olds=wire.to_struct(thing.state), news=wire.to_struct(news),
            old_inputs=wire.to_struct(thing.inputs), ignoreChanges=ignoring,
        )  # fmt: skip
        answer = self.call("Diff", request)
        kinds = {path: provider_pb2.PropertyDiff.Kind.Name(diff.kind) for path, diff in answer.detailedDiff.items()}
        return Difference(answer.changes == provider_pb2.DiffResponse.DIFF_SOME, list(answer.replaces), kinds, answer.deleteBeforeReplace)

    def update(self, thing: Thing, news: Properties, *, preview: bool) -> Properties:
        """Update a thing to checked inputs."""
        request = provider_pb2.UpdateRequest(
            id=thing.id, urn=_urn(thing.token), olds=wire.to_struct(thing.state), news=wire.to_struct(news),
            old_inputs=wire.to_struct(thing.inputs), preview=preview,
        )  # fmt: skip
        state = wire.from_struct(self.call("Update", request).properties)
        if not preview:
            thing.inputs, thing.state = news, state
        return state

    def refresh(self, thing: Thing) -> bool:
        """Read a known thing."""
        request = provider_pb2.ReadRequest(
            id=thing.id, urn=_urn(thing.token), properties=wire.to_struct(thing.state), inputs=wire.to_struct(thing.inputs)
        )
        answer = self.call("Read", request)
        if not answer.id:
            return False
        thing.id, thing.state, thing.inputs = answer.id, wire.from_struct(answer.properties), wire.from_struct(answer.inputs)
        return True

    def import_(self, token: str, resource_id: str) -> Thing | None:
        """Read an object by nothing but its ID."""
        answer = self.call("Read", provider_pb2.ReadRequest(id=resource_id, urn=_urn(token)))
        return Thing(self, token, answer.id, wire.from_struct(answer.inputs), wire.from_struct(answer.properties)) if answer.id else None

    def delete(self, thing: Thing) -> None:
        """Delete a thing."""
        self.call("Delete", provider_pb2.DeleteRequest(id=thing.id, urn=_urn(thing.token), properties=wire.to_struct(thing.state)))


def _urn(token: str, name: str = "thing") -> str:
    return f"urn:pulumi:test::project::{token}::{name}"
