"""A checkout to push from: this one as it is, but `dev` is an environment of the local estate, with its state where pods reach it."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from local.estate import Estate
from local.trial import commit_all, copy_checkout
from ops.process import run

STACK = "dev"
"""An environment that the workflows have a job for; `kind` is none to push to, because its stack holds the cluster too."""
EGRESS_PORTS = (80, 443, 5000, 5432, 6443, 8000, 8443, 15671)
"""Where its runner goes: DigitalOcean's emulator, the registry, PostgreSQL, Kubernetes, Traefik, RabbitMQ."""


def path_of(estate: Estate) -> Path:
    """Where the estate's is, or will be."""
    return estate.data_dir / "github" / "checkout"


def is_made(estate: Estate) -> bool:
    """Whether there is one; then the cluster's stack gives `dev` a runner's rights."""
    return path_of(estate).exists()


def create(estate: Estate, remote: Path) -> Path:
    """Make it where it is not, with ``remote`` as its `origin`; what somebody committed there stays."""
    target = path_of(estate)
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        copy_checkout(partial)
        (partial / f"Pulumi.{STACK}.yaml").write_text(stack_file((partial / "Pulumi.kind.yaml").read_text()))
        commit_all(partial)
        run(["git", "-C", partial, "remote", "add", "origin", remote])
        partial.rename(target)
    return target


def stack_file(kind: str) -> str:
    """The stack file of `dev`, from that of `kind`: its environment under another domain, without the cluster."""
    content = yaml.safe_load(kind)
    environment = content["config"]["highstreetly:environment"]
    environment["domain"] = f"{STACK}.{environment['domain']}"
    config = {"highstreetly:estate": "local", "highstreetly:state": "shared", "highstreetly:environment": environment}
    return yaml.safe_dump({"config": config, "encryptionsalt": content["encryptionsalt"]}, sort_keys=False)


def runners() -> dict[str, object]:
    """What the cluster's stack says of the runners."""
    return {"environments": {STACK: {}}, "egress_ports": list(EGRESS_PORTS)}


__all__ = ["EGRESS_PORTS", "STACK", "create", "is_made", "path_of", "runners", "stack_file"]
