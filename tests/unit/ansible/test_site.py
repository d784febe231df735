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
from settings.datacenter.checks import SINGLE_ROLES
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


@pytest.mark.parametrize("playbook", ["cluster.yml", "upgrade.yml", "add-worker.yml"])
def test_kubespray_s_tasks_have_the_facts_without_which_they_cannot_even_be_skipped(ansible: Play, playbook: str) -> None:
    listing = ansible("ansible-playbook", playbook, "--list-tasks", "--tags", "kubespray")
    assert "Learn what the machine is" in listing.stdout


def test_kubespray_s_environment_can_pack_its_collection() -> None:
    assert re.search(r"^distlib==", (ROOT / "requirements" / "kubespray.txt").read_text(), re.MULTILINE)


def plays_in(playbook: str) -> list[dict[str, Any]]:
    """The plays of one of our playbooks, and what it imports."""
    found: list[dict[str, Any]] = yaml.safe_load((ANSIBLE / playbook).read_text())
    return found


CAREFUL: dict[str, list[dict[str, Any]]] = {
    "data.yml": [{"hosts": "databases:brokers", "strategy": "ansible.builtin.free"}],
    "cluster_machines.yml": [{"hosts": "kube_control_plane:kube_node", "serial": [1, 1, 1, 3], "max_fail_percentage": 0}],
    "post_install.yml": [{"hosts": "kube_control_plane", "any_errors_fatal": True}],
    "firewall.yml": [{"hosts": "firewall"}],
}
"""How each playbook of ours meets its machines: in which batches, and what a failure on one of them stops."""


def test_every_play_that_touches_machines_says_how_many_at_once_and_when_it_stops() -> None:
    keys = ("hosts", "serial", "max_fail_percentage", "any_errors_fatal", "strategy")
    found: dict[str, list[dict[str, Any]]] = {
        name: [{key: play[key] for key in keys if key in play} for play in plays_in(name) if play.get("hosts", "localhost") != "localhost"]
        for name in PLAYBOOKS
    }
    assert {name: careful for name, careful in found.items() if careful} == CAREFUL


def test_of_each_data_service_there_is_one_machine_so_that_a_run_never_restarts_two(described: dict[str, Any]) -> None:
    assert {"postgres", "rabbitmq"} <= set(SINGLE_ROLES)  # a description with another one is refused
    assert (described["databases"]["hosts"], described["brokers"]["hosts"]) == (["postgres"], ["rabbitmq"])


@pytest.mark.parametrize("playbook", ["cluster.yml", "upgrade.yml", "add-worker.yml"])
def test_kubespray_comes_after_what_must_be_so_and_before_the_health_checks(playbook: str) -> None:
    imported = [play["import_playbook"] for play in plays_in(playbook)]
    assert imported[0] == "cluster_machines.yml"
    assert imported[1].startswith("kubernetes_sigs.kubespray.")
    assert imported[2:] == ([] if playbook == "add-worker.yml" else ["post_install.yml"])  # its runbook plays the checks alone


def test_what_was_given_is_checked_before_a_machine_is_marked_as_touched() -> None:
    before = {
        "data.yml": ["Check what was given", "Check that certificates can be signed"],
        "cluster_machines.yml": ["Check what was given"],
    }
    for playbook, checked in before.items():
        tasks = tasks_of(playbook)
        names = [task["name"] for task in tasks]
        mark = names.index("Learn whether the last run was broken off")
        assert names[names.index("Learn what the machine is") + 1 : mark] == checked
        assert tasks[mark]["ansible.builtin.command"]["cmd"].endswith(" /var/lib/platform-run")
    checks = sorted((ANSIBLE / "roles").glob("*/tasks/validate*.yml"))
    assert {path.parts[-3] for path in checks} >= {"common", "postgres", "rabbitmq"}
    for path in checks:
        for task in yaml.safe_load(path.read_text()):
            assert "ansible.builtin.assert" in task or task.get("changed_when") is False, f"{path.name}: {task['name']}"


@pytest.mark.parametrize("playbook", ["data.yml", "cluster_machines.yml"])
def test_services_are_told_before_the_end_of_a_run_is_noted_whichever_part_is_run(playbook: str) -> None:
    *_, told, noted = [task for task in tasks_of(playbook) if "flush_handlers" in str(task) or "absent" in str(task)]
    assert told["ansible.builtin.meta"] == "flush_handlers"
    assert told["tags"] == noted["tags"]


def test_a_dry_run_of_a_bare_machine_ends_where_it_would_look_at_what_it_did_not_install() -> None:
    def ends(path: str) -> list[dict[str, Any]]:
        tasks = yaml.safe_load((ANSIBLE / "roles" / path).read_text())
        return [task for task in tasks if "end_role" in yaml.safe_dump(task)]

    [common], [postgres], [rabbitmq] = (
        ends(f"{path}.yml") for path in ("common/tasks/packages", "postgres/tasks/dry_run", "rabbitmq/tasks/dry_run")
    )
    assert common["when"] == "ansible_check_mode and __common_installed is changed"
    assert postgres["when"] == ["ansible_check_mode", "__postgres_known | length == 0"]
    assert rabbitmq["when"] == ["ansible_check_mode", "__rabbitmq_known | length == 0"]


def tasks_of(playbook: str) -> list[dict[str, Any]]:
    """All tasks of a playbook's plays."""
    return [task for play in plays_in(playbook) for task in play.get("tasks", [])]


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
