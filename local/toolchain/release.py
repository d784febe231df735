"""Official releases: downloaded, checked against the sum their publisher states, unpacked."""

from __future__ import annotations

import hashlib
import tarfile
from functools import cached_property
from pathlib import Path

import httpx

from local.toolchain.pins import Pin
from ops.console import Step
from ops.errors import PlatformError

CONNECT_TIMEOUT_SECONDS = 4
READ_TIMEOUT_SECONDS = 60
MIB = 1024 * 1024


class Unreachable(Exception):
    """The release cannot be had: its server cannot be reached, does not have the file, or the file lacks what is wanted."""


class Releases:
    """The official downloads; a host that could not be reached is not tried again in this run."""

    def __init__(self) -> None:
        self.unreachable: set[str] = set()

    @cached_property
    def client(self) -> httpx.Client:
        """The HTTP client, made when the first download starts."""
        return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS))

    def install(self, name: str, pin: Pin, folder: Path, step: Step) -> None:
        """Put a release's programs into ``folder``/bin; ``folder`` stays empty when that fails.

        Raises Unreachable when there is none to be had, PlatformError when what came is not what its publisher states.
        """
        if not pin.release:
            raise Unreachable(f"no release of {name} alone is published")
        url, download = pin.fill(pin.release), folder / "download"
        try:
            wanted = checksum_of(url.rsplit("/", 1)[-1], self._text(pin.fill(pin.checksums)))
            found = self._download(url, download, step)
            if found != wanted:
                raise PlatformError(
                    f"The download of {name} is not what its publisher states.",
                    why=f"{url}\nSHA-256 stated: {wanted}\nSHA-256 found:  {found}",
                    remedy="try again; if it stays so, do not use this download and tell its publisher",
                )
            step.note("unpacking")
            unpack(download, folder / "bin", pin.programs)
        finally:
            download.unlink(missing_ok=True)

    def _text(self, url: str) -> str:
        self._require_reachable(url)
        try:
            return self.client.get(url).raise_for_status().text
        except httpx.HTTPError as error:
            raise self._failure(url, error) from error

    def _download(self, url: str, target: Path, step: Step) -> str:
        """Download into ``target`` and return the SHA-256 of what came."""
        self._require_reachable(url)
        total = hashlib.sha256()
        try:
            with self.client.stream("GET", url) as response, target.open("wb") as file:
                response.raise_for_status()
                for block in response.iter_bytes(MIB):
                    file.write(block)
                    total.update(block)
                    step.note(f"downloading, {file.tell() / MIB:.0f} MiB")
        except httpx.HTTPError as error:
            raise self._failure(url, error) from error
        return total.hexdigest()

    def _require_reachable(self, url: str) -> None:
        if httpx.URL(url).netloc.decode() in self.unreachable:
            raise Unreachable(f"{url}: its server could not be reached before")

    def _failure(self, url: str, error: httpx.HTTPError) -> Unreachable:
        if not isinstance(error, httpx.HTTPStatusError):
            self.unreachable.add(httpx.URL(url).netloc.decode())
        return Unreachable(f"{url}: {error}")


def checksum_of(file_name: str, text: str) -> str:
    """The SHA-256 that a publisher's list states for a file: its line, or the only sum there is.

    Raises Unreachable when it is not listed.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        if len(words) >= 2 and words[-1].lstrip("*").rsplit("/", 1)[-1] == file_name:
            return words[0].lower()
    if len(lines) == 1 and len(lines[0]) == 1 and len(lines[0][0]) == hashlib.sha256().digest_size * 2:
        return lines[0][0].lower()
    raise Unreachable(f"no checksum is stated for {file_name}")


def unpack(download: Path, target: Path, programs: tuple[str, ...]) -> None:
    """Put ``programs`` of a tar archive, or the single program that was downloaded, into ``target``.

    Raises Unreachable when the archive lacks one of them; nothing is unpacked then.
    """
    if not tarfile.is_tarfile(download):
        target.mkdir()
        download.rename(target / programs[0])
        (target / programs[0]).chmod(0o755)
        return
    with tarfile.open(download) as archive:
        found = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        missing = [program for program in programs if program not in found]
        if missing:
            raise Unreachable(f"the release holds no {', '.join(missing)}")
        target.mkdir()
        for program in programs:
            found[program].name = program
            archive.extract(found[program], target, filter="data")
            (target / program).chmod(0o755)
