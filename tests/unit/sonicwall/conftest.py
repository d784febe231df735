"""Fixtures of the firewall's tests: the role's pure functions, importable without Ansible."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The role's module_utils where Python finds them under the names that Ansible gives them, without Ansible."""
    folder = tmp_path_factory.mktemp("path")
    package = folder / "ansible" / "module_utils"
    package.mkdir(parents=True)
    for source in (ROOT / "ansible" / "roles" / "sonicwall" / "module_utils").glob("sonicos_[pw]*.py"):
        shutil.copy(source, package)
    sys.path.insert(0, str(folder))
    yield package
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name == "ansible" or name.startswith("ansible.")]:
        del sys.modules[name]


def self_signed(folder: Path) -> Path:
    """Make firewall.crt and firewall.key for 127.0.0.1 in ``folder``, which is returned."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", "firewall.key", "-out", "firewall.crt"], cwd=folder, check=True, capture_output=True)
    return folder
