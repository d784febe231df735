"""A second estate for the tests: a copy of the checkout with a name, a network and a state of its own, beside a developer's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml

from local.engine import ensure_engine
from local.estate import CHECKOUT, Estate
from local.toolchain import Toolchain
from ops.process import run

NAME = "hs-trial"
SUBNET = "172.30.200.0/24"
LOOPBACK = "127.0.0.2"


@dataclass(frozen=True)
class Trial:
    """The copy of the checkout and the environment variables by which commands and tests find it."""

    checkout: Path
    variables: dict[str, str]

    def with_machines(self) -> dict[str, str]:
        """The variables together with those of the machines, which are there once the estate is up."""
        return self.variables | variables(Estate.load(self.checkout))

    def hs(self, *words: str) -> int:
        """Run ./hs in the copy, its output going where ours goes; returns its exit code."""
        return subprocess.run(["./hs", *words], cwd=self.checkout, env={**os.environ, **self.variables}, check=False).returncode


@contextmanager
def trial(*, keep: bool = False) -> Iterator[Trial]:
    """Make the copy; afterwards remove the estate and the copy, unless ``keep``."""
    folder = Path(tempfile.mkdtemp(prefix="hs-trial-"))
    checkout = folder / "checkout"
    copy_checkout(checkout)
    (checkout / "local" / "estate.yaml").write_text(yaml.safe_dump({"name": NAME, "subnet": SUBNET, "nodes": 1, "loopback": LOOPBACK}))
    commit_all(checkout)
    os.environ["HS_DATA"] = str(folder / "data")
    found = Trial(checkout, {"HS_DATA": str(folder / "data"), "HS_TEST_CHECKOUT": str(checkout)})
    try:
        ensure_engine()  # containers of a run that was killed start with it
        found.hs("down", "--yes")  # and go
        yield found
    finally:
        if not keep:
            found.hs("down", "--yes")
            shutil.rmtree(folder, ignore_errors=True)


def copy_checkout(target: Path) -> None:
    """Copy what git knows and what it would add, as it is in the working tree."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=CHECKOUT).stdout
    for name in filter(None, listed.strip("\n").split("\0")):
        source = CHECKOUT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def commit_all(checkout: Path) -> None:
    """Make the copy a repository of its own with one commit: what is released is a commit."""
    run(["git", "init", "--quiet", "--initial-branch=main", checkout])
    identity = ("-c", "user.name=Trial", "-c", "user.email=trial@example.org")
    run(["git", "add", "--all"], cwd=checkout)
    run(["git", *identity, "commit", "--quiet", "--message", "The checkout as it is"], cwd=checkout)


def variables(estate: Estate) -> dict[str, str]:
    """How the tests reach the estate's machines."""
    secrets = estate.secrets
    return {
        "HS_TEST_ESTATE_DIR": str(estate.data_dir),
        "HS_TEST_POSTGRES_URL": f"postgres://platform:{quote(secrets.postgres_admin_password)}@{estate.address('postgres')}:5432",
        "HS_TEST_POSTGRES_CA": str(secrets.ca_certificate),
        "HS_TEST_POSTGRES_LOG_COMMAND": f"docker exec {estate.container('postgres')} sh -c 'cat /var/log/postgresql/*.log'",
        "HS_TEST_PULUMI_BIN": str(Toolchain().ensure(["pulumi"])["pulumi"]),
        "HS_TEST_RABBITMQ_URL": f"https://platform:{quote(secrets.rabbitmq_admin_password)}@{estate.address('rabbitmq')}:15671",
        "HS_TEST_RABBITMQ_CA": str(secrets.ca_certificate),
    }
