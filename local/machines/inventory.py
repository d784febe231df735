"""The inventory Ansible reads for the estate: the same groups as production, with this estate's addresses, networks and files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.machines.machines import DEPLOY_USER, Machine


@dataclass(frozen=True)
class Site:
    """What the inventory says of an estate: its machines, and the files that its administrator has."""

    machines: Sequence[Machine]
    subnet: str
    public_key: str
    private_key_file: Path
    known_hosts_file: Path
    ca_certificate_file: Path
    ca_private_key_file: Path


GROUPS = {"postgres": "databases", "rabbitmq": "brokers"}  # which group, and so which roles, the machines of a role are in


def inventory(site: Site, ssh_config: Path) -> dict[str, Any]:
    """The groups of production with the estate's machines, and what the roles must be told.

    Everything comes from the estate's one network: the cluster's nodes, Pulumi and the person at the keyboard.
    """
    variables: dict[str, dict[str, Any]] = {
        "databases": {
            "postgres_access": [{"network": site.subnet, "purpose": "the local cluster's nodes and this computer"}],
            "postgres_environments": 2,  # kind, and one more that somebody tries beside it
            "postgres_replicas_per_service": 1,
            "postgres_backup_repository": "s3",  # the estate's own store, under the name of the real one
        },
        "brokers": {"rabbitmq_client_networks": [site.subnet], "rabbitmq_backup": True},
    }
    groups: dict[str, Any] = {group: {"hosts": {}, "vars": variables[group]} for group in GROUPS.values()}
    for machine in site.machines:
        groups[GROUPS[machine.role]]["hosts"][machine.name] = {"ansible_host": machine.address}
    everywhere = {
        "ansible_user": DEPLOY_USER,
        "ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}",
        "common_management_networks": [site.subnet],
        "common_deploy_authorized_keys": [site.public_key.strip()],
        "common_ca_certificate_file": str(site.ca_certificate_file),
        "common_ca_private_key_file": str(site.ca_private_key_file),
    }
    return {"all": {"vars": everywhere, "children": groups}}


def ssh_config(site: Site) -> str:
    """An OpenSSH configuration with which ``ssh -F FILE postgres`` just works, and knows the machine it meets."""
    hosts = "".join(f"Host {machine.name} {machine.address}\n    HostName {machine.address}\n\n" for machine in site.machines)
    return hosts + (
        "Host *\n"
        f"    User {DEPLOY_USER}\n"
        f'    IdentityFile "{site.private_key_file}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{site.known_hosts_file}"\n'
        "    StrictHostKeyChecking yes\n"
        "    HostKeyAlgorithms ssh-ed25519\n"
        "    ConnectTimeout 10\n"
        "    BatchMode yes\n"
        "    LogLevel ERROR\n"
    )


__all__ = ["DEPLOY_USER", "GROUPS", "Site", "inventory", "ssh_config"]
