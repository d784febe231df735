"""The catalogue: what the product is, the same in every environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from settings.errors import Mistake, nearest
from settings.vocabulary import Host, Kibibytes, Mebibytes, Millicores, Model, Name, Port, UrlPath
from settings.webhooks import WebhookName

FILE = "catalogue.yaml"
HTTP_PORT = 8080

Role = Literal["api", "receiver", "ui"]


class Resources(Model):
    """What one pod asks for, and what it may not exceed."""

    cpu_request_millicores: Millicores = 25
    memory_request_mib: Mebibytes = 48
    memory_limit_mib: Mebibytes = 128


class Ingress(Model):
    """How a service or UI is reached from outside; `ingress: {}` is its own name under the environment's domain, over HTTPS."""

    hosts: tuple[Host, ...] = Field(default=(), description="names it answers to; none: its own name")
    paths: tuple[UrlPath, ...] = Field(default=("/",), min_length=1, description="which part of these hosts is its own")
    request_size_max_kib: Kibibytes = Field(default=1024, description="a larger request is answered with 413")


class Api(Model):
    """A context's HTTP service."""

    calls: tuple[Name, ...] = Field(default=(), description="contexts whose API this one calls")
    ingress: Ingress | None = Field(default=None, description="how it is reached from outside; without it not at all")
    webhooks: tuple[WebhookName, ...] = Field(default=(), description="events of payment services that it takes")
    port: Port = HTTP_PORT
    resources: Resources = Resources()


class Receiver(Model):
    """A context's message receiver: builds its read models from other contexts' events."""

    subscribes_to: tuple[Name, ...] = Field(min_length=1, description="contexts whose events it consumes")
    port: Port = HTTP_PORT
    resources: Resources = Resources()


class Context(Model):
    """A bounded context: one database, one broker user, an API and, where it listens, a receiver."""

    api: Api = Api()
    receiver: Receiver | None = None


class Ui(Model):
    """A web interface served by NGINX, which passes /api/<context>/ on to the APIs that it calls."""

    calls: tuple[Name, ...] = Field(default=(), description="contexts whose API this UI calls")
    ingress: Ingress | None = Field(default=None, description="how it is reached from outside; without it not at all")
    port: Port = HTTP_PORT
    resources: Resources = Resources(cpu_request_millicores=10, memory_request_mib=24, memory_limit_mib=64)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One deployment of the product, as the catalogue implies it."""

    name: str
    role: Role
    context: str = ""
    """The bounded context; empty for a UI."""
    port: int
    calls: tuple[str, ...] = ()
    subscribes_to: tuple[str, ...] = ()
    resources: Resources
    ingress: Ingress | None = None
    webhooks: tuple[WebhookName, ...] = ()


class Catalogue(Model):
    """The whole product."""

    contexts: dict[Name, Context] = Field(min_length=1)
    uis: dict[Name, Ui] = Field(default={})

    def workloads(self) -> Iterator[Workload]:
        """Every deployment: APIs and receivers by context, then the UIs."""
        for name, context in self.contexts.items():
            api = context.api
            yield Workload(
                name=f"{name}-api",
                role="api",
                context=name,
                port=api.port,
                calls=api.calls,
                resources=api.resources,
                ingress=api.ingress,
                webhooks=api.webhooks,
            )
            if receiver := context.receiver:
                yield Workload(
                    name=f"{name}-receiver",
                    role="receiver",
                    context=name,
                    port=receiver.port,
                    subscribes_to=receiver.subscribes_to,
                    resources=receiver.resources,
                )
        for name, ui in self.uis.items():
            yield Workload(name=name, role="ui", port=ui.port, calls=ui.calls, resources=ui.resources, ingress=ui.ingress)


def cross_check(raw: Mapping[str, object]) -> list[Mistake]:
    """What no single key shows: names that do not exist, itself as a partner, a UI named as a service.

    Works on the file as read, so that these mistakes are told together with mistakes of type.
    """
    contexts, uis = _mapping(raw.get("contexts")), _mapping(raw.get("uis"))
    mistakes = []
    for context, parts in contexts.items():
        partners = [
            ("api.calls", _mapping(_mapping(parts).get("api")).get("calls")),
            ("receiver.subscribes_to", _mapping(_mapping(parts).get("receiver")).get("subscribes_to")),
        ]
        for key, names in partners:
            mistakes += _unknown_partners(f"contexts.{context}.{key}", names, contexts, own=context)
    mistakes += _webhooks_taken_twice(contexts)
    for ui, parts in uis.items():
        mistakes += _unknown_partners(f"uis.{ui}.calls", _mapping(parts).get("calls"), contexts, own="")
        if ui in contexts:
            mistakes.append(Mistake(FILE, f"uis.{ui}", f"a context has the name {ui!r} too", "give the UI another name"))
    return mistakes


def _webhooks_taken_twice(contexts: Mapping[str, object]) -> list[Mistake]:
    mistakes, taken = [], dict[str, str]()
    for context, parts in contexts.items():
        webhooks = _mapping(_mapping(parts).get("api")).get("webhooks")
        for webhook in webhooks if isinstance(webhooks, list) else []:
            if str(webhook) in taken:
                problem = f"{webhook} is taken by {taken[str(webhook)]} too"
                mistakes.append(Mistake(FILE, f"contexts.{context}.api.webhooks", problem, "a webhook has one receiver: leave it with one"))
            taken.setdefault(str(webhook), context)
    return mistakes


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _unknown_partners(key: str, names: object, contexts: Mapping[str, object], own: str) -> list[Mistake]:
    mistakes = []
    listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    for name in listed:
        if name == own:
            mistakes.append(Mistake(FILE, key, f"{name} names itself", "remove it"))
        elif name not in contexts:
            mistakes.append(Mistake(FILE, key, f"there is no context {name!r}", nearest(name, contexts)))
    for name in {name for name in listed if listed.count(name) > 1}:
        mistakes.append(Mistake(FILE, key, f"{name} is listed twice", "list it once"))
    return mistakes
