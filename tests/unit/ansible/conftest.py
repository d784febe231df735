"""Ansible's programs, and the datacenter's inventory as they read it: the real script and files, with a `hs` that knows the machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esxi.outputs import outputs
from local.machines.configure import Controller
from ops.inventory import inventory
from settings.datacenter.load import ROOT, load_stack
from tests.unit.datacenter.conftest import PASSWORDS

ANSIBLE = ROOT / "ansible"
COLLECTION = ("cluster", "scale", "upgrade_cluster")
"""The playbooks of kubespray's collection that ours import."""
BY_HAND = ("facts", "remove_node")
"""Those that runbooks play."""
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def described() -> dict[str, Any]:
    """The inventory of the real datacenter's description."""
    return inventory(outputs(load_stack("datacenter", environ=PASSWORDS)))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, described: dict[str, Any]) -> Path:
    """A checkout with the real ansible/ and a `./hs inventory datacenter` that reads no state; what it is asked stands in `asked`."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ANSIBLE, folder / "ansible", symlinks=True)
    (folder / "inventory.json").write_text(json.dumps(described))
    hs = folder / "hs"
    hs.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\necho "$@" >> asked\n[ "$*" = "inventory datacenter --list" ] && exec cat inventory.json\nexit 1\n'
    )
    hs.chmod(0o755)
    for name in COLLECTION + BY_HAND:
        playbook = folder / "collections" / "ansible_collections" / "kubernetes_sigs" / "kubespray" / "playbooks" / f"{name}.yml"
        playbook.parent.mkdir(parents=True, exist_ok=True)
        hosts = '"{{ node }}"' if name == "remove_node" else "k8s_cluster"
        tasks = "  tasks: [{name: Build, ansible.builtin.debug: {msg: built}}]\n"
        playbook.write_text(f"- name: kubespray {name}\n  hosts: {hosts}\n  gather_facts: false\n{tasks}")
    return folder


@pytest.fixture(scope="session")
def ansible(checkout: Path) -> Play:
    """Runs one of Ansible's programs in ansible/ of the checkout, with the estate's inventory unless another is given.

    Their environment is made if need be.
    """

    def run(program: str, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        inventory = () if "--inventory" in words else ("--inventory", "inventory/estate")
        command = [Controller(ROOT, checkout).program(program), *inventory, *words]
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(checkout / "home"),
            "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            command, cwd=checkout / "ansible", env=environment | variables, capture_output=True, text=True, check=False, timeout=120
        )

    return run
