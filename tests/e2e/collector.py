"""A collector of the platform's image with the platform's settings, by itself: what it makes of lines, without a cluster around it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.log_shipper import CONFIGURATION, LOGS, STATE, configuration
from local.estate import Estate
from settings.log_shipping import FAILED, LogShipping

ARRIVED = "arrived.json"
LAST = "this is the last line"
PATIENCE_SECONDS = 30


def shipped(estate: Estate, settings: LogShipping, written: Mapping[str, Sequence[str]], folder: Path) -> dict[str, list[str]]:
    """What leaves the node of the lines that a container in each of these namespaces wrote, by namespace; ``folder`` is an empty one."""
    write(settings, written, folder)
    options = ["--rm", "--detach", "--user", "0:0", "--label", estate.label, "--network", "none"]
    volumes = [f"{folder / 'pods'}:{LOGS}:ro", f"{folder / 'state'}:{STATE}", f"{folder / 'config.yaml'}:{CONFIGURATION}/config.yaml:ro"]
    options += [word for volume in volumes for word in ("--volume", volume)]
    command = ["docker", "run", *options, settings.image, f"--config={CONFIGURATION}/config.yaml"]
    container = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS).stdout.strip()
    try:
        return wait_until_arrived(folder / "state" / ARRIVED, written)
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=False, capture_output=True, timeout=PATIENCE_SECONDS)


def write(settings: LogShipping, written: Mapping[str, Sequence[str]], folder: Path) -> None:
    """The settings, without the API server that they ask and with a file in New Relic's place; and the lines, as a kubelet does."""
    content = configuration(settings)
    pipeline = content["service"]["pipelines"]["logs"]
    pipeline["processors"].remove("k8s_attributes")
    del content["processors"]["k8s_attributes"]
    content["exporters"] = {"file": {"path": f"{STATE}/{ARRIVED}"}}
    pipeline["exporters"] = ["file"]
    (folder / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "state").mkdir()
    for number, (namespace, lines) in enumerate(written.items()):
        place = folder / "pods" / f"{namespace}_writer-0_{number:08d}-0000-4000-8000-000000000000" / "writer"
        place.mkdir(parents=True)
        (place / "0.log").write_text("".join(f"2026-01-01T00:00:00.000000000Z stdout F {line}\n" for line in (*lines, f"{LAST} {FAILED}")))


def wait_until_arrived(path: Path, written: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What arrived, once the last line of every namespace has."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found: dict[str, list[str]] = {namespace: [] for namespace in written}
        deliveries = path.read_text().splitlines(keepends=True) if path.exists() else []
        for delivery in (json.loads(line) for line in deliveries if line.endswith("\n")):
            for resource in delivery["resourceLogs"]:
                namespace = _attribute(resource["resource"], "k8s.namespace.name")
                found[namespace] += [record["body"]["stringValue"] for scope in resource["scopeLogs"] for record in scope["logRecords"]]
        if all(LAST in " ".join(lines) for lines in found.values()):
            return {namespace: [line for line in lines if LAST not in line] for namespace, lines in found.items()}
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def _attribute(resource: Mapping[str, Any], key: str) -> str:
    return next(str(one["value"]["stringValue"]) for one in resource["attributes"] if one["key"] == key)
