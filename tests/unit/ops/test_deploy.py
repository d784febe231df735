"""What a deploy prepares before the engine begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi import automation
from pulumi.automation import CommandResult

from ops import deploy
from ops.errors import PlatformError

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
