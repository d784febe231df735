"""Starting, asking and removing the estate's ACME server."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx

from local import container
from local.addons import program_image
from local.addons.program_image import Program
from local.certificates import server_certificate
from local.estate import Estate
from local.toolchain import Toolchain
from ops.errors import PlatformError

MACHINE = "acme"
TITLE = "The ACME server"
PROGRAM = Program("pebble", "pebble")
PLACE = 13
"""Its place in the estate's subnet."""
NAMESERVER_PLACE = 12
"""Where the DigitalOcean emulator answers for the zone: the place to which it asks whether a challenge's record is there."""
ACME_PORT = 14000
MANAGEMENT_PORT = 15000
MEMORY_MIB = 128
ANSWER_SECONDS = 3
INSIDE = "/etc/pebble"
ENVIRONMENT = {
    "PEBBLE_VA_NOSLEEP": "1",  # otherwise it sleeps up to 15 s before it looks for a challenge's record
    "PEBBLE_AUTHZREUSE": "0",  # percent: each order is proven anew
}
# It also rejects 5 % of the nonces, as its own default is: a client that cannot repeat a request is found here.
RETRY_AFTER_SECONDS = 1
CERTIFICATE_DAYS = 90  # Let's Encrypt's: https://letsencrypt.org/docs/faq/
DAY_SECONDS = 86_400


def address(estate: Estate) -> str:
    """The server's address on the estate's network."""
    return str(estate.subnet[PLACE])


def directory_url(estate: Estate) -> str:
    """What an ACME client is told: the server's directory."""
    return f"https://{address(estate)}:{ACME_PORT}/dir"


def start(estate: Estate, toolchain: Toolchain | None = None) -> None:
    """Start the server, anew where its settings or its certificate changed; nothing happens when it runs.

    A server that starts forgets its accounts and makes a new root. Raises PlatformError when it does not start; it does not wait until
    it answers.
    """
    tag, folder = program_image.ensure_own(toolchain or Toolchain(), PROGRAM), _configure(estate)
    wanted = container.Start(image=tag, memory_mib=MEMORY_MIB, options=_options(folder), arguments=_arguments(estate), files=(folder,))
    container.start(estate, MACHINE, TITLE, wanted)


def delete(estate: Estate) -> None:
    """Remove the server; nothing happens when it is not there."""
    container.delete(estate, MACHINE)


def is_healthy(estate: Estate) -> bool:
    """Whether the server gives its directory, with a certificate that the platform CA signed."""
    try:
        return "newOrder" in _get(estate, directory_url(estate)).json()
    except (OSError, httpx.HTTPError, ValueError):
        return False


def wait_until_healthy(estate: Estate) -> None:
    """Wait until the server answers; raises PlatformError with its last words after half a minute."""
    container.wait_until(is_healthy, estate, MACHINE, TITLE, directory_url(estate))


def root_certificate(estate: Estate) -> str:
    """The root (PEM) of what this server certifies, until it is started again; raises PlatformError when it does not answer."""
    url = f"https://{address(estate)}:{MANAGEMENT_PORT}/roots/0"
    try:
        return _get(estate, url).text
    except (OSError, httpx.HTTPError) as error:
        raise PlatformError("The ACME server does not give its root certificate.", why=f"{url}: {error}", remedy="./hs up") from error


def _get(estate: Estate, url: str) -> httpx.Response:
    trust = ssl.create_default_context(cafile=estate.secrets.ca_certificate)
    with httpx.Client(verify=trust, timeout=ANSWER_SECONDS, trust_env=False) as client:
        return client.get(url).raise_for_status()


def configuration(estate: Estate) -> str:
    """The server's settings, with the paths as they are in its container."""
    profile = {"description": "as Let's Encrypt certifies", "validityPeriod": CERTIFICATE_DAYS * DAY_SECONDS}
    settings = {
        "listenAddress": f"{address(estate)}:{ACME_PORT}",
        "managementListenAddress": f"{address(estate)}:{MANAGEMENT_PORT}",
        "certificate": f"{INSIDE}/server.crt",
        "privateKey": f"{INSIDE}/server.key",
        "httpPort": 80,
        "tlsPort": 443,
        "retryAfter": {"authz": RETRY_AFTER_SECONDS, "order": RETRY_AFTER_SECONDS},
        "keyAlgorithm": "ecdsa",
        "profiles": {"default": profile},
    }
    return json.dumps({"pebble": settings}, indent=2) + "\n"


def _configure(estate: Estate) -> Path:
    """Write what the container reads; returns the folder."""
    folder = estate.data_dir / MACHINE
    server_certificate(estate, folder, [MACHINE], [estate.subnet[PLACE]])
    (folder / "pebble.json").write_text(configuration(estate))
    return folder


def _arguments(estate: Estate) -> list[str]:
    return ["-config", f"{INSIDE}/pebble.json", "-dnsserver", f"{estate.subnet[NAMESERVER_PLACE]}:53"]


def _options(folder: Path) -> list[str]:
    # Root without capabilities but one: it reads its key, whoever of this machine's users owns the estate.
    confined = ["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges", "--read-only"]
    return [
        *("--volume", f"{folder}:{INSIDE}:ro"),
        *(word for name, value in ENVIRONMENT.items() for word in ("--env", f"{name}={value}")),
        *confined,
    ]


__all__ = [
    "PROGRAM",
    "address",
    "configuration",
    "delete",
    "directory_url",
    "is_healthy",
    "root_certificate",
    "start",
    "wait_until_healthy",
]
