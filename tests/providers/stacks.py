"""A stack on a file backend of its own, with the stand-in plugins, driven by the real engine.

Needs `pulumi` and its Python language host: on PATH, or in the folder $HS_TEST_PULUMI_BIN.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from local.providers.install import install
from local.providers.packages import MODULES, load
from local.providers.wire import Properties

PASSPHRASE = "a passphrase for the test"


class Stack:
    """A stack on a file backend of its own."""

    def __init__(self, folder: Path, pulumi: str, settings: Properties) -> None:
        self.folder = folder
        self.settings = settings
        self._pulumi = pulumi
        self._environment = {
            **os.environ,
            "PATH": f"{sys.prefix}/bin:{Path(pulumi).parent}:{os.environ['PATH']}",  # the older language host knows no virtualenv option
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def pulumi(self, *words: str, fine: bool = True, **changed: Any) -> str:
        """Run pulumi; everything it says."""
        environment = {**self._environment, "PROVIDERS_TEST": json.dumps({**self.settings, **changed})}
        finished = subprocess.run(
            [self._pulumi, *words, "--non-interactive", "--color=never"],
            cwd=self.folder / "program", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert (finished.returncode == 0) == fine, finished.stdout
        return finished.stdout

    def state_files(self) -> str:
        """Everything the backend holds, as text."""
        return "\n".join(path.read_text() for path in (self.folder / "state").rglob("*.json*") if path.is_file())

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources of the state by name, secrets decrypted."""
        exported = json.loads(self.pulumi("stack", "export", "--show-secrets"))
        return {resource["urn"].rpartition("::")[2]: resource for resource in exported["deployment"].get("resources", [])}


def new_stack(folder: Path, program: str, settings: Properties) -> Stack:
    """A stack of ``program`` with every stand-in plugin installed; ``settings`` reach it as JSON in $PROVIDERS_TEST."""
    (folder / "state").mkdir()
    (folder / "program").mkdir()
    for name in MODULES:
        assert install(folder / "home", name, load(name).version, cache=folder / "cache") == "stand-in"
    _unused_plugin(folder / "home", "kubernetes")
    (folder / "program" / ".venv").symlink_to(sys.prefix)
    (folder / "program" / "Pulumi.yaml").write_text("name: providers\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    (folder / "program" / "__main__.py").write_text(program)
    made = Stack(folder, _find_pulumi(), settings)
    made.pulumi("stack", "init", "test")
    return made


def _find_pulumi() -> str:
    folder = os.environ.get("HS_TEST_PULUMI_BIN")
    found = shutil.which("pulumi", path=folder) if folder else shutil.which("pulumi")
    if not found or not shutil.which("pulumi-language-python", path=str(Path(found).parent)):
        pytest.fail("no pulumi with its Python language host: put them on PATH or name their folder in HS_TEST_PULUMI_BIN")
    return found


def _unused_plugin(home: Path, name: str) -> None:
    """The language host asks for the plugin of every SDK in the virtual environment, used or not."""
    folder = home / "plugins" / f"resource-{name}-v{version(f'pulumi-{name}')}"
    folder.mkdir(parents=True)
    (folder / f"pulumi-resource-{name}").write_text("#!/bin/sh\nexit 1\n")
    (folder / f"pulumi-resource-{name}").chmod(0o755)
