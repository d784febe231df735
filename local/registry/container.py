"""Starting, asking and removing the estate's container registry."""

from __future__ import annotations

from pathlib import Path

import httpx
import yaml

from local import container
from local.addons import program_image
from local.addons.program_image import ROOT, Program
from local.estate import Estate
from local.toolchain import Toolchain
from ops.process import run

MACHINE = "registry"
TITLE = "The container registry"
PROGRAM = Program("registry", "registry", ROOT)
"""Root, because its volume is: without a capability it is nothing more than the volume's owner."""
PORT = 5000
MEMORY_MIB = 256
ANSWER_SECONDS = 3
CONFIGURATION = "/etc/distribution"
STORAGE = "/var/lib/registry"
ENVIRONMENT = {"OTEL_TRACES_EXPORTER": "none"}  # otherwise it looks for a collector of traces, and says every minute that there is none


def url(estate: Estate) -> str:
    """Where the registry answers on the estate's network: the base of its API, over plain HTTP."""
    return f"http://{estate.address(MACHINE)}:{PORT}"


def volume(estate: Estate) -> str:
    """The docker volume with its images: they outlive a container that is replaced, because releases name them by digest."""
    return estate.container(MACHINE)


def start(estate: Estate, toolchain: Toolchain | None = None) -> None:
    """Start the registry, anew where its image or its settings changed; nothing happens when it runs.

    Its images outlive it. Raises PlatformError when it does not start; it does not wait until it answers.
    """
    tag, folder = program_image.ensure_own(toolchain or Toolchain(), PROGRAM), _configure(estate)
    wanted = container.Start(
        image=tag,
        memory_mib=MEMORY_MIB,
        options=_options(estate, folder),
        arguments=("serve", f"{CONFIGURATION}/config.yml"),
        files=(folder,),
    )
    container.start(estate, MACHINE, TITLE, wanted)


def delete(estate: Estate) -> None:
    """Remove the registry and its images; nothing happens when it is not there."""
    container.delete(estate, MACHINE)
    run(["docker", "volume", "rm", "--force", volume(estate)], check=False)


def is_healthy(estate: Estate) -> bool:
    """Whether the registry's API answers (https://distribution.github.io/distribution/spec/api/#api-version-check)."""
    try:
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            return client.get(f"{url(estate)}/v2/").status_code == httpx.codes.OK
    except (OSError, httpx.HTTPError):
        return False


def wait_until_healthy(estate: Estate) -> None:
    """Wait until the registry answers; raises PlatformError with its last words after half a minute."""
    container.wait_until(is_healthy, estate, MACHINE, TITLE, url(estate))


def configuration() -> str:
    """The registry's settings (https://distribution.github.io/distribution/about/configuration/)."""
    settings = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": STORAGE}, "delete": {"enabled": True}},
        "http": {"addr": f":{PORT}", "relativeurls": True},
    }
    return yaml.safe_dump(settings, sort_keys=False)


def _configure(estate: Estate) -> Path:
    """Write what the container reads; returns the folder."""
    folder = estate.data_dir / MACHINE
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / "config.yml").write_text(configuration())
    return folder


def _options(estate: Estate, folder: Path) -> list[str]:
    # Root without capabilities but one: it reads its settings, whoever of this machine's users owns the estate.
    confined = ["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges", "--read-only"]
    return [
        *("--volume", f"{folder}:{CONFIGURATION}:ro", "--volume", f"{volume(estate)}:{STORAGE}"),
        *(word for name, value in ENVIRONMENT.items() for word in ("--env", f"{name}={value}")),
        *confined,
    ]


__all__ = ["PROGRAM", "configuration", "delete", "is_healthy", "start", "url", "volume", "wait_until_healthy"]
