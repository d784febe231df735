"""The runbooks' Ansible commands, as they stand there: which environment, which machines, in which order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from settings.load import ROOT
from tests.unit.ansible.conftest import ANSIBLE, Play

PAGES = [*sorted((ROOT / "docs" / "runbooks").glob("*.md")), ANSIBLE / "README.md"]
COMMAND = re.compile(r"^ +\.\./\.venv-(ansible|kubespray)/bin/(ansible(?:-playbook)?) (.*)$", re.MULTILINE)
PLANES = {"control-plane1", "control-plane2", "control-plane3"}
NODES = PLANES | {f"worker{number}" for number in range(1, 10)}
MORE = "[kube_node]\nworker10\n"
"""What the inventory says once another worker has been made."""
ORDER = "[kube_control_plane]\ncontrol-plane2\ncontrol-plane3\ncontrol-plane1\n"


def commands(page: Path) -> list[tuple[str, str, list[str]]]:
    """A page's commands: environment, program, and words without a comment."""
    text = page.read_text().replace("\\\n", " ")
    return [(environment, program, shlex.split(words, comments=True)) for environment, program, words in COMMAND.findall(text)]


def the_command(page: str, *named: str) -> tuple[str, list[str]]:
    """The one command of a runbook that has these words, with its program."""
    [found] = {
        (program, tuple(words)) for _, program, words in commands(ROOT / "docs" / "runbooks" / f"{page}.md") if set(named) <= set(words)
    }
    return found[0], list(found[1])


def plays_of(playbook: str) -> str:
    """The text of a playbook of ours and of all that it imports; of kubespray's, its name."""
    path = ANSIBLE / playbook
    if not path.is_file():
        return playbook
    text = path.read_text()
    return text + "".join(plays_of(name) for name in re.findall(r"import_playbook: (\S+)", text))


def hosts(listing: str) -> list[str]:
    """The machines of a listing, those of each play in its order."""
    return re.findall(r"^ +([a-z]+(?:-[a-z]+)?\d*)$", listing, re.MULTILINE)


EVERY = [(page.name, environment, words) for page in PAGES for environment, _, words in commands(page)]


def test_the_pages_have_commands() -> None:
    assert len(EVERY) >= 15


@pytest.mark.parametrize(("page", "environment", "words"), EVERY, ids=[f"{page}-{words[0]}" for page, _, words in EVERY])
def test_a_command_names_the_environment_and_the_machines_that_its_playbook_needs(page: str, environment: str, words: list[str]) -> None:
    plays = plays_of(words[0])
    assert "inventory/estate" in words, page
    if "kubernetes_sigs" in plays:
        assert environment == "kubespray", f"{page}: kubespray wants an older ansible-core than the other environment has"
    if "--limit" in words and "hosts: localhost" in plays:
        assert "localhost" in words[words.index("--limit") + 1].split(","), f"{page}: a play on localhost would be left out"


@pytest.mark.parametrize(
    ("page", "named", "expected"),
    [
        ("add-worker", ["kubernetes_sigs.kubespray.facts"], NODES | {"worker10"}),
        ("add-worker", ["add-worker.yml"], {"worker10", "localhost"}),
        ("add-worker", ["post_install.yml"], PLANES | {"localhost"}),
        ("add-worker", ["node=worker10"], {"worker10"}),
        ("upgrade-kubernetes", ["post_install.yml"], PLANES | {"localhost"}),
        ("upgrade-kubernetes", ["kube_control_plane"], PLANES),
        ("upgrade-kubernetes", ["upgrade.yml", "--extra-vars"], NODES | {"localhost"}),
        ("replace-node", ["node=worker3"], {"worker3"}),
        ("replace-node", ["kubernetes_sigs.kubespray.remove_node", "order.ini"], {"control-plane1"}),
        ("replace-node", ["cluster.yml"], NODES | {"localhost"}),
        ("upgrade-postgres", ["data.yml"], {"postgres"}),
        ("rebuild-database-machine", ["data.yml"], {"postgres"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0] if isinstance(value, list) else None,
)
def test_a_command_is_for_exactly_the_machines_that_the_runbook_says(
    ansible: Play, checkout: Path, page: str, named: list[str], expected: set[str]
) -> None:
    program, words = the_command(page, *named)
    more = checkout / "ansible" / "more.ini"
    more.write_text(MORE)
    (checkout / "ansible" / "order.ini").write_text(ORDER)
    listing = ansible(program, *words, *(["--inventory", more] if page == "add-worker" else []), "--list-hosts")
    assert listing.returncode == 0, listing.stderr
    assert set(hosts(listing.stdout)) == expected


def test_the_survivors_come_first_where_a_control_plane_is_made_anew(ansible: Play, checkout: Path) -> None:
    assert "printf '%s\\n' '[kube_control_plane]' control-plane2 control-plane3 control-plane1" in (
        (ROOT / "docs" / "runbooks" / "replace-node.md").read_text()
    )
    (checkout / "ansible" / "order.ini").write_text(ORDER)
    given = ("--inventory", "order.ini", "--inventory", "inventory/estate")
    listing = ansible("ansible", "kube_control_plane", *given, "--list-hosts")
    assert hosts(listing.stdout) == ["control-plane2", "control-plane3", "control-plane1"]
