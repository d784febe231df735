"""The checkout that a person pushes from on the local estate, and what the cluster is told because of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local import overlay
from local.estate import MACHINES, Estate
from local.github import checkout, repository, serve, start
from settings.load import LOCAL_SETTINGS_VARIABLE, Settings, load_stack, state_of
from tests.unit.conftest import SECRETS

CHARTS = {name: Path("charts") / name for name in ("cert-manager", "traefik", "metallb")}
REFERENCES = {"reference-service": "service:1", "reference-ui": "ui:1", "flyway": "flyway:13"}


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca_certificate: Path) -> Estate:
    """An estate with a data folder of its own and its certificates."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    found = Estate.load()
    for path in (found.secrets.ca_certificate, found.acme_root):
        shutil.copy(ca_certificate, path)
    return found


def loaded(estate: Estate, stack: str, root: Path) -> Settings:
    """A stack's settings on this estate."""
    overlay.write(estate, {name: str(estate.address(name)) for name in MACHINES}, REFERENCES, CHARTS)
    return load_stack(stack, root, {LOCAL_SETTINGS_VARIABLE: str(estate.local_settings), **SECRETS})


def test_a_pushed_environment_is_the_local_one_under_its_own_domain_with_its_state_where_pods_reach_it(estate: Estate) -> None:
    clone = checkout.create(estate, Path("/platform.git"))
    found = loaded(estate, "dev", clone)
    assert (found.estate, state_of("dev", clone), found.cluster) == ("local", "shared", None)
    assert found.environment is not None
    assert found.environment.domain == "dev.highstreet.localhost"


def test_the_cluster_gives_a_runner_its_rights_only_where_there_is_a_checkout_to_push_from(estate: Estate) -> None:
    clone = checkout.path_of(estate)
    before = loaded(estate, "kind", estate.checkout).cluster
    assert before is not None
    assert before.runners is None
    checkout.create(estate, Path("/platform.git"))
    after = loaded(estate, "kind", clone).cluster
    assert after is not None
    assert after.runners is not None
    assert (list(after.runners.environments), after.runners.github_config_url) == (["dev"], None)
    assert 5000 in after.runners.egress_ports, "the estate's registry"


def test_what_was_committed_there_stays(estate: Estate) -> None:
    clone = checkout.create(estate, Path("/platform.git"))
    assert git(clone, "remote", "get-url", "origin") == "/platform.git"
    assert git(clone, "status", "--porcelain") == ""
    (clone / "mine").touch()
    assert checkout.create(estate, Path("/elsewhere.git")) == clone
    assert (clone / "mine").exists()


def test_a_person_is_told_how_to_push_once_the_cluster_knew_the_checkout(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[bool] = []
    place = repository.path_of(estate)

    def started(_estate: Estate, _toolchain: object, _plugins: object, environments: list[str], backend: str) -> Path:
        assert environments == ["dev"]
        assert backend.startswith("postgres://"), "a pod reaches no folder of this machine"
        return repository.create_at(place, {"PATH": os.environ["PATH"]})

    monkeypatch.setattr(serve, "up", lambda given: known.append(checkout.is_made(given)))
    monkeypatch.setattr(start, "start", started)
    told = serve.serve(estate)
    assert known == [True]
    assert f"  cd {checkout.path_of(estate)}\n  git tag dev/1.0.0\n  git push origin dev/1.0.0\n" in told
    assert git(place, "rev-parse", "main") == git(checkout.path_of(estate), "rev-parse", "HEAD")


def git(clone: Path, *words: str) -> str:
    """What git says in the checkout."""
    return subprocess.run(["git", "-C", clone, *words], capture_output=True, text=True, check=True).stdout.strip()
