"""Starting, asking and removing the estate's object storage.

On the estate's network it answers under the name of the real one (the engine's own name service says so), with a certificate that the
platform CA signed: what stores a backup here is configured as in the datacenter.
"""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import httpx

from local import container
from local.addons import program_image
from local.addons.program_image import ROOT, Program
from local.certificates import server_certificate
from local.estate import Estate
from local.toolchain import Toolchain
from ops.errors import PlatformError
from ops.process import run

MACHINE = "spaces"
TITLE = "The object storage"
PROGRAM = Program("versitygw", "versitygw", ROOT)
"""Root, because its volume is: without a capability it is nothing more than the volume's owner."""
REGION = "ams3"
ENDPOINT = f"{REGION}.digitaloceanspaces.com"
"""The name of the real one: https://docs.digitalocean.com/products/spaces/reference/s3-compatibility/."""
BUCKET = "highstreetly-backups"
PORT = 443
MEMORY_MIB = 256
ANSWER_SECONDS = 3
STORAGE, TLS = "/var/lib/versitygw", "/etc/versitygw"
"""Where the container finds its volume, and the folder of its certificate."""
HEALTH = "/health"
ARGUMENTS = ("posix", STORAGE)
"""Objects are files of the volume, a bucket is a folder: https://github.com/versity/versitygw/wiki/Quickstart."""


def url(estate: Estate) -> str:
    """Where the S3 API answers on the estate's network."""
    return f"https://{estate.address(MACHINE)}:{PORT}"


def volume(estate: Estate) -> str:
    """The docker volume with its objects: backups outlive a container that is replaced."""
    return estate.container(MACHINE)


def start(estate: Estate, toolchain: Toolchain | None = None) -> None:
    """Start the object storage, anew where its image, its keys or its certificate changed; nothing happens when it runs.

    Its objects outlive it. Raises PlatformError when it does not start; it does not wait until it answers.
    """
    tag, folder = program_image.ensure_own(toolchain or Toolchain(), PROGRAM), _configure(estate)
    wanted = container.Start(image=tag, memory_mib=MEMORY_MIB, options=_options(estate, folder), arguments=ARGUMENTS, files=(folder,))
    container.start(estate, MACHINE, TITLE, wanted)


def delete(estate: Estate) -> None:
    """Remove the object storage and every object in it; nothing happens when it is not there."""
    container.delete(estate, MACHINE)
    run(["docker", "volume", "rm", "--force", volume(estate)], check=False)


def is_healthy(estate: Estate) -> bool:
    """Whether it answers, with a certificate that the platform CA signed."""
    return _status(estate, HEALTH) == httpx.codes.OK


def wait_until_healthy(estate: Estate) -> None:
    """Wait until it answers and have it hold the bucket; raises PlatformError with its last words after half a minute."""
    container.wait_until(is_healthy, estate, MACHINE, TITLE, url(estate))
    ensure_bucket(estate)


def ensure_bucket(estate: Estate) -> None:
    """Make the bucket unless it is there; raises PlatformError when the object storage does not.

    Whoever shows no key is refused a bucket that is there (403) and told of one that is not (404).
    """
    if _status(estate, f"/{BUCKET}") != httpx.codes.NOT_FOUND:
        return
    program = ["docker", "exec", estate.container(MACHINE), "versitygw", "admin", "create-bucket"]
    run(
        [*program, f"--bucket={BUCKET}", f"--owner={estate.secrets.spaces_access_key}"],
        what=f"The bucket {BUCKET} could not be made.",
        remedy="./hs up; if it stays so: ./hs down, then ./hs up",
    )
    if _status(estate, f"/{BUCKET}") != httpx.codes.FORBIDDEN:
        raise PlatformError(f"The bucket {BUCKET} is not there.", why=f"{url(estate)} has just made it", remedy="./hs down, then ./hs up")


def _status(estate: Estate, path: str) -> int:
    """What the object storage answers to somebody who shows no key; 0 for no answer."""
    trust = ssl.create_default_context(cafile=estate.secrets.ca_certificate)
    try:
        with httpx.Client(verify=trust, timeout=ANSWER_SECONDS, trust_env=False) as client:
            return client.get(f"{url(estate)}{path}").status_code
    except (OSError, httpx.HTTPError):
        return 0


def _configure(estate: Estate) -> Path:
    """Write what the container reads; returns the folder."""
    folder = estate.data_dir / MACHINE
    server_certificate(estate, folder / "tls", [ENDPOINT, MACHINE], [estate.address(MACHINE)])
    shutil.copy(estate.secrets.ca_certificate, folder / "tls" / "ca.crt")
    environment = folder / "environment"
    environment.touch(mode=0o600)
    environment.write_text("".join(f"{name}={value}\n" for name, value in _environment(estate).items()))
    return folder


def _environment(estate: Estate) -> dict[str, str]:
    """Its settings (`versitygw --help`), and those of its own client, which makes the bucket."""
    access_key, secret_key = estate.secrets.spaces_access_key, estate.secrets.spaces_secret_key
    return {
        "VGW_PORT": f":{PORT}",
        "VGW_REGION": REGION,
        "VGW_CERT": f"{TLS}/server.crt",
        "VGW_KEY": f"{TLS}/server.key",
        "VGW_HEALTH": HEALTH,
        "VGW_QUIET": "true",  # no line for each request
        "ROOT_ACCESS_KEY_ID": access_key,
        "ROOT_SECRET_ACCESS_KEY": secret_key,
        "ADMIN_ACCESS_KEY_ID": access_key,
        "ADMIN_SECRET_ACCESS_KEY": secret_key,
        "ADMIN_REGION": REGION,
        "ADMIN_ENDPOINT_URL": f"https://{ENDPOINT}",
        "SSL_CERT_FILE": f"{TLS}/ca.crt",
    }


def _options(estate: Estate, folder: Path) -> list[str]:
    # Root with two capabilities: it uses its files, whoever of this machine's users owns the estate, and binds a port below 1024.
    capabilities = ["--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--cap-add", "NET_BIND_SERVICE"]
    return [
        *("--network-alias", ENDPOINT, "--env-file", str(folder / "environment")),
        *("--volume", f"{folder / 'tls'}:{TLS}:ro", "--volume", f"{volume(estate)}:{STORAGE}"),
        *("--user", "0:0", *capabilities, "--security-opt", "no-new-privileges", "--read-only"),
    ]


__all__ = [
    "PROGRAM",
    "BUCKET",
    "ENDPOINT",
    "REGION",
    "delete",
    "ensure_bucket",
    "is_healthy",
    "start",
    "url",
    "volume",
    "wait_until_healthy",
]
