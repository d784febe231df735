"""Where a release's files come from: a commit, checked out aside unless it is the checkout's own."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ops.errors import InputError, PlatformError
from ops.process import run
from settings.load import PROJECT, ROOT, is_secret

SALT = "encryptionsalt"
PINS = "requirements/requirements.txt"
PLUGIN = re.compile(r"^pulumi(verse)?-([a-z-]+)==([0-9.]+)", re.MULTILINE)
"""An SDK in the pins; the engine needs the plugin of the same name and version (images/deploy-runner/Dockerfile installs them)."""
NO_ACQUISITION = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"
"""Where it is `true`, the engine fetches no plugin: https://www.pulumi.com/docs/iac/cli/environment-variables/."""


def git(*words: str, root: Path = ROOT, check: bool = True) -> str:
    """Run git in a checkout and return what it printed; empty when it fails and ``check`` is off."""
    done = run(["git", *words], cwd=root, what=f"git {words[0]} failed.", check=check)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit_of(name: str, root: Path = ROOT) -> str:
    """The full commit behind a tag or a commit's name; raises InputError when the checkout has none by it."""
    found = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", root=root, check=False)
    if not found:
        raise InputError(f"There is no {name} in this checkout.", remedy="git fetch --tags, then run the same command again")
    return found


def uncommitted(root: Path = ROOT) -> list[str]:
    """Files that differ from the checkout's commit; what git ignores does not count."""
    return [line.split(maxsplit=1)[1] for line in git("status", "--porcelain", root=root).splitlines()]


def require_committed(root: Path = ROOT) -> str:
    """The checkout's commit; raises InputError when a file differs from it, since a release must be found again by its commit."""
    changed = uncommitted(root)
    if changed:
        raise InputError(
            "The checkout has changes that no commit holds; nothing was touched.",
            why="\n".join(changed[:10]) + (f"\nand {len(changed) - 10} more" if len(changed) > 10 else ""),
            remedy="commit them, or deploy a tag: ./hs deploy --tag TAG",
        )
    return git("rev-parse", "HEAD", root=root)


@contextmanager
def files_of(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """A folder with the files of a commit: the checkout itself where it is clean and there, else a worktree that goes afterwards.

    Raises InputError when the repository does not have the commit.
    """
    if git("rev-parse", "HEAD", root=root) == commit and not uncommitted(root):
        yield root
        return
    with checked_out_aside(commit, root) as folder:
        yield folder


@contextmanager
def checked_out_aside(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """A worktree of a commit with its own Python environment; it goes afterwards, and with it whatever a run wrote there.

    Raises InputError when the engine lacks a plugin that the commit pins.
    """
    commit_of(commit, root)
    folder = Path(tempfile.mkdtemp(prefix="highstreetly-release-"))
    target = folder / "checkout"
    try:
        git("worktree", "add", "--detach", "--quiet", str(target), commit, root=root)
        require_plugins(commit, target, root)
        run(
            ["sh", target / "requirements" / "environment", target, "requirements", ".venv"],
            what=f"The Python environment of {commit[:12]} could not be made.",
            remedy="check the network, then run the same command again",
        )
        yield target
    finally:
        git("worktree", "remove", "--force", str(target), root=root, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        git("worktree", "prune", root=root, check=False)


def require_plugins(commit: str, folder: Path, today: Path = ROOT) -> None:
    """Raise InputError when a commit's files in ``folder`` pin other plugins than today's, and the engine neither has nor fetches them."""
    if os.environ.get(NO_ACQUISITION) != "true":
        return
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    missing = [
        (verse, name, version)
        for verse, name, version in sorted(_plugins(folder) - _plugins(today))
        if not (home / "plugins" / f"resource-{name}-v{version}").is_dir()
    ]
    if missing:
        install = "; ".join(
            f"pulumi plugin install resource {name} {version}"
            + (f" --server github://api.github.com/pulumi{verse}/pulumi-{name}" if verse else "")
            for verse, name, version in missing
        )
        raise InputError(
            f"The commit {commit[:12]} needs plugins that the engine does not have here; nothing was touched.",
            why="\n".join(f"{name} {version}" for _, name, version in missing),
            remedy=f"{install}; then run the same command again (in a runner, which keeps no plugin: from a laptop, see roll-back.md)",
        )


def _plugins(root: Path) -> set[tuple[str, str, str]]:
    """(`verse` or nothing, name, version) of every plugin that a checkout pins."""
    path = root / PINS
    return set(PLUGIN.findall(path.read_text())) if path.is_file() else set()


def configuration_of(stack: str, root: Path) -> dict[str, Any]:
    """A stack file's settings without the secret ones, by their full key."""
    config = _read(root / f"Pulumi.{stack}.yaml").get("config") or {}
    return {key: value for key, value in config.items() if not _is_secret(key, value)}


def apply_configuration(stack: str, configuration: Mapping[str, Any], folder: Path, today: Path = ROOT) -> None:
    """Write a release's settings into its checkout, with today's secrets.

    A secret has changed for a reason: the machine or service at its other end knows today's only.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    now = _read(today / path.name)
    secret = {key: value for key, value in (now.get("config") or {}).items() if _is_secret(key, value)}
    content: dict[str, Any] = {"config": {**configuration, **secret}}
    if now.get(SALT):
        content[SALT] = now[SALT]
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _is_secret(key: str, value: object) -> bool:
    return (isinstance(value, Mapping) and "secure" in value) or is_secret(str(key).removeprefix(f"{PROJECT}:"))


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as unreadable:
        raise PlatformError(f"{path.name} cannot be read.", why=str(unreadable)) from unreadable
    return found
