"""What the tests of releases need: commits and tags as a person makes them, images with a version, and visitors who never stop."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.estate import Estate
from local.registry.push import push
from local.trial import commit_all
from ops.process import run
from tests.e2e.conftest import Person
from tests.e2e.outside import Outside

ENVIRONMENT = "highstreetly:environment"
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Platform:
    """The checkout of somebody who releases, and the estate's registry."""

    person: Person
    estate: Estate
    stack: str = "kind"

    @property
    def file(self) -> str:
        """The stack file."""
        return f"Pulumi.{self.stack}.yaml"

    def change(self, **environment: Any) -> None:
        """Set keys of the stack file's environment."""
        content = self.person.read_yaml(self.file)
        content["config"][ENVIRONMENT].update(environment)
        self.person.write(self.file, yaml.safe_dump(content, sort_keys=False))

    def run_image(self, service: str, image: str) -> None:
        """Say in the stack file which image a service runs."""
        services = self.person.read_yaml(self.file)["config"][ENVIRONMENT].get("services", {})
        self.change(services={**services, service: {**services.get(service, {}), "image": image}})

    def git(self, *words: str) -> str:
        """git in the checkout."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        return run(["git", *identity, *words], cwd=self.person.checkout).stdout.strip()

    def commit(self, message: str, tag: str = "") -> str:
        """Commit everything, tag it, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

    def push_image(self, name: str, content: str, *, instead: str = "") -> str:
        """Put a version of the reference service into the registry and return its digest; ``instead`` is what it does and not serve."""
        reference = yaml.safe_load(self.estate.local_settings.read_text())["environment"]["images"]["service"]
        lines = [f"FROM {reference}", f"LABEL ly.highstreet.test={content}"]
        lines += [f"ENTRYPOINT {json.dumps(['/service', *instead.split()])}"] if instead else []
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
            run(["docker", "build", "--quiet", "--tag", name, folder], env={"DOCKER_BUILDKIT": "0"})
        return push(self.estate, name, name)

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment's spec as the cluster has it."""
        found: dict[str, Any] = json.loads(self.person.kubectl("get", "deployment", name, "--namespace", self.stack, "--output", "json"))[
            "spec"
        ]
        return found

    def image_of(self, name: str) -> str:
        """The image that a deployment asks for."""
        return str(self.deployment(name)["template"]["spec"]["containers"][0]["image"])

    def deployments(self) -> list[str]:
        """The names of the deployments."""
        form = "jsonpath={.items[*].metadata.name}"
        return self.person.kubectl("get", "deployments", "--namespace", self.stack, "--output", form).split()

    def history(self) -> list[dict[str, Any]]:
        """`./hs history --json`: the releases, newest first."""
        found: list[dict[str, Any]] = json.loads(self.output("./hs", "history", self.stack, "--json"))["releases"]
        return found

    def output(self, *words: str) -> str:
        """What a command prints on standard output alone."""
        done = subprocess.run(words, cwd=self.person.checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def small_product(person: Person, checkout: Path, stack: str, **config: Any) -> Person:
    """A checkout of its own, committed, whose product is two contexts and two UIs, with one environment on the trial estate."""
    shutil.copytree(person.checkout, checkout, symlinks=True, ignore=shutil.ignore_patterns(".git", "node_modules"))
    small = Person(checkout)
    contexts = {"orders": {"api": {}}, "payments": {"api": {}, "receiver": {"subscribes_to": ["orders"]}}}
    uis = {name: {"calls": ["orders", "payments"], "ingress": {}} for name in ("shop", "dashboard")}
    small.write("catalogue.yaml", yaml.safe_dump({"contexts": contexts, "uis": uis}))
    for folder in (checkout / "migrations").iterdir():
        if folder.name not in (*contexts, "common"):
            shutil.rmtree(folder)
    kind = small.read_yaml("Pulumi.kind.yaml")
    settings = kind["config"][ENVIRONMENT] | {"domain": f"{stack}.highstreet.localhost", "services": {}}
    content = {"highstreetly:estate": "local", **config, ENVIRONMENT: settings}
    small.write(f"Pulumi.{stack}.yaml", yaml.safe_dump({"config": content, "encryptionsalt": kind["encryptionsalt"]}))
    commit_all(checkout)
    return small


@dataclass
class Visitors:
    """Somebody who asks for the shop and its API all the time, each time over a new connection."""

    outside: Outside
    answered: int = 0
    failed: list[str] = field(default_factory=list)

    def ask(self) -> None:
        """One visit: the page, and an answer of a service behind it."""
        for path in ("/", "/api/orders/health/live"):
            try:
                status = self.outside.ask("shop.highstreet.localhost", path).status
            except (OSError, ssl.SSLError, httpx.HTTPError) as error:
                self.failed.append(f"{path}: {error!r}")
                continue
            if status == httpx.codes.OK:
                self.answered += 1
            else:
                self.failed.append(f"{path}: {status}")


@contextmanager
def visitors(outside: Outside) -> Iterator[Visitors]:
    """Visitors for as long as the body runs; it fails at the end when one of them was turned away."""
    found, done = Visitors(outside), threading.Event()

    def come() -> None:
        while not done.wait(PAUSE_SECONDS):
            found.ask()

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
    assert found.failed == []
    assert found.answered > 0
