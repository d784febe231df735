"""`python3 -m local.digitalocean`: the emulator in its container."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from local.digitalocean.api import Api
from local.digitalocean.server import Listeners, Ports, tls_context
from local.digitalocean.store import StateError, Store


def arguments() -> argparse.ArgumentParser:
    """What the program is told."""
    parser = argparse.ArgumentParser(prog="python3 -m local.digitalocean", description=__doc__)
    parser.add_argument("--address", default="0.0.0.0", help="the address to listen at")
    parser.add_argument("--http-port", type=int, default=80)
    parser.add_argument("--https-port", type=int, default=443, help="used with --certificate and --private-key")
    parser.add_argument("--dns-port", type=int, default=53, help="UDP and TCP")
    parser.add_argument("--certificate", type=Path, help="PEM file of the HTTPS port")
    parser.add_argument("--private-key", type=Path, help="PEM file of the HTTPS port")
    parser.add_argument("--state", type=Path, help="the file that keeps the domains; made when it is not there")
    parser.add_argument("--token-file", type=Path, required=True, help="the file with the only token that is let in")
    return parser


async def serve(given: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    tls = tls_context(given.certificate, given.private_key) if given.certificate and given.private_key else None
    ports = Ports(address=given.address, http=given.http_port, https=given.https_port if tls else None, dns=given.dns_port)
    listeners = Listeners()
    try:
        await listeners.open(Api(Store(given.state), given.token_file.read_text().strip()), ports, tls)
        await ended.wait()
    finally:
        await listeners.close()


def main() -> None:
    """Say each request on standard error; a state file that cannot be used ends the program with one line."""
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("local.digitalocean").setLevel(logging.INFO)
    try:
        asyncio.run(serve(arguments().parse_args()))
    except StateError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
