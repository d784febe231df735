"""The playbooks' order, without a machine: what is played where, and what is refused before anything is touched."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.machines.configure import Controller
from settings.load import ROOT
from tests.unit.ansible.conftest import ANSIBLE, COLLECTION, Play

PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml") if not path.name.startswith("requirements"))
SITE = ["Data machines", "Controller", "Kubernetes machines", "kubespray cluster", "Control planes", "Controller"]


def test_ansible_lint_finds_nothing_by_its_strictest_profile(checkout: Path) -> None:
    program = Path(Controller(ROOT, checkout).program("ansible-lint"))
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections"),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }
    words = [str(program), "--offline", "--profile=production", "-q"]
    run = subprocess.run(words, cwd=checkout / "ansible", env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def plays(ansible: Play, playbook: str) -> list[tuple[str, int]]:
    """A playbook's plays in their order, each with how many hosts it is for."""
    listing = ansible("ansible-playbook", playbook, "--list-hosts")
    assert listing.returncode == 0, listing.stderr
    return [
        (name, int(count)) for name, count in re.findall(r"play #\d+ \([^)]*\): ([^\t\n]+).*?hosts \((\d+)\)", listing.stdout, re.DOTALL)
    ]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_can_be_read(ansible: Play, playbook: str) -> None:
    run = ansible("ansible-playbook", "--syntax-check", playbook)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_site_is_data_machines_then_the_cluster_then_what_the_platform_needs_of_it(ansible: Play) -> None:
    assert plays(ansible, "site.yml") == list(zip(SITE, [2, 1, 12, 12, 3, 1], strict=True))


def test_a_new_worker_is_prepared_alone_and_the_cluster_is_not_built(ansible: Play) -> None:
    listing = ansible("ansible-playbook", "add-worker.yml", "--list-hosts", "--limit", "worker9,localhost")
    assert re.findall(r"hosts \((\d+)\)", listing.stdout) == ["1", "1", "1"]
    assert "kubespray scale" in listing.stdout


def test_an_upgrade_is_kubespray_s_own_that_drains(ansible: Play) -> None:
    assert ("kubespray upgrade_cluster", 12) in plays(ansible, "upgrade.yml")


def test_the_stack_can_be_left_out(ansible: Play) -> None:
    def tasks(*words: str) -> str:
        return ansible("ansible-playbook", "post_install.yml", "--list-tasks", *words).stdout

    assert "Deploy the cluster's stack" in tasks()
    assert "Deploy the cluster's stack" not in tasks("--skip-tags", "cluster-stack")


def test_kubespray_is_pinned_to_a_release_and_only_the_cluster_s_playbooks_use_it() -> None:
    [collection] = yaml.safe_load((ANSIBLE / "requirements-cluster.yml").read_text())["collections"]
    assert re.fullmatch(r"v\d+\.\d+\.\d+", collection["version"])
    users = {path.name for path in ANSIBLE.glob("*.yml") if "import_playbook: kubernetes_sigs" in path.read_text()}
    assert users == {"cluster.yml", "upgrade.yml", "add-worker.yml"}
    imported = {name for path in ANSIBLE.glob("*.yml") for name in re.findall(r"kubernetes_sigs\.kubespray\.(\w+)", path.read_text())}
    assert imported == set(COLLECTION)


@pytest.mark.parametrize("playbook", ["cluster.yml", "upgrade.yml", "add-worker.yml"])
def test_nothing_is_touched_where_kubespray_could_not_read_facts(ansible: Play, playbook: str) -> None:
    run = ansible("ansible-playbook", playbook, ANSIBLE_INJECT_FACT_VARS="false")
    assert run.returncode != 0
    assert "Nothing was touched" in run.stdout
    assert "unreachable=0" in run.stdout


def tasks_of(playbook: str) -> list[dict[str, Any]]:
    """All tasks of a playbook's plays."""
    return [task for play in yaml.safe_load((ANSIBLE / playbook).read_text()) for task in play.get("tasks", [])]


def test_the_administrator_s_kubeconfig_is_its_owner_s_alone_and_in_no_log() -> None:
    holders = [
        task for task in tasks_of("post_install.yml") if "admin.conf" in str(task.get("ansible.builtin.slurp")) or "0600" in str(task)
    ]
    assert len(holders) == 2
    assert [task for task in holders if task.get("no_log") is not True] == []


def test_what_looks_at_the_cluster_looks_in_a_dry_run_too_and_changes_nothing() -> None:
    looking = [task for task in tasks_of("post_install.yml") if task.get("changed_when") is False]
    assert len(looking) >= 5
    assert [task["name"] for task in looking if task.get("check_mode") is not False] == []


def test_no_secret_is_an_argument_of_a_command() -> None:
    for playbook in PLAYBOOKS:
        for task in tasks_of(playbook):
            assert not re.search(r"TOKEN|PASSWORD|AUTHORIZATION", str(task.get("ansible.builtin.command"))), task["name"]
