"""The four environments' real stack files, each run once under recording mocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.components.recorder import ROOT, Recorder, run_program
from tests.unit.conftest import SECRETS

ENVIRONMENTS = ("live", "test", "dev", "kind")


@pytest.fixture(scope="session")
def run_stack(ca_certificate: Path, local_settings: Path) -> Callable[..., Recorder]:
    """Runs the real program with a real stack file; ``changes`` are laid over its environment."""

    def run(stack: str, **changes: Any) -> Recorder:
        values = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        if "highstreetly:environment" in values:
            values["highstreetly:environment"] |= {"ca_certificate_file": str(ca_certificate)} | changes
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SECRETS.items():
                patch.setenv(name, value)
            if stack == "kind":
                patch.setenv("HIGHSTREETLY_LOCAL_SETTINGS", str(local_settings))
            return run_program(stack, {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}, [])

    return run


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, run_stack: Callable[..., Recorder]) -> Recorder:
    """Each of the four environments in turn."""
    recorder: Recorder = run_stack(request.param)
    return recorder


@pytest.fixture(scope="session")
def live(run_stack: Callable[..., Recorder]) -> Recorder:
    """LIVE as its stack file says."""
    return run_stack("live")
