"""Making this user's browsers trust the local estate's certificates, and taking that away again.

The estate's ACME server has a root of its own, a new one at each start. It goes into the user's own stores under the estate's name,
so that an older one is found and replaced; a store that holds exactly this root is left alone.
"""

from __future__ import annotations

import base64
import configparser
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from local.estate import Estate
from ops.errors import InputError, PlatformError
from ops.process import run

TRUST_FLAGS = "C,,"
"""Trusted to certify servers, and nothing else: https://firefox-source-docs.mozilla.org/security/nss/legacy/tools/certutil/."""
SYSTEM_FOLDER = Path("/usr/local/share/ca-certificates")
SYSTEM_COMMAND = "sudo --preserve-env=HOME,HS_DATA,XDG_DATA_HOME ./hs trust --system"
FIREFOX_FOLDERS = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
)


@dataclass(frozen=True)
class Store:
    """One NSS database: where browsers keep what they trust."""

    folder: Path
    owner: str

    @property
    def database(self) -> str:
        """The database as certutil names it."""
        return f"sql:{self.folder}"


def trust(
    estate: Estate, *, remove: bool = False, system: bool = False, home: Path | None = None, system_folder: Path = SYSTEM_FOLDER
) -> list[str]:
    """Add the estate's root to the browsers (or take it away), with ``system`` to the machine's store instead; returns what was done.

    The two are apart because root, who alone may change the machine's store, would leave files of its own among the user's.

    Raises InputError where the estate is not up, certutil is missing, or ``system`` is asked for without being root.
    """
    home = home or Path.home()
    root = None if remove else read_root(estate.acme_root)
    if system:
        return [_treat_system(system_folder, estate, root)]
    done = [_treat(store, nickname(estate), root) for store in stores(home, make=not remove)]
    path = system_path(system_folder, estate)
    if remove and path.exists():
        done.append(f"this machine ({path}): still trusts it; {SYSTEM_COMMAND} --remove")
    return done or ["no browser's store holds a root of this estate"]


def nickname(estate: Estate) -> str:
    """The name of the root in every store."""
    return f"highstreet.ly {estate.name} local root"


def read_root(path: Path) -> str:
    """The root that `./hs up` wrote, as PEM; raises InputError when there is none or it is no certificate of an authority."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except FileNotFoundError:
        raise InputError("The local estate has no root certificate yet.", why=f"{path} is not there", remedy="./hs up") from None
    except (ValueError, x509.ExtensionNotFound) as unreadable:
        raise InputError(
            "The local estate's root certificate cannot be read.", why=f"{path}: {unreadable}", remedy="./hs up"
        ) from unreadable
    if not is_authority:
        raise InputError("The local estate's root certificate is no authority's.", why=str(path), remedy="./hs up")
    return certificate.public_bytes(Encoding.PEM).decode()


def stores(home: Path, *, make: bool) -> list[Store]:
    """The user's NSS databases: the one that Chromium reads, made where ``make`` is set, and one for each Firefox profile."""
    shared = Store(home / ".pki" / "nssdb", "Chromium and Chrome")
    found = [shared] if make or (shared.folder / "cert9.db").exists() else []
    for folder in FIREFOX_FOLDERS:
        found += [Store(profile, "Firefox") for profile in firefox_profiles(home / folder) if (profile / "cert9.db").exists()]
    if found and shutil.which("certutil") is None:
        raise InputError(
            "certutil, which writes into browsers' stores, is not installed.",
            why="looked for it on PATH",
            remedy="apt-get install libnss3-tools, then the same command again",
        )
    if make and not (shared.folder / "cert9.db").exists():
        shared.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _certutil("-N", "-d", shared.database, "--empty-password")
    return found


def firefox_profiles(folder: Path) -> list[Path]:
    """The profiles that Firefox's own list names."""
    listed = configparser.ConfigParser(interpolation=None)
    try:
        listed.read(folder / "profiles.ini")
    except configparser.Error:
        return []
    sections = [listed[name] for name in listed.sections() if name.startswith("Profile") and "Path" in listed[name]]
    return sorted({folder / section["Path"] if section.get("IsRelative", "1") == "1" else Path(section["Path"]) for section in sections})


def _treat(store: Store, name: str, root: str | None) -> str:
    """Bring one store to holding exactly this root under the name (None: nothing); returns what was done."""
    held = _held(store, name)
    place = f"{store.owner} ({store.folder})"
    if root is not None and [fingerprint(one) for one in held] == [fingerprint(root)]:
        return f"{place}: trusts this root already"
    if root is None and not held:
        return f"{place}: holds no root of this estate"
    for _ in held:
        _certutil("-D", "-d", store.database, "-n", name)
    if root is None:
        return f"{place}: root removed"
    _certutil("-A", "-d", store.database, "-n", name, "-t", TRUST_FLAGS, "-a", input=root)
    return f"{place}: root {'replaced' if held else 'added'}"


def _held(store: Store, name: str) -> list[str]:
    """The certificates (PEM) under a name in a store."""
    listed = run(["certutil", "-L", "-d", store.database, "-n", name, "-a"], check=False)
    if listed.returncode != 0:
        return []
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", listed.stdout, re.DOTALL)


def fingerprint(pem: str) -> bytes:
    """A certificate's bytes, whatever its line ends."""
    return base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))


def _certutil(*words: str, input: str | None = None) -> None:  # noqa: A002 - the word that ops.process.run uses
    remedy = "close the browser, then run the same command again"
    run(["certutil", *words], what="A browser's store could not be changed.", remedy=remedy, input=input)


def system_path(folder: Path, estate: Estate) -> Path:
    """The estate's root in the machine's own store."""
    return folder / f"highstreetly-{estate.name}.crt"


def _require_root(folder: Path, *, remove: bool) -> None:
    if not os.access(folder, os.W_OK) or shutil.which("update-ca-certificates") is None:
        why = f"{folder} must be writable, and update-ca-certificates installed"
        remedy = SYSTEM_COMMAND + (" --remove" if remove else "")
        raise InputError("The machine's own store cannot be changed by this user.", why=why, remedy=remedy)


def _treat_system(folder: Path, estate: Estate, root: str | None) -> str:
    path = system_path(folder, estate)
    held = path.read_text() if path.exists() else None
    if held == root:
        return f"this machine ({path}): {'trusts this root already' if root else 'holds no root of this estate'}"
    _require_root(folder, remove=root is None)
    if root is None:
        path.unlink()
    else:
        path.write_text(root)
        path.chmod(0o644)
    try:
        # Without --fresh a certificate that is gone would stay trusted.
        run(
            ["update-ca-certificates", "--fresh"],
            what="The machine's store could not be renewed.",
            remedy="apt-get install ca-certificates",
        )
    except PlatformError:
        path.unlink(missing_ok=True)
        raise
    return f"this machine ({path}): root {'removed' if root is None else 'replaced' if held else 'added'}"


__all__ = ["firefox_profiles", "nickname", "read_root", "stores", "trust"]
