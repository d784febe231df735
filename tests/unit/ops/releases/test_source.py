"""A release's files: a commit checked out aside, with its own settings and today's secrets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from ops.errors import InputError
from ops.releases import source

SECURE = {"secure": "v1:old"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits; the first is tagged test/1.0.0."""
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "requirements" / "environment").write_text('ln -sfn /nowhere "$1/$3"\n')
    (root / ".gitignore").write_text(".venv\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, {"file": "one", "Pulumi.test.yaml": stack_file(1, SECURE)})
    git(root, "tag", "test/1.0.0")
    commit(root, {"file": "two", "Pulumi.test.yaml": stack_file(2, {"secure": "v1:new"})})
    return root


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "change")


def stack_file(replicas: int, secret: dict[str, str]) -> str:
    config = {
        "highstreetly:environment": {"replicas": replicas},
        "highstreetly:postgres_admin_password": secret,
        "highstreetly:digitalocean_token": "typed in plain by mistake",
    }
    return yaml.safe_dump({"config": config, "encryptionsalt": f"salt of {secret['secure']}"})


def test_a_commit_is_found_by_its_tag_and_an_unknown_tag_says_what_to_do(repository: Path) -> None:
    assert source.commit_of("refs/tags/test/1.0.0", repository) == git(repository, "rev-parse", "HEAD~1")
    with pytest.raises(InputError) as unknown:
        source.commit_of("refs/tags/test/9.9.9", repository)
    assert "git fetch" in unknown.value.remedy


def test_a_clean_checkout_is_its_commit_and_a_changed_or_new_file_is_refused_by_name(repository: Path) -> None:
    assert source.require_committed(repository) == git(repository, "rev-parse", "HEAD")
    (repository / "file").write_text("three")
    (repository / "more").write_text("new")
    with pytest.raises(InputError) as refused:
        source.require_committed(repository)
    assert refused.value.why.split("\n") == ["file", "more"]


def test_the_checkouts_own_commit_is_used_where_it_is_and_another_is_checked_out_aside(repository: Path) -> None:
    with source.files_of(git(repository, "rev-parse", "HEAD"), repository) as folder:
        assert folder == repository
    with source.files_of(source.commit_of("refs/tags/test/1.0.0", repository), repository) as folder:
        assert folder != repository
        assert (folder / "file").read_text() == "one"
        assert (folder / ".venv").is_symlink()
    assert not folder.exists()
    assert git(repository, "worktree", "list").count("\n") == 0
    assert (repository / "file").read_text() == "two"


def test_a_changed_checkout_never_stands_for_its_commit(repository: Path) -> None:
    (repository / "file").write_text("three")
    with source.files_of(git(repository, "rev-parse", "HEAD"), repository) as folder:
        assert (folder / "file").read_text() == "two"


def test_the_worktree_goes_also_when_the_run_in_it_fails(repository: Path) -> None:
    with pytest.raises(RuntimeError), source.checked_out_aside("HEAD~1", repository) as folder:
        raise RuntimeError
    assert not folder.exists()
    assert git(repository, "worktree", "list").count("\n") == 0


def test_other_plugins_than_todays_must_be_there_where_the_engine_fetches_none(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = "requirements/requirements.txt"
    commit(repository, {pins: "pulumi==3.1.0 \\\npulumi-random==4.1.0 \\\npulumi-rabbitmq==3.5.3 \\\npulumiverse-esxi-native==0.9.0 \\\n"})
    commit(repository, {pins: "pulumi==3.2.0 \\\npulumi-random==4.2.0 \\\npulumi-rabbitmq==3.5.3 \\\npulumiverse-esxi-native==1.0.0 \\\n"})
    with source.checked_out_aside("HEAD~1", repository):
        pass
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    with pytest.raises(InputError) as refused, source.checked_out_aside("HEAD~1", repository):
        pytest.fail("the engine has not got what it needs")
    assert refused.value.why == "random 4.1.0\nesxi-native 0.9.0"
    assert "pulumi plugin install resource random 4.1.0; " in refused.value.remedy
    assert "esxi-native 0.9.0 --server github://api.github.com/pulumiverse/pulumi-esxi-native; then" in refused.value.remedy
    for name in ("random-v4.1.0", "esxi-native-v0.9.0"):
        (tmp_path / "plugins" / f"resource-{name}").mkdir(parents=True)
    with source.checked_out_aside("HEAD~1", repository):
        pass


def test_a_configuration_is_recorded_without_secrets_encrypted_or_not(repository: Path) -> None:
    assert source.configuration_of("test", repository) == {"highstreetly:environment": {"replicas": 2}}


def test_settings_are_the_releases_and_secrets_are_todays(repository: Path) -> None:
    with source.checked_out_aside("HEAD~1", repository) as folder:
        source.apply_configuration("test", {"highstreetly:environment": {"replicas": 7}}, folder, repository)
        written = yaml.safe_load((folder / "Pulumi.test.yaml").read_text())
    assert written["config"]["highstreetly:environment"] == {"replicas": 7}
    assert written["config"]["highstreetly:postgres_admin_password"] == {"secure": "v1:new"}
    assert written["encryptionsalt"] == "salt of v1:new"
