"""What somebody changed by hand is found, named and left alone, until a deploy puts it back. The tests run in this order."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import SECOND, Person
from tests.e2e.outside import TIMEOUT_SECONDS, Outside
from tests.e2e.test_environment import person_address
from tests.e2e.test_growing import secrets_of

pytestmark = pytest.mark.usefixtures("second")

BY_HAND = "highstreetly/reference-service:by-hand"
USAGE_AND_CREATE = "GRANT CREATE ON SCHEMA public TO kind_orders_app"
NO_CONNECT = "REVOKE CONNECT ON DATABASE kind_shops FROM kind_shops_app"
INTRUDER = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "intruder"}}}
LET_IN = [{"op": "add", "path": "/spec/ingress/0/from/-", "value": INTRUDER}]
FOREIGN = "GRANT SELECT ON events TO kind_shops_app"
LOOKS_WITHOUT_A_CHANGE = int(os.environ.get("HS_TEST_LOOKS", "5"))
"""How often nothing may be found where nothing changed; HS_TEST_LOOKS=20 takes three minutes."""
NOT_FOREIGN = "REVOKE SELECT ON events FROM kind_shops_app"


def drift(person: Person, *, expect: int) -> list[dict[str, Any]]:
    """`./hs drift kind --json`, read."""
    output = person.types("./hs", "drift", "kind", "--json", expect=expect)
    found: dict[str, Any] = json.loads(output[output.index('{\n  "environment"') : output.rindex("}") + 1])
    assert found["drifted"] is bool(expect)
    drifted: list[dict[str, Any]] = found["drift"]
    return drifted


def in_database(outside: Outside, database: str, statement: str) -> None:
    """Type a statement into psql on the data machine."""
    machine = outside.estate.container("postgres")
    words = ["docker", "exec", "--user", "postgres", machine, "psql", "--dbname", database, "--command", statement]
    subprocess.run(words, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)


def set_permission(person: Person, write: str) -> None:
    """Overwrite what the broker user of orders may do, as the management page does."""
    url = f"https://{person_address(person, 'rabbitmq')}:15671/api/permissions/kind/kind_orders"
    password = (secrets_of() / "rabbitmq_admin_password").read_text().strip()
    trusted = ssl.create_default_context(cafile=str(secrets_of() / "ca.crt"))
    with httpx.Client(verify=trusted, auth=("platform", password), timeout=TIMEOUT_SECONDS) as client:
        permission = client.get(url).raise_for_status().json()
        client.put(url, json={key: permission[key] for key in ("configure", "read")} | {"write": write}).raise_for_status()


def set_record(outside: Outside, value: str) -> None:
    """Let the shop's name lead elsewhere, as DigitalOcean's control panel does."""
    [record] = outside.records("shop")
    url = f"{outside.api}/v2/domains/{outside.zone}/records/{record['id']}"
    token = outside.estate.secrets.digitalocean_token
    answer = httpx.put(url, json={"data": value}, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()


def change_by_hand(person: Person, outside: Outside) -> None:
    """Everything that the tests below look for."""
    kind = ("--namespace", "kind")
    person.kubectl("scale", "deployment/orders-api", "--replicas=2", *kind)
    person.kubectl("set", "image", "deployment/payments-api", f"*={BY_HAND}", *kind)
    person.kubectl("set", "env", "deployment/shops-api", "CONTEXT=by-hand", "DEBUG=1", *kind)
    person.kubectl("delete", "networkpolicy", "orders-receiver", *kind)
    person.kubectl("label", "service/shops-api", "by-hand=yes", *kind)
    person.kubectl("patch", "networkpolicy", "payments-api", "--type=json", f"--patch={json.dumps(LET_IN)}", *kind)
    set_record(outside, "127.0.0.9")
    in_database(outside, "kind_orders", USAGE_AND_CREATE)
    in_database(outside, "kind_shops", NO_CONNECT)
    in_database(outside, "kind_orders", FOREIGN)
    set_permission(person, ".*")


@pytest.fixture(scope="module")
def drifted(person: Person, outside: Outside) -> Iterator[list[dict[str, Any]]]:
    """What is found after changes by hand; afterwards all is as it was deployed."""
    try:
        change_by_hand(person, outside)
        yield drift(person, expect=1)
    finally:
        put_back(person, outside)


def put_back(person: Person, outside: Outside) -> None:
    """What somebody added goes by hand, the rest with a deploy that looks first."""
    in_database(outside, "kind_orders", NOT_FOREIGN)
    person.kubectl("set", "env", "deployment/shops-api", "DEBUG-", "--namespace", "kind")
    person.kubectl("label", "service/shops-api", "by-hand-", "--namespace", "kind")
    person.types("./hs", "up", "kind", "--refresh")


def difference(found: list[dict[str, Any]], kind: str, owner: str, field: str) -> tuple[str, str, str]:
    """The old and the new value of an object's field, and who wrote it."""
    [one] = [one for one in found if one["kind"] == kind and one["owner"] == owner and one["drift"] == "changed"]
    [value] = [value for value in one["fields"] if value["name"] == field]
    return value["old"], value["new"], value["by"].partition(" at ")[0]


def test_an_untouched_environment_has_no_drift(person: Person) -> None:
    for _ in range(LOOKS_WITHOUT_A_CHANGE):
        assert drift(person, expect=0) == []


def test_every_change_by_hand_is_found_and_nothing_else(drifted: list[dict[str, Any]]) -> None:
    assert sorted((one["kind"], one["owner"], one["drift"]) for one in drifted) == [
        ("Deployment", "orders-api", "changed"),
        ("Deployment", "payments-api", "changed"),
        ("Deployment", "shops-api", "changed"),
        ("DnsRecord", "shop.highstreet.localhost", "changed"),
        ("Grant", "orders", "changed"),
        ("Grant", "shops", "changed"),
        ("NetworkPolicy", "orders-receiver", "missing"),
        ("NetworkPolicy", "payments-api", "changed"),
        ("Permissions", "orders", "changed"),
        ("Right", "orders", "changed"),
        ("Service", "shops-api", "changed"),
    ]


def test_an_edited_deployment_is_told_with_who_edited_it(drifted: list[dict[str, Any]]) -> None:
    assert difference(drifted, "Deployment", "orders-api", "replicas") == ("1", "2", "kubectl")
    before, after, by = difference(drifted, "Deployment", "payments-api", "image")
    assert before.startswith("highstreetly/")
    assert (after, by) == (BY_HAND, "kubectl-set")
    assert difference(drifted, "Deployment", "shops-api", "env CONTEXT") == ("shops", "by-hand", "kubectl-set")
    assert difference(drifted, "Deployment", "shops-api", "env DEBUG") == ("", "1", "kubectl-set")


def test_a_record_a_grant_and_a_permission_are_told_with_old_and_new(drifted: list[dict[str, Any]], outside: Outside) -> None:
    address = str(outside.estate.file.loopback)
    assert difference(drifted, "DnsRecord", "shop.highstreet.localhost", "value") == (address, "127.0.0.9", "")
    assert difference(drifted, "Grant", "orders", "privileges") == ("USAGE", "CREATE, USAGE", "")
    assert difference(drifted, "Grant", "shops", "privileges") == ("CONNECT", "none", "")
    assert difference(drifted, "Permissions", "orders", "permissions.write") == (r"^orders\.", ".*", "")
    assert difference(drifted, "Right", "orders", "privileges") == ("", "SELECT", "")


def generations(person: Person) -> dict[str, int]:
    """How often each deployment was changed."""
    form = r'jsonpath={range .items[*]}{.metadata.name} {.metadata.generation}{"\n"}{end}'
    lines = person.kubectl("get", "deployments", "--namespace", "kind", "--output", form).splitlines()
    return {name: int(number) for name, number in map(str.split, filter(None, lines))}


@pytest.mark.usefixtures("drifted")
def test_looking_changes_nothing(person: Person, outside: Outside, drifted: list[dict[str, Any]]) -> None:
    assert drift(person, expect=1) == drifted
    assert [record["data"] for record in outside.records("shop")] == ["127.0.0.9"]
    scaled = person.kubectl("get", "deployment", "orders-api", "--namespace", "kind", "--output", "jsonpath={.spec.replicas}")
    assert scaled.strip() == "2"


@pytest.mark.usefixtures("drifted")
def test_another_environment_has_not_drifted(second: Person) -> None:
    assert f"{SECOND} is as it was deployed." in second.types("./hs", "drift", SECOND)


@pytest.mark.usefixtures("drifted")
def test_a_person_reads_it_in_a_line_for_each_object(person: Person, outside: Outside) -> None:
    output = person.types("./hs", "drift", "kind", expect=1)
    assert "orders-api: replicas 2 instead of 1 (by kubectl" in output
    assert "orders-receiver: NetworkPolicy is missing" in output
    assert f"shop.highstreet.localhost: DNS record: value 127.0.0.9 instead of {outside.estate.file.loopback}" in output


@pytest.mark.usefixtures("drifted")
def test_exactly_what_differs_is_restored_after_asking(person: Person, outside: Outside) -> None:
    before = generations(person)
    assert "Interrupted" in person.types("./hs", "drift", "kind", "--fix", expect=130, input="n\n")
    assert generations(person) == before
    assert "kind is as it was deployed." in person.types("./hs", "drift", "kind", "--fix", "--yes")
    touched = {name for name, generation in generations(person).items() if generation != before[name]}
    assert touched == {"orders-api", "payments-api", "shops-api"}
    assert [record["data"] for record in outside.records("shop")] == [str(outside.estate.file.loopback)]
    assert person.status()["healthy"] is True
