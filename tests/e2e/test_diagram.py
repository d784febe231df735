"""The picture of an environment shows what really runs, and marks what does not."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import SECOND, Person
from tests.e2e.outside import Outside
from tests.e2e.test_recovery import DatabaseMachine, wait_until_healthy

pytestmark = pytest.mark.usefixtures("second")

SVG = "{http://www.w3.org/2000/svg}"
KIND = ("--namespace", "kind")


class Drawn:
    """A picture, read: its boxes with their kinds, and what its arrows say."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        self.boxes: dict[str, set[str]] = {}
        kind = ""
        for element in root.iter():
            if element.tag == f"{SVG}rect" and "box" in (element.get("class") or "").split():
                kind = (element.get("class") or "").replace("box", "").strip()
            elif element.tag == f"{SVG}text" and kind:
                self.boxes.setdefault(kind, set()).add(element.text or "")
                kind = ""
        self.arrows = {title.text or "" for title in root.iter(f"{SVG}title")}

    def said(self, form: str) -> set[tuple[str, ...]]:
        """What the arrows of a form connect."""
        return {found.groups() for arrow in self.arrows if (found := re.fullmatch(form, arrow))}


def drawn(person: Person, folder: Path, *words: str) -> Drawn:
    """`./hs diagram kind`."""
    person.types("./hs", "diagram", "kind", "--output", str(folder), *words)
    return Drawn(folder / "kind.svg")


def names_of(person: Person, kind: str, path: str = "{.metadata.name}") -> set[str]:
    """The names of all objects of a kind in the namespace, or what stands elsewhere in them."""
    return set(person.kubectl("get", kind, *KIND, "--output", f'jsonpath={{range .items[*]}}{path}{{"\\n"}}{{end}}').split())


@pytest.fixture
def picture(person: Person, tmp_path: Path) -> Drawn:
    """The environment's."""
    return drawn(person, tmp_path)


def test_workloads_databases_and_names_are_those_that_run(person: Person, outside: Outside, picture: Drawn) -> None:
    boxes = picture.boxes
    assert boxes["ui"] | boxes["api"] | boxes["receiver"] == names_of(person, "deployments")
    assert boxes["outside"] == names_of(person, "ingresses", "{.spec.rules[0].host}")
    databases = {name for name in DatabaseMachine(outside).databases() if name.startswith("kind_")}
    assert boxes["database"] == databases
    assert picture.said(r"(\S+-api) keeps its data in (\S+)") == {(f"{name.removeprefix('kind_')}-api", name) for name in databases}


def test_events_travel_as_the_broker_has_them_bound(outside: Outside, picture: Drawn) -> None:
    words = ["rabbitmqctl", "--quiet", "list_bindings", "--vhost", "kind", "--formatter", "json", "source_name", "destination_name"]
    command = ["docker", "exec", outside.estate.container("rabbitmq"), *words]
    bindings = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    bound = {(found["destination_name"], found["source_name"]) for found in bindings if found["source_name"].endswith(".events")}
    drawn_as = picture.said(r"(\S+)-receiver consumes (\S+)")
    assert {(f"{receiver}.inbox", exchange) for receiver, exchange in drawn_as} == bound


def test_who_may_call_whom_is_what_the_network_lets_through(person: Person, picture: Drawn) -> None:
    policies = json.loads(person.kubectl("get", "networkpolicies", *KIND, "--output", "json"))["items"]
    allowed = {
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"], policy["metadata"]["name"])
        for policy in policies
        for rule in policy["spec"].get("ingress") or ()
        for peer in rule.get("from") or ()
        if "namespaceSelector" not in peer
    }
    assert picture.said(r"(\S+) calls (\S+)") == allowed


def test_another_environment_has_a_picture_of_its_own(second: Person, tmp_path: Path) -> None:
    second.types("./hs", "diagram", SECOND, "--output", str(tmp_path))
    boxes = Drawn(tmp_path / f"{SECOND}.svg").boxes
    running = second.kubectl("get", "deployments", "--namespace", SECOND, "--output", "jsonpath={.items[*].metadata.name}").split()
    assert boxes["ui"] | boxes["api"] | boxes["receiver"] == set(running)
    assert "outside" not in boxes


def test_what_is_not_healthy_is_marked(person: Person, tmp_path: Path) -> None:
    assert "bad" not in drawn(person, tmp_path, "--live").boxes
    person.kubectl("scale", "deployment/shops-receiver", "--replicas=0", *KIND)
    try:
        assert drawn(person, tmp_path, "--live").boxes["bad"] == {"shops-receiver"}
    finally:
        person.kubectl("scale", "deployment/shops-receiver", "--replicas=1", *KIND)
        wait_until_healthy(person)
