"""Starting, asking and removing the estate's DigitalOcean emulator."""

from __future__ import annotations

import ssl
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import httpx

from local import container
from local.certificates import server_certificate
from local.digitalocean import image
from local.estate import Estate

MACHINE = "digitalocean"
TITLE = "The DigitalOcean emulator"
API_HOST = "api.digitalocean.com"
TOKEN_FILE = "digitalocean_token"
HTTP_PORT, HTTPS_PORT, DNS_PORT = 80, 443, 53
MEMORY_MIB = 128
ANSWER_SECONDS = 3
STATE, TLS, TOKEN = "/var/lib/digitalocean", "/etc/digitalocean/tls", "/etc/digitalocean/token"
"""Where the container finds the folder of its state, the folder of its certificate, and its token."""
ARGUMENTS = (
    *("--certificate", f"{TLS}/server.crt", "--private-key", f"{TLS}/server.key"),
    *("--state", f"{STATE}/state.json", "--token-file", TOKEN),
)


def api_url(estate: Estate) -> str:
    """Where the API answers on the estate's network, over plain HTTP."""
    return f"http://{estate.address(MACHINE)}"


def start(estate: Estate) -> None:
    """Start the emulator, anew where its image, its settings, its token or its certificate changed; nothing happens when it runs.

    Its domains outlive it. Raises PlatformError when it does not start; it does not wait until it answers.
    """
    token = estate.secrets.dir / TOKEN_FILE
    state, tls = _folders(estate)
    wanted = container.Start(
        image=image.ensure_image(),
        memory_mib=MEMORY_MIB,
        options=_options(state, tls, token),
        arguments=ARGUMENTS,
        files=(tls, token),
    )
    container.start(estate, MACHINE, TITLE, wanted)


def delete(estate: Estate) -> None:
    """Remove the container; nothing happens when it is not there. Its domains stay in the estate's folder."""
    container.delete(estate, MACHINE)


def is_healthy(estate: Estate) -> bool:
    """Whether the API answers over HTTP and over HTTPS with a certificate that the platform CA signed, and the DNS answers at all."""
    address = str(estate.address(MACHINE))
    trust = ssl.create_default_context(cafile=estate.secrets.ca_certificate)
    try:
        with httpx.Client(verify=trust, timeout=ANSWER_SECONDS, trust_env=False) as client:
            plain = client.get(f"http://{address}:{HTTP_PORT}/_emulator/health").raise_for_status().json()
            secured = client.get(
                f"https://{address}:{HTTPS_PORT}/v2/domains", headers={"Host": API_HOST}, extensions={"sni_hostname": API_HOST}
            )
        dns.query.udp(dns.message.make_query("digitalocean.com", "SOA"), address, port=DNS_PORT, timeout=ANSWER_SECONDS)
    except (OSError, httpx.HTTPError, ValueError, dns.exception.DNSException):
        return False
    return plain.get("status") == "ok" and secured.status_code == httpx.codes.UNAUTHORIZED


def wait_until_healthy(estate: Estate) -> None:
    """Wait until the emulator answers; raises PlatformError with its last words after half a minute."""
    container.wait_until(is_healthy, estate, MACHINE, TITLE, api_url(estate))


def _folders(estate: Estate) -> tuple[Path, Path]:
    """The folder of the state, and that of the certificate, with what is in it."""
    state = estate.data_dir / MACHINE / "state"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    tls = estate.data_dir / MACHINE / "tls"
    server_certificate(estate, tls, [API_HOST], [estate.address(MACHINE)])
    return state, tls


def _options(state: Path, tls: Path, token: Path) -> list[str]:
    # Root with two capabilities: it uses its files, whoever of this machine's users owns the estate, and binds ports below 1024.
    capabilities = ["--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--cap-add", "NET_BIND_SERVICE"]
    return [
        *("--volume", f"{state}:{STATE}", "--volume", f"{tls}:{TLS}:ro", "--volume", f"{token}:{TOKEN}:ro"),
        *("--user", "0:0", *capabilities, "--security-opt", "no-new-privileges", "--read-only"),
    ]


__all__ = ["API_HOST", "api_url", "delete", "is_healthy", "start", "wait_until_healthy"]
