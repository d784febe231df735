"""The datacenter's runners on a cluster of their own: the controller takes the scale set, goes to GitHub with it, and lets it go again.

GitHub itself is not there, so no runner starts; what follows its answer is not shown here.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.addons.charts import ensure_runner_charts
from local.addons.images import ensure_runner_images
from local.cluster import cluster
from local.environment import variables
from local.estate import Estate
from local.toolchain import Toolchain
from settings.load import LOCAL_SETTINGS_VARIABLE
from tests.e2e.conftest import Person

STACK, ENVIRONMENT = "runners", "kind"
SCALE_SET = f"highstreetly-{ENVIRONMENT}"
ASKED_SECONDS = 60
SECRETS = ("github_app_id", "github_app_installation_id", "runner_backend_url", f"runner_passphrase_{ENVIRONMENT}")
Pulumi = Callable[..., str]


@pytest.fixture(scope="module")
def pulumi(person: Person, estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulumi]:
    """The engine on a stack whose cluster half has runners only, as the datacenter's has them."""
    toolchain = Toolchain()
    cluster.load_images(estate, ensure_runner_images(toolchain))
    charts = {name.removeprefix("gha-runner-"): str(path) for name, path in ensure_runner_charts(toolchain).items()}
    version = toolchain.pins["actions-runner-controller"].version
    runners = {
        "github_config_url": "https://github.com/highstreetly",
        "environments": {ENVIRONMENT: {"min_runners": 1}},
        "charts": {"controller": charts["scale-set-controller"], "scale_set": charts["scale-set"], "version": version},
    }
    path = person.write(f"Pulumi.{STACK}.yaml", yaml.safe_dump({"config": {"highstreetly:cluster": {"runners": runners}}}))
    environment = os.environ | variables(estate, str(toolchain.pulumi_home()), toolchain.path()) | secrets(tmp_path_factory.mktemp("key"))
    environment |= {"PULUMI_BACKEND_URL": f"file://{tmp_path_factory.mktemp('state')}"}
    environment["PATH"] = f"{person.checkout}/.venv/bin:{toolchain.path()}"
    environment.pop(LOCAL_SETTINGS_VARIABLE)

    def run(*words: str) -> str:
        command = ["pulumi", *words, "--stack", STACK, "--non-interactive"]
        done = subprocess.run(command, cwd=person.checkout, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout

    try:
        run("stack", "init")
        run("up", "--yes", "--skip-preview")
        yield run
    finally:
        path.unlink()


def secrets(folder: Path) -> dict[str, str]:
    """Secret settings as environment variables: a key of the right form, and words."""
    key = folder / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    values = dict.fromkeys(SECRETS, "12345") | {"github_app_private_key": key.read_text()}
    return {f"HIGHSTREETLY_{name.upper()}": value for name, value in values.items()}


def kubectl(estate: Estate, *words: str, check: bool = True) -> str:
    """kubectl on the two-node cluster."""
    return subprocess.run(["kubectl", "--kubeconfig", str(estate.kubeconfig), *words], capture_output=True, text=True, check=check).stdout


def controller_log(estate: Estate) -> str:
    """What the controller wrote."""
    return kubectl(estate, "--namespace", "arc-systems", "logs", "deployment/arc-gha-rs-controller")


@pytest.mark.usefixtures("pulumi")
def test_the_controller_takes_the_scale_set_and_goes_to_github_with_it(estate: Estate) -> None:
    found: dict[str, Any] = json.loads(
        kubectl(estate, "--namespace", "arc-runners", "get", "autoscalingrunnersets", SCALE_SET, "--output", "json")
    )
    spec = found["spec"]
    assert (spec["minRunners"], spec["maxRunners"], spec["githubConfigSecret"]) == (1, 6, "github-app")
    assert spec["runnerGroup"] == "highstreetly-platform"
    assert spec["template"]["spec"]["serviceAccountName"] == f"deployer-{ENVIRONMENT}"
    deadline = time.monotonic() + ASKED_SECONDS
    while "api.github.com/app/installations/12345/access_tokens" not in (log := controller_log(estate)):
        assert time.monotonic() < deadline, log[-3000:]
        time.sleep(1)
    assert "forbidden" not in log, log[-3000:]


@pytest.mark.usefixtures("pulumi")
def test_a_deployer_may_change_its_environment_and_nothing_else(estate: Estate) -> None:
    def may(question: str, namespace: str) -> bool:
        account = f"--as=system:serviceaccount:arc-runners:deployer-{ENVIRONMENT}"
        return kubectl(estate, "auth", "can-i", *question.split(), "--namespace", namespace, account, check=False).strip() == "yes"

    asked = {
        ("create deployments.apps", ENVIRONMENT): True,
        ("patch secrets", ENVIRONMENT): True,
        ("delete jobs.batch", ENVIRONMENT): True,
        ("get pods --subresource=log", ENVIRONMENT): True,
        (f"patch namespaces/{ENVIRONMENT}", ENVIRONMENT): True,
        (f"delete namespaces/{ENVIRONMENT}", ENVIRONMENT): False,
        ("create pods", ENVIRONMENT): False,
        ("create pods --subresource=exec", ENVIRONMENT): False,
        ("create serviceaccounts --subresource=token", ENVIRONMENT): False,
        ("create rolebindings.rbac.authorization.k8s.io", ENVIRONMENT): False,
        ("patch roles.rbac.authorization.k8s.io", ENVIRONMENT): False,
        ("get secrets", "arc-runners"): False,
        ("create deployments.apps", "default"): False,
        ("patch namespaces/default", "default"): False,
        ("create namespaces", "default"): False,
        ("list nodes", "default"): False,
    }
    assert {question: may(*question) for question in asked} == asked


def test_all_of_it_goes_again_and_nothing_hangs(estate: Estate, pulumi: Pulumi) -> None:
    pulumi("destroy", "--yes", "--skip-preview")
    left = kubectl(estate, "get", "namespaces", "--output", "name").split()
    assert "namespace/arc-runners" not in left
    assert "namespace/arc-systems" not in left
    assert f"namespace/{ENVIRONMENT}" in left, "an environment's namespace stays"
