"""The end-to-end tests type what a person would type, in the trial estate's copy of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.estate import Estate
from tests.e2e.outside import Outside

SECOND = "beside"
"""The environment beside the first one (the fixture `second`)."""


@cache
def shell_of(checkout: Path) -> dict[str, str]:
    """The variables of a shell in which `eval "$(./hs env)"` was typed, once: they stay the same as long as the estate is there."""
    words = ["sh", "-c", 'eval "$(./hs env)"; env -0']
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=True, timeout=60)
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal in a checkout."""

    checkout: Path

    def types(
        self,
        *words: str,
        expect: int = 0,
        input: str | None = None,  # noqa: A002 - the word that subprocess.run uses
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command and return what it printed; fails when its exit code is not the expected one."""
        done = subprocess.run(words, cwd=self.checkout, input=input, capture_output=True, text=True, check=False, timeout=900, env=env)
        output = done.stdout + done.stderr
        assert done.returncode == expect, f"{' '.join(words)} ended with {done.returncode}:\n{output[-6000:]}"
        return output

    def status(self, environment: str = "kind", *, expect: int = 0) -> dict[str, Any]:
        """`./hs status --json`, read."""
        done = subprocess.run(["./hs", "status", environment, "--json"], cwd=self.checkout, capture_output=True, text=True, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def kubectl(self, *words: str, expect: int = 0) -> str:
        """kubectl as `eval "$(./hs env)"` gives it."""
        return self.types("kubectl", *words, expect=expect, env=shell_of(self.checkout))

    def write(self, path: str, content: str) -> Path:
        """Write a file of the checkout."""
        target = self.checkout / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        return target

    def read_yaml(self, path: str) -> dict[str, Any]:
        """A YAML file of the checkout."""
        found: dict[str, Any] = yaml.safe_load((self.checkout / path).read_text())
        return found


@pytest.fixture(scope="session")
def person() -> Person:
    """A person in the trial estate's checkout."""
    folder = os.environ.get("HS_TEST_CHECKOUT")
    if not folder:
        pytest.fail("HS_TEST_CHECKOUT must name the checkout of an estate that is up: run ./hs test")
    return Person(Path(folder))


@pytest.fixture(scope="session")
def outside(person: Person) -> Outside:
    """What lies outside the trial estate."""
    return Outside(Estate.load(person.checkout))


@pytest.fixture(scope="session")
def second(person: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person in a checkout of their own, whose small environment runs beside `kind` until the session ends. It has no public name."""
    from tests.e2e.releases import small_product  # that module needs Person

    found = small_product(person, tmp_path_factory.mktemp(SECOND) / "checkout", SECOND)
    catalogue = found.read_yaml("catalogue.yaml")
    catalogue["uis"] = {name: {"calls": ui["calls"]} for name, ui in catalogue["uis"].items()}
    found.write("catalogue.yaml", yaml.safe_dump(catalogue))
    shell = shell_of(found.checkout)
    found.types("pulumi", "stack", "select", "--create", SECOND, env=shell)
    found.types("pulumi", "up", "--yes", "--skip-preview", "--stack", SECOND, env=shell)
    assert found.status(SECOND)["healthy"] is True
    yield found
    found.types("./hs", "destroy", SECOND, "--yes")
    found.kubectl("delete", "namespace", SECOND)


@pytest.fixture
def unchanged(person: Person) -> Iterator[None]:
    """After the test the checkout is as it was, and the environment follows it again."""
    files = ("catalogue.yaml", "Pulumi.kind.yaml")
    before = {name: (person.checkout / name).read_text() for name in files}
    scripts = set((person.checkout / "migrations").rglob("*"))
    yield
    for name, text in before.items():
        (person.checkout / name).write_text(text)
    for path in set((person.checkout / "migrations").rglob("*")) - scripts:
        if path.is_file():
            path.unlink()
