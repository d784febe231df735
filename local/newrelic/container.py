"""Starting, asking and removing the endpoint that takes the estate's logs, and reading what arrived there."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

from local import container
from local.addons.images import IMAGES
from local.certificates import server_certificate
from local.estate import Estate
from local.toolchain import Toolchain

MACHINE = "newrelic"
TITLE = "What stands for New Relic"
IMAGE = "docker.io/otel/opentelemetry-collector-contrib"
ENDPOINT = "otlp.eu01.nr-data.net"
"""The name of the real one: https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/."""
PORT = 4318
MEMORY_MIB = 256
ANSWER_SECONDS = 3
FOLDER, ARRIVED = "/etc/newrelic", "/var/lib/newrelic"
"""Where the container finds its settings, and the folder of what arrived."""


def url(estate: Estate) -> str:
    """Where OTLP over HTTP is taken on the estate's network."""
    return f"https://{estate.address(MACHINE)}:{PORT}"


def start(estate: Estate, toolchain: Toolchain) -> None:
    """Start the endpoint, anew where its image, its key or its certificate changed; nothing happens when it runs.

    Raises PlatformError when it does not start; it does not wait until it answers.
    """
    folder = _configure(estate)
    wanted = container.Start(
        image=f"{IMAGE}:{toolchain.pins[IMAGES[IMAGE].tool].version}",
        memory_mib=MEMORY_MIB,
        options=_options(estate, folder),
        arguments=(f"--config={FOLDER}/config.yaml",),
        files=(folder,),
    )
    container.start(estate, MACHINE, TITLE, wanted)


def delete(estate: Estate) -> None:
    """Remove the endpoint with what arrived there; nothing happens when it is not there."""
    container.delete(estate, MACHINE)


def is_healthy(estate: Estate) -> bool:
    """Whether it answers, with a certificate that the platform CA signed; without a key it takes nothing."""
    return send(estate, "") == httpx.codes.UNAUTHORIZED


def wait_until_healthy(estate: Estate) -> None:
    """Wait until it answers; raises PlatformError with its last words after half a minute."""
    container.wait_until(is_healthy, estate, MACHINE, TITLE, url(estate))


def send(estate: Estate, key: str) -> int:
    """What it answers to an empty delivery with a licence key; 0 for no answer."""
    trust = ssl.create_default_context(cafile=estate.secrets.ca_certificate)
    try:
        with httpx.Client(verify=trust, timeout=ANSWER_SECONDS, trust_env=False) as client:
            return client.post(f"{url(estate)}/v1/logs", json={}, headers={"api-key": key}).status_code
    except (OSError, httpx.HTTPError):
        return 0


def arrived(estate: Estate) -> list[dict[str, Any]]:
    """Every line that arrived: {body, severity, attributes}, the attributes of its resource and its own in one."""
    found = []
    for path in sorted((estate.data_dir / MACHINE / "arrived").glob("*.json*")):
        for delivery in path.read_text().splitlines():
            for resource in json.loads(delivery).get("resourceLogs", []):
                shared = _values(resource.get("resource", {}).get("attributes", []))
                for record in (record for scope in resource["scopeLogs"] for record in scope["logRecords"]):
                    own = _values(record.get("attributes", []))
                    body = str(record.get("body", {}).get("stringValue", ""))
                    found.append({"body": body, "severity": record.get("severityText", ""), "attributes": shared | own})
    return found


def _values(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: str(next(iter(one["value"].values()), "")) for one in attributes}


def configuration() -> dict[str, Any]:
    """The collector's settings: a key in the header `api-key` as New Relic takes it, and every delivery as a line of a file."""
    tls = {"cert_file": f"{FOLDER}/tls/server.crt", "key_file": f"{FOLDER}/tls/server.key"}
    http = {"endpoint": f"0.0.0.0:{PORT}", "tls": tls, "auth": {"authenticator": "bearertokenauth"}}
    return {
        "extensions": {"bearertokenauth": {"header": "api-key", "scheme": "", "filename": f"{FOLDER}/key"}},
        "receivers": {"otlp": {"protocols": {"http": http}}},
        "exporters": {"file": {"path": f"{ARRIVED}/logs.json", "rotation": {"max_megabytes": 20, "max_backups": 5}}},
        "service": {
            "extensions": ["bearertokenauth"],
            "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["file"]}},
        },
    }


def _configure(estate: Estate) -> Path:
    """Write what the container reads; returns the folder."""
    folder = estate.data_dir / MACHINE / "settings"
    server_certificate(estate, folder / "tls", [ENDPOINT, MACHINE], [estate.address(MACHINE)])
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration(), sort_keys=False))
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(estate.secrets.new_relic_license_key)
    (estate.data_dir / MACHINE / "arrived").mkdir(exist_ok=True)
    return folder


def _options(estate: Estate, folder: Path) -> list[str]:
    # Root with one capability: it uses its files, whoever of this machine's users owns the estate.
    capabilities = ["--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges", "--read-only"]
    return [
        *("--network-alias", ENDPOINT, "--user", "0:0", *capabilities),
        *("--volume", f"{folder}:{FOLDER}:ro", "--volume", f"{estate.data_dir / MACHINE / 'arrived'}:{ARRIVED}"),
    ]


__all__ = ["MACHINE", "arrived", "configuration", "delete", "is_healthy", "send", "start", "url", "wait_until_healthy"]
