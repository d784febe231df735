"""Runner pods in the local cluster: one waits for each environment, takes one run and is replaced, as actions-runner-controller does it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.errors import PlatformError
from ops.process import run

IMAGE = "highstreetly/deploy-runner:1"
"""As in the values of the production cluster's runner scale sets; locally every node has it."""
HOSTED = "ubuntu-24.04"
"""The runner in place of GitHub's own machines, for tags of no environment: without rights and without credentials."""
NAMESPACE = "arc-runners"
KUBECTL = ("kubectl", "--namespace", NAMESPACE)
ENVIRONMENT_LABEL, STATE_LABEL = "ly.highstreet.environment", "ly.highstreet.runner"
IDLE, BUSY = "idle", "busy"
SETTINGS_FOLDER = "/etc/highstreetly"
USER = 1001
"""`runner` in the image, as in GitHub's own."""
READY_SECONDS = 60
GRACE_SECONDS = 1
MEMORY_REQUEST, MEMORY_LIMIT = "512Mi", "2Gi"


def ensure(runners: Path, environment: str, variables: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Have a warm runner for an environment, with ``variables`` in its environment and ``files`` in /etc/highstreetly.

    ``runners`` is the folder where its description is kept, from which every later pod is made. One that waits with anything else is
    replaced. The namespace and the service account `deployer-<environment>` must be there; raises PlatformError where the pod is refused.
    """
    _apply({"apiVersion": "v1", "kind": "List", "items": [
        _secret(variables_secret(environment), environment, variables),
        _secret(files_secret(environment), environment, files),
    ]})  # fmt: skip
    runners.mkdir(exist_ok=True)
    (runners / f"{environment}.json").write_text(json.dumps(pod(environment), indent=1) + "\n")
    run([*KUBECTL, "delete", "pods", "--selector", waiting(environment), "--wait"])
    _start(runners, environment)


def claim(runners: Path, environment: str) -> str:
    """Take the environment's waiting pod, or a new one where none waits, and return its name once it runs.

    Pods that an earlier run left at work are removed first: its process is dead, and one environment has one run at a time.
    Raises PlatformError for an environment without a runner, and when the pod does not start.
    """
    if not is_described(runners, environment):
        raise PlatformError(
            f"No runner answers to {label(environment)}.",
            remedy="push a tag of an environment that has one; ./hs github starts that of dev",
        )
    found = json.loads(run([*KUBECTL, "get", "pods", "--selector", f"{ENVIRONMENT_LABEL}={environment}", "--output", "json"]).stdout)
    living = [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
    idle = [
        pod for pod in living if pod["metadata"]["labels"][STATE_LABEL] == IDLE and pod["status"].get("phase") in ("Pending", "Running")
    ]
    left = [pod["metadata"]["name"] for pod in living if pod not in idle]
    if left:
        run([*KUBECTL, "delete", "pod", *left, "--wait"])
    name = str(idle[0]["metadata"]["name"]) if idle else _start(runners, environment)
    if not idle or not is_ready(idle[0]):
        _wait_until_ready(name)
    run([*KUBECTL, "label", "pod", name, f"{STATE_LABEL}={BUSY}", "--overwrite"])
    return name


def renew(runners: Path, environment: str, name: str) -> None:
    """Remove a pod that has had its run, and start the next."""
    run([*KUBECTL, "delete", "pod", name, "--wait=false"], check=False)
    _start(runners, environment)


def remove(runners: Path, environment: str) -> None:
    """Take the environment's runner away: pods, secrets and description."""
    (runners / f"{environment}.json").unlink(missing_ok=True)
    selector = f"{ENVIRONMENT_LABEL}={environment}"
    run([*KUBECTL, "delete", "pods,secrets", "--selector", selector, "--ignore-not-found", "--wait"], check=False)


def label(environment: str) -> str:
    """What a workflow's `runs-on` says to be run by the runner of an environment."""
    return HOSTED if environment == HOSTED else f"highstreetly-{environment}"


def waiting(environment: str) -> str:
    """The label selector of the environment's pods that wait for a run."""
    return f"{ENVIRONMENT_LABEL}={environment},{STATE_LABEL}={IDLE}"


def is_described(runners: Path, environment: str) -> bool:
    """Whether there is a runner for an environment."""
    return (runners / f"{environment}.json").exists()


def is_ready(found: Mapping[str, Any]) -> bool:
    """Whether a pod can be executed in."""
    conditions = found["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def variables_secret(environment: str) -> str:
    """The Secret with the runner's environment variables."""
    return f"runner-{environment}"


def files_secret(environment: str) -> str:
    """The Secret with the files in /etc/highstreetly."""
    return f"runner-{environment}-files"


def pod(environment: str) -> dict[str, Any]:
    """The pod, without a name: no secret in it, so that its description can be kept and shown."""
    container = {
        "name": "runner",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "envFrom": [{"secretRef": {"name": variables_secret(environment)}}],
        "volumeMounts": [{"name": "files", "mountPath": SETTINGS_FOLDER, "readOnly": True}],
        "resources": {"requests": {"cpu": "100m", "memory": MEMORY_REQUEST}, "limits": {"memory": MEMORY_LIMIT}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": NAMESPACE, "labels": {ENVIRONMENT_LABEL: environment, STATE_LABEL: IDLE}},
        "spec": {
            "serviceAccountName": "default" if environment == HOSTED else f"deployer-{environment}",
            "automountServiceAccountToken": environment != HOSTED,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "files", "secret": {"secretName": files_secret(environment), "defaultMode": 0o440}}],
            "containers": [container],
        },
    }


def _secret(name: str, environment: str, content: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {ENVIRONMENT_LABEL: environment}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(content)}


def _start(runners: Path, environment: str) -> str:
    """Start a pod from the kept description and return its name; it is on its way then."""
    description = json.loads((runners / f"{environment}.json").read_text())
    name = f"runner-{environment}-{secrets.token_hex(3)}"
    description["metadata"]["name"] = name
    _apply(description)
    return name


def _apply(objects: Mapping[str, Any]) -> None:
    """Hand objects to the cluster over standard input: no secret is in an argument list."""
    run(
        [*KUBECTL, "apply", "--server-side", "--field-manager=local-github", "--force-conflicts", "--filename", "-"],
        input=json.dumps(objects),
        what="The runner's objects were refused by the cluster.",
        remedy=f"kubectl get namespace {NAMESPACE}; kubectl --namespace {NAMESPACE} get serviceaccounts",
    )


def _wait_until_ready(name: str) -> None:
    run(
        [*KUBECTL, "wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={READY_SECONDS}s"],
        what=f"The runner {name} did not start within {READY_SECONDS} s.",
        remedy=f"kubectl --namespace {NAMESPACE} describe pod {name}",
    )


__all__ = [
    "HOSTED",
    "IMAGE",
    "NAMESPACE",
    "SETTINGS_FOLDER",
    "claim",
    "ensure",
    "is_described",
    "is_ready",
    "label",
    "pod",
    "remove",
    "renew",
    "waiting",
]
