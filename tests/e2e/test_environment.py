"""One environment on a real cluster: up, working, changed, broken and mended. The tests run in this order, on one estate."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
import yaml

from settings.catalogue import Catalogue
from settings.flows import workload_flows
from tests.e2e.conftest import Person

CONTEXTS = ("identity", "shops", "orders", "payments", "subscriptions")
EVENT_SECONDS = 30


def catalogue(person: Person) -> Catalogue:
    return Catalogue.model_validate(person.read_yaml("catalogue.yaml"))


def call_api(person: Person, service: str, path: str, command: dict[str, Any] | None = None, namespace: str = "kind") -> Any:
    """Ask a service through the API server's proxy, as `kubectl` can."""
    url = f"/api/v1/namespaces/{namespace}/services/{service}:http/proxy{path}"
    if command is None:
        return json.loads(person.kubectl("get", "--raw", url))
    path_of_command = person.write(".artefacts/command.json", json.dumps(command))
    return json.loads(person.kubectl("create", "--raw", url, "--filename", str(path_of_command)))


def place_order(person: Person, namespace: str = "kind") -> str:
    found = call_api(person, "orders-api", "/commands", {"type": "PlaceOrder", "data": {"item": "loaf", "count": 2}}, namespace)
    return str(found["event_id"])


def wait_for_event(person: Person, service: str, event: str, namespace: str = "kind") -> None:
    deadline = time.monotonic() + EVENT_SECONDS
    while time.monotonic() < deadline:
        if event in json.dumps(call_api(person, service, "/read-model", namespace=namespace)):
            return
        time.sleep(0.5)
    pytest.fail(f"{event} did not reach {service} within {EVENT_SECONDS} s")


def can_connect(person: Person, source: str, target: str, port: int, namespace: str = "kind") -> bool:
    """Whether a pod of a service may open a TCP connection."""
    check = ["/service", "check", "tcp", f"{target}:{port}", "--timeout", "2s"]
    words = ["exec", "--namespace", namespace, f"deployment/{source}", "--", *check]
    done = person.types("sh", "-c", 'eval "$(./hs env)"; kubectl "$@" >/dev/null 2>&1; echo "code $?"', "sh", *words)
    return "code 0" in done


def test_up_brings_nine_services_three_uis_and_five_migrated_databases(person: Person) -> None:
    status = person.status()
    assert status["healthy"] is True
    assert len(status["services"]) == 9
    assert [ui["name"] for ui in status["uis"]] == ["shop", "dashboard", "operator"]
    assert {database["name"] for database in status["databases"]} == {f"kind_{context}" for context in CONTEXTS}
    assert all(database["migrated_to"] for database in status["databases"])
    assert status["vhost"] == "kind"


def test_status_says_which_servers_run(person: Person) -> None:
    machines = person.status()["machines"]
    assert machines["postgres"]
    assert machines["rabbitmq"]


def test_an_event_travels_from_one_context_s_api_to_another_s_read_model(person: Person) -> None:
    wait_for_event(person, "payments-api", place_order(person))


def test_a_command_sent_twice_is_one_event(person: Person) -> None:
    command = {"id": str(uuid.uuid4()), "type": "PlaceOrder", "data": {"item": "bun"}}
    first, second = (call_api(person, "orders-api", "/commands", command)["event_id"] for _ in range(2))
    assert first == second
    assert json.dumps(call_api(person, "orders-api", "/events")).count(first) == 1


def test_a_ui_passes_the_api_on_and_shows_its_page(person: Person) -> None:
    page = person.kubectl("get", "--raw", "/api/v1/namespaces/kind/services/shop:http/proxy/")
    assert "<script" in page
    assert call_api(person, "shop", "/config.json")["ui"] == "shop"
    assert place_order_through_the_shop(person)


def place_order_through_the_shop(person: Person) -> str:
    found = call_api(person, "shop", "/api/orders/commands", {"type": "PlaceOrder", "data": {"item": "tart"}})
    wait_for_event(person, "payments-api", str(found["event_id"]))
    return str(found["event_id"])


def test_up_again_changes_nothing(person: Person) -> None:
    output = person.types("./hs", "up")
    assert "unchanged" in output
    for word in ("created", "updated", "deleted", "replaced"):
        assert f" {word}" not in output, output


def test_pulumi_by_hand_needs_only_the_documented_variables(person: Person) -> None:
    command = 'eval "$(./hs env)"; exec pulumi preview --stack kind --non-interactive --expect-no-changes'
    assert "unchanged" in person.types("sh", "-c", command)


def test_every_flow_that_the_catalogue_implies_works(person: Person) -> None:
    flows = [flow for flow in workload_flows(catalogue(person)) if flow.source.endswith("-api")]
    assert flows
    for flow in flows:
        assert can_connect(person, flow.source, flow.target, 80), flow


def test_a_flow_that_the_catalogue_does_not_imply_is_refused_by_the_network(person: Person) -> None:
    assert not can_connect(person, "identity-api", "orders-api", 80)
    assert not can_connect(person, "orders-receiver", "orders-api", 80)
    kubernetes = person.kubectl("get", "service", "kubernetes", "--namespace", "default", "--output", "jsonpath={.spec.clusterIP}")
    assert not can_connect(person, "orders-api", kubernetes.strip(), 443)


def test_the_data_machines_answer_services_on_their_one_port_only(person: Person) -> None:
    postgres, rabbitmq = (person_address(person, machine) for machine in ("postgres", "rabbitmq"))
    assert can_connect(person, "orders-api", postgres, 5432)
    assert can_connect(person, "orders-api", rabbitmq, 5671)
    assert not can_connect(person, "orders-api", postgres, 22)
    assert not can_connect(person, "orders-api", rabbitmq, 15671)


def person_address(person: Person, machine: str) -> str:
    subnet: str = person.read_yaml("local/estate.yaml")["subnet"]
    return subnet.rsplit(".", 1)[0] + {"postgres": ".10", "rabbitmq": ".11"}[machine]


def test_logs_are_json_lines_of_the_service(person: Person) -> None:
    lines = [line for line in person.types("./hs", "logs", "orders-api").splitlines() if "{" in line]
    assert lines
    assert all(json.loads(line[line.index("{") :]) for line in lines)


@pytest.mark.usefixtures("unchanged")
def test_a_new_migration_is_picked_up_by_its_file_alone(person: Person) -> None:
    person.write("migrations/shops/V90__opening_hours.sql", "CREATE TABLE opening_hours (day int PRIMARY KEY, opens time);\n")
    person.types("./hs", "up")
    databases = {database["name"]: database["migrated_to"] for database in person.status()["databases"]}
    assert databases["kind_shops"] == "90"
    assert databases["kind_orders"] != "90"


@pytest.mark.usefixtures("unchanged")
def test_a_broken_migration_stops_the_rollout_and_the_old_version_serves_on(person: Person) -> None:
    person.write(
        "migrations/payments/V91__broken.sql",
        "CREATE TABLE fees (id int);\nALTER TABLE fees ADD COLUMN amount numeric REFERENCES nowhere;\n",
    )
    output = person.types("./hs", "up", expect=1)
    assert "V91__broken.sql" in output
    assert "line 2" in output
    assert 'relation "nowhere" does not exist' in output
    wait_for_event(person, "payments-api", place_order(person))


@pytest.mark.usefixtures("unchanged")
def test_after_the_script_is_corrected_the_same_command_continues(person: Person) -> None:
    person.write("migrations/payments/V91__fees.sql", "CREATE TABLE fees (id int);\n")
    person.types("./hs", "up")
    assert {"name": "kind_payments", "migrated_to": "91"} in person.status()["databases"]


@pytest.mark.usefixtures("unchanged")
def test_an_edited_script_is_refused(person: Person) -> None:
    person.write("migrations/shops/V90__opening_hours.sql", "CREATE TABLE opening_hours (day int PRIMARY KEY, opens time);\n")
    person.write("migrations/payments/V91__fees.sql", "CREATE TABLE fees (id bigint);\n")
    output = person.types("./hs", "up", expect=1)
    assert "version 91 was edited after it had been applied" in output
    wait_for_event(person, "payments-api", place_order(person))


@pytest.mark.usefixtures("unchanged")
def test_a_mistake_in_the_configuration_touches_nothing(person: Person) -> None:
    changed = person.read_yaml("catalogue.yaml")
    changed["contexts"]["orders"]["api"]["calls"] = ["shop"]
    person.write("catalogue.yaml", yaml.safe_dump(changed))
    output = person.types("./hs", "up", expect=2)
    assert "catalogue.yaml: contexts.orders.api.calls: there is no context 'shop'; did you mean shops?" in output


@pytest.mark.usefixtures("unchanged")
def test_an_image_that_does_not_exist_is_named_and_the_old_one_serves(person: Person) -> None:
    stack = person.read_yaml("Pulumi.kind.yaml")
    stack["config"]["highstreetly:environment"]["services"] = {"orders-api": {"image": "highstreetly/orders-api:nowhere"}}
    person.write("Pulumi.kind.yaml", yaml.safe_dump(stack))
    output = person.types("./hs", "up", expect=1)
    assert "its image cannot be had: highstreetly/orders-api:nowhere" in output
    wait_for_event(person, "payments-api", place_order(person))
