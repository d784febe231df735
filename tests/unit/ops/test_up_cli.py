"""`./hs up`: each estate's stacks come up in their own way, and an environment that others use only by a release."""

from __future__ import annotations

from typing import Any

import pytest

from ops import all_stacks, deploy, up_cli
from ops.errors import InputError
from ops.up_cli import up

RAN: list[tuple[str, str, dict[str, bool]]] = []


@pytest.fixture(autouse=True)
def ways(monkeypatch: pytest.MonkeyPatch) -> None:
    def way(name: str) -> Any:
        return lambda stack, **options: RAN.append((name, stack, options))

    RAN.clear()
    monkeypatch.setattr(up_cli, "bringers", {"local": way("local")})
    monkeypatch.setattr(deploy, "up", way("shared"))


def test_the_local_stack_comes_up_with_what_it_stands_on() -> None:
    up(refresh=True)
    assert RAN == [("local", "kind", {"refresh": True, "if_changed": False})]


def test_what_the_datacenters_cluster_has_once_is_only_its_program() -> None:
    up("cluster", if_changed=True)
    assert RAN == [("shared", "cluster", {"refresh": False, "if_changed": True})]


def test_an_environment_that_others_use_changes_by_releases_only() -> None:
    with pytest.raises(InputError, match="live is no stack of the local estate") as refused:
        up("live")
    assert "./hs deploy live" in refused.value.remedy
    assert RAN == []


def test_a_stack_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(InputError, match="no stack 'kin'") as refused:
        up("kin")
    assert "kind" in refused.value.why
    assert RAN == []


def test_all_takes_no_stack() -> None:
    with pytest.raises(InputError, match="--all takes no stack"):
        up("kind", every=True)
    assert RAN == []


def test_all_passes_a_refresh_on(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[str] = []
    monkeypatch.setattr(all_stacks, "run_all", lambda tasks: planned.extend(str(task) for task in tasks))
    up(every=True, refresh=True)
    assert planned == ["./hs up kind --refresh"]
