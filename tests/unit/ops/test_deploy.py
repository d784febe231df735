"""What a deploy prepares before the engine begins, and what it waits for afterwards."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi import automation
from pulumi.automation import CommandResult

from ops import deploy
from ops.errors import PlatformError
from settings import Settings

COMPONENT = deploy.DATABASE_COMPONENT


def resource(kind: str, name: str, parent: str = "") -> dict[str, Any]:
    found = {"urn": f"urn:pulumi:test::highstreetly::{kind}::{name}", "type": kind}
    return found | ({"parent": parent} if parent else {})


def test_the_databases_of_contexts_that_are_gone_are_kept_with_all_that_belongs_to_them() -> None:
    here, gone = resource(COMPONENT, "orders"), resource(COMPONENT, "loyalty")
    role = resource("postgresql:index/role:Role", "loyalty-owner", gone["urn"])
    other = resource("postgresql:index/role:Role", "orders-owner", here["urn"])
    workload = resource("platform:env:Workload", "loyalty-api")
    state = {"deployment": {"resources": [here, other, gone, role, workload]}}
    assert deploy.databases_to_keep(state, ["orders"]) == {"loyalty": [gone["urn"], role["urn"]]}
    assert deploy.databases_to_keep(state, ["orders", "loyalty"]) == {}
    assert deploy.databases_to_keep({}, ["orders"]) == {}


def test_a_state_that_the_engine_cannot_open_is_told_without_a_stack_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: object) -> automation.Stack:
        raise automation.CommandError(CommandResult(stdout="", stderr="error: incorrect passphrase", code=255))

    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setattr(automation, "create_or_select_stack", refuse)
    monkeypatch.setattr("ops.engine.BoundEngine", object)
    with pytest.raises(PlatformError) as refused:
        deploy.select("test", tmp_path)
    assert refused.value.why == "error: incorrect passphrase"
    assert "mend-state" in refused.value.remedy


def test_a_pinned_image_reaches_the_program_and_none_leaves_it_alone() -> None:
    assert deploy.AS_WRITTEN.variables == {}
    assert list(deploy.Images({"orders-api": "x@sha256:1"}).variables.values()) == ['{"orders-api": "x@sha256:1"}']


class Waited:
    """An engine that is content, and a cluster in which some Deployments never get ready."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, *stuck: str) -> None:
        self.names: set[str] = set()
        self.stuck = list(stuck)
        ended = SimpleNamespace(summary=SimpleNamespace(resource_changes={"update": 1}))
        stack = cast("automation.Stack", SimpleNamespace(up=lambda **_options: ended))
        run = deploy.Run(settings, stack, False, False, {})
        monkeypatch.setattr(deploy, "make_ready", lambda *_words, **_options: run)
        monkeypatch.setattr(deploy, "wait_for_rollouts", self.wait)
        monkeypatch.setattr(deploy, "find", lambda *_words: [])

    def wait(self, _namespace: str, names: Collection[str], *_more: object) -> list[str]:
        self.names = set(names)
        return self.stuck


def test_a_run_that_the_engine_calls_done_fails_where_new_pods_do_not_get_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = Waited(settings, monkeypatch, "orders-api")
    with pytest.raises(PlatformError, match="what ran before still runs") as failed:
        deploy.bring_up(settings, Path(), message="", again="./hs deploy kind")
    assert failed.value.why == "New pods did not get ready: orders-api"
    assert failed.value.remedy == "mend the cause, then ./hs deploy kind"
    assert waited.names == {workload.name for workload in settings.catalogue.workloads()}


def test_a_run_that_touches_some_objects_only_waits_for_their_deployments(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = Waited(settings, monkeypatch)
    kinds = (("kubernetes:apps/v1:Deployment", "orders-api"), ("postgresql:index/role:Role", "orders-app"))
    urns = [f"urn:pulumi:kind::highstreetly::{kind}::{name}" for kind, name in kinds]
    assert deploy.bring_up(settings, Path(), message="", again="", only=urns) == {"update": 1}
    assert waited.names == {"orders-api"}
