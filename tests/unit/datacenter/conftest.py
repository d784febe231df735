"""The real datacenter's stack file, which each test changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from settings.datacenter.load import DATACENTER, PASSWORD_VARIABLE, PROJECT, ROOT, DatacenterSettings, parse
from settings.parsing import merge

PASSWORDS = {f"{PASSWORD_VARIABLE}ESXI{number}": "hidden-word" for number in (1, 2, 3)}
Parse = Callable[..., DatacenterSettings]


@pytest.fixture(scope="session")
def described() -> dict[str, Any]:
    """The real description."""
    config = yaml.safe_load((ROOT / "esxi" / "Pulumi.datacenter.yaml").read_text())["config"]
    found: dict[str, Any] = config[f"{PROJECT}:{DATACENTER}"]
    return found


@pytest.fixture
def with_change(described: dict[str, Any]) -> Parse:
    """Parses the real description with a change laid over it."""

    def changed(change: dict[str, Any]) -> DatacenterSettings:
        return parse("datacenter", {DATACENTER: merge(described, change)}, PASSWORDS)

    return changed
