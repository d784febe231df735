"""Pulumi mocks that record: what a program declares, so that presence and absence can both be asserted."""

from __future__ import annotations

import asyncio
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks, set_all_config
from pulumi.runtime.stack import wait_for_rpcs

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Recorded:
    """One resource as the engine would have been asked to make it."""

    type: str
    name: str
    inputs: dict[str, Any]

    @property
    def metadata(self) -> dict[str, Any]:
        """The Kubernetes metadata."""
        found: dict[str, Any] = self.inputs["metadata"]
        return found

    @property
    def spec(self) -> dict[str, Any]:
        """The Kubernetes spec."""
        found: dict[str, Any] = self.inputs["spec"]
        return found


@dataclass
class Recorder(mocks.Mocks):
    """Answers like the providers would and keeps what was asked."""

    resources: list[Recorded] = field(default_factory=list)
    options: dict[str, pulumi.ResourceOptions] = field(default_factory=dict)
    """The options that each resource was declared with, by ``TYPE::NAME``."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Record a resource; its outputs are its inputs and what its provider would have added."""
        self.resources.append(Recorded(args.typ, args.name, dict(args.inputs)))
        outputs = dict(args.inputs)
        if args.typ.startswith("kubernetes:"):
            metadata = dict(outputs.get("metadata") or {})
            metadata.setdefault("name", f"{args.name}-0000")
            outputs["metadata"] = metadata
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = f"generated-{args.name}"
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """No function is expected to be called."""
        raise AssertionError(f"unexpected call of {args.token}")

    def declared(self, args: pulumi.ResourceTransformationArgs) -> None:
        """Record a resource's options, which the mocks' own calls do not tell."""
        self.options[f"{args.type_}::{args.name}"] = args.opts

    def of(self, kind: str) -> list[Recorded]:
        """The resources whose type ends in ``kind``."""
        return [found for found in self.resources if found.type.rsplit(":", 1)[-1] == kind]

    def options_of(self, found: Recorded) -> pulumi.ResourceOptions:
        """The options that a resource was declared with."""
        return self.options[f"{found.type}::{found.name}"]

    def goes_before(self, found: Recorded) -> set[str]:
        """The names of the resources that a resource is declared to wait for, beside those whose outputs it takes."""
        before: Any = self.options_of(found).depends_on or []
        return {resource._name for resource in before}

    def one(self, kind: str, name: str) -> Recorded:
        """The one resource of a kind with this Kubernetes or physical name."""
        found = [r for r in self.of(kind) if (r.inputs.get("metadata") or r.inputs).get("name") == name]
        assert len(found) == 1, f"{len(found)} {kind} called {name}; there are {[r.name for r in self.of(kind)]}"
        return found[0]


def run_program(
    stack: str,
    config: dict[str, str],
    secret_keys: list[str],
    *,
    program: Path = ROOT / "__main__.py",
    project: str = "highstreetly",
    recorder: Recorder | None = None,
) -> Recorder:
    """Run a real program of the checkout under mocks and return what it declared; what it raised is raised.

    A ``recorder`` of the caller's own holds what a program declared before it raised.
    """
    recorder = recorder or Recorder()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks.set_mocks(recorder, project=project, stack=stack, preview=False)
    set_all_config(config, secret_keys)

    async def declare() -> None:
        pulumi.runtime.register_stack_transformation(recorder.declared)
        runpy.run_path(str(program))
        await wait_for_rpcs()

    try:
        loop.run_until_complete(declare())
    finally:
        loop.close()
    return recorder


__all__ = ["Recorded", "Recorder", "run_program"]
