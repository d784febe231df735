"""A real browser in a container, which trusts the estate's root and finds its names at the estate's address."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from selenium.webdriver import ChromeOptions, Remote

from local.base_images import debian
from local.image_store import build, digest_of, ensure_image
from ops.process import run

HERE = Path(__file__).parent / "browser"
NAME = "hs-test-browser"
START_SECONDS = 30
SIZE = (1280, 900)


def image() -> str:
    """The browser's image, made where the engine and the cache do not hold it."""
    pins = digest_of(debian.pins(), HERE)
    tag = f"highstreetly/test-browser:{pins[:12]}"
    ensure_image(tag, pins, lambda progress: build(tag, pins, HERE, progress), official=False)
    return tag


@contextmanager
def browser(root: Path, address: str) -> Iterator[Remote]:
    """A headless Chromium that trusts ``root`` alone beside the public ones; every name leads to ``address``."""
    port = free_port()
    tag = image()
    run(["docker", "rm", "--force", NAME], check=False)
    place = ["--network", "host", "--shm-size", "512m", "--volume", f"{root}:/run/root.pem:ro"]
    run(["docker", "run", "--detach", "--name", NAME, *place, tag, str(port)])
    try:
        wait_until_ready(port)
        options = ChromeOptions()
        for argument in (
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            f"window-size={SIZE[0]},{SIZE[1]}",
            f"host-resolver-rules=MAP * {address}",
        ):
            options.add_argument(f"--{argument}")
        driver = Remote(f"http://127.0.0.1:{port}", options=options)
        driver.set_page_load_timeout(30)
        try:
            yield driver
        finally:
            driver.quit()
    finally:
        run(["docker", "rm", "--force", NAME], check=False)


def wait_until_ready(port: int) -> None:
    """Wait until the driver takes commands."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/status", timeout=2).json()["value"]["ready"]:
                return
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        time.sleep(0.2)
    raise AssertionError(run(["docker", "logs", NAME], check=False).stdout[-3000:])


def free_port() -> int:
    """A port of this machine that nothing uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def artefacts() -> Path:
    """Where screenshots are kept."""
    folder = Path(os.environ.get("HS_ARTEFACTS") or Path(__file__).parents[2] / ".artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


__all__ = ["artefacts", "browser"]
