"""Runs the alerts' program under mocks in the environment that has its SDK, and prints what it declared as JSON; no test itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

import yaml  # noqa: E402 - after the path is set

from tests.unit.components.recorder import run_program  # noqa: E402 - after the path is set

STACK = "datacenter"


def main() -> None:
    """Print every resource of the committed stack: type, name and inputs."""
    config = yaml.safe_load((ROOT / "alerts" / f"Pulumi.{STACK}.yaml").read_text())["config"]
    values = {key: json.dumps(value) for key, value in config.items()}
    found = run_program(STACK, values, [], program=ROOT / "alerts" / "__main__.py", project="highstreetly-alerts")
    sys.stdout.write(json.dumps([{"type": one.type, "name": one.name, "inputs": one.inputs} for one in found.resources], default=str))


if __name__ == "__main__":
    main()
