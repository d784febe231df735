"""The rules that role common writes: the same as ever on a data machine, and the cluster's networks on a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ansible.conftest import Play

PLAY = """
- name: Render
  hosts: localhost
  gather_facts: false
  vars: {{common_firewall_trusted_networks: {networks}, template_dir: {roles}/common/templates}}
  tasks:
    - name: Rules
      ansible.builtin.template: {{src: "{{{{ template_dir }}}}/nftables.conf.j2", dest: {file}, mode: "0600"}}
"""


def rendered(ansible: Play, checkout: Path, tmp_path: Path, networks: list[str]) -> list[str]:
    """The lines of /etc/nftables.conf with these networks trusted."""
    playbook, file = tmp_path / "render.yml", tmp_path / "nftables.conf"
    playbook.write_text(PLAY.format(networks=networks, roles=checkout / "ansible" / "roles", file=file))
    run = ansible("ansible-playbook", playbook)
    assert run.returncode == 0, run.stdout + run.stderr
    return [line.strip() for line in file.read_text().splitlines()]


def test_a_data_machine_trusts_no_network(ansible: Play, checkout: Path, tmp_path: Path) -> None:
    lines = rendered(ansible, checkout, tmp_path, [])
    assert [line for line in lines if line.startswith("ip saddr")] == []
    assert lines[lines.index("ct state established,related accept") + 1] == "ct state invalid drop"


@pytest.mark.parametrize("networks", [["10.233.64.0/18", "10.10.0.0/24"]])
def test_a_node_admits_all_of_its_cluster_before_it_looks_at_states(
    ansible: Play, checkout: Path, tmp_path: Path, networks: list[str]
) -> None:
    lines = rendered(ansible, checkout, tmp_path, networks)
    trusted = lines.index("ip saddr { 10.10.0.0/24, 10.233.64.0/18 } accept")
    assert trusted < lines.index("ct state invalid drop")
    assert "type filter hook input priority filter; policy drop;" in lines
