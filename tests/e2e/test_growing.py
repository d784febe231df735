"""Growing by YAML alone, a developer's own image, a second environment beside the first, and taking things away again."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml

from tests.e2e.conftest import Person
from tests.e2e.test_environment import call_api, can_connect, person_address, place_order, wait_for_event

SECOND = "second"


def second_stack(person: Person) -> None:
    """A second environment: one stack file, derived from the first's."""
    stack = person.read_yaml("Pulumi.kind.yaml")
    stack["config"].pop("highstreetly:cluster")
    stack["config"].pop("encryptionsalt", None)
    stack["config"]["highstreetly:environment"]["domain"] = "second.highstreet.localhost"
    person.write(f"Pulumi.{SECOND}.yaml", yaml.safe_dump({"config": stack["config"]}))


@pytest.mark.usefixtures("unchanged")
def test_a_new_context_is_an_entry_in_the_catalogue(person: Person) -> None:
    changed = person.read_yaml("catalogue.yaml")
    changed["contexts"]["loyalty"] = {"api": {"calls": ["identity"]}, "receiver": {"subscribes_to": ["orders"]}}
    person.write("catalogue.yaml", yaml.safe_dump(changed))
    person.types("./hs", "up")
    status = person.status()
    assert {"loyalty-api", "loyalty-receiver"} <= {service["name"] for service in status["services"] if service["ready"]}
    wait_for_event(person, "loyalty-api", place_order(person))


def test_a_context_that_left_the_catalogue_is_gone(person: Person) -> None:
    person.types("./hs", "up")
    names = person.kubectl("get", "deployments", "--namespace", "kind", "--output", "name")
    assert "loyalty" not in names
    assert "orders-api" in names


def test_a_developer_s_own_image_runs_as_one_service_and_back(person: Person) -> None:
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    before = person.kubectl("get", "deployment/orders-api", "--namespace", "kind", "--output", image)
    person.types("docker", "tag", before.strip(), "my-orders:dev")
    person.types("./hs", "load", "orders-api", "my-orders:dev")
    assert "highstreetly-local/orders-api:" in person.kubectl("get", "deployment/orders-api", "--namespace", "kind", "--output", image)
    wait_for_event(person, "payments-api", place_order(person))
    person.types("./hs", "load", "orders-api", "--back")
    assert person.kubectl("get", "deployment/orders-api", "--namespace", "kind", "--output", image) == before
    person.types("docker", "rmi", "my-orders:dev")


def test_loading_as_an_unknown_service_names_the_nearest(person: Person) -> None:
    assert "did you mean orders-api?" in person.types("./hs", "load", "order-api", "my-orders:dev", expect=2)


def test_a_second_environment_is_one_stack_file(person: Person) -> None:
    second_stack(person)
    person.types("./hs", "up", SECOND)
    found = {one["environment"]: one for one in json.loads(person.types("./hs", "status", "--json"))["environments"]}
    assert {name: (one["healthy"], one["dead_letters"]) for name, one in found.items()} == {"kind": (True, 0), SECOND: (True, 0)}
    assert len(found[SECOND]["queues"]) == 8
    seen = person.types("./hs", "status")
    assert f"{SECOND} ✓" in seen
    assert "never looked" in seen


def test_all_stacks_at_once_leave_those_alone_that_have_not_changed(person: Person) -> None:
    file = person.checkout / f"Pulumi.{SECOND}.yaml"
    output = person.types("./hs", "up", "--all")
    assert [line for line in output.splitlines() if line.startswith("=")] == ["= kind: unchanged", f"= {SECOND}: unchanged"]
    file.write_text(file.read_text().replace("replicas: 1", "replicas: 0"))
    refused = person.types("./hs", "preview", "--all", expect=1)
    assert "= kind: unchanged" in refused
    assert f"✗ {SECOND}: failed" in refused
    file.write_text(file.read_text().replace("replicas: 0", "replicas: 1"))


def test_the_second_environment_shares_no_data_with_the_first(person: Person) -> None:
    event = place_order(person, SECOND)
    wait_for_event(person, "payments-api", event, SECOND)
    assert event not in json.dumps(call_api(person, "payments-api", "/read-model"))
    assert event not in json.dumps(call_api(person, "orders-api", "/events"))


def test_the_network_keeps_environments_apart(person: Person) -> None:
    shops = person.kubectl("get", "service", "shops-api", "--namespace", SECOND, "--output", "jsonpath={.spec.clusterIP}").strip()
    assert can_connect(person, "orders-api", shops, 80, SECOND)
    assert not can_connect(person, "orders-api", shops, 80, "kind")


def test_destroy_leaves_nothing_of_the_second_environment_but_its_certificates_and_all_of_the_first(person: Person) -> None:
    person.types("./hs", "destroy", SECOND, "--yes")
    kinds = "all,configmaps,secrets,ingresses,certificates,networkpolicies,serviceaccounts,middlewares,resourcequotas,limitranges"
    left = set(person.kubectl("get", kinds, "--namespace", SECOND, "--output", "name").split())
    certificates = {name for name in left if name.startswith("secret/") and name.endswith("-tls")}
    assert len(certificates) == 4
    assert left - certificates == {"configmap/kube-root-ca.crt", "serviceaccount/default"}
    person.kubectl("delete", "namespace", SECOND)
    postgres, rabbitmq = databases_and_roles(person), vhosts_and_users(person)
    assert not [name for name in [*postgres, *rabbitmq] if name.startswith(SECOND)]
    assert "kind_orders" in postgres
    assert "kind" in rabbitmq
    assert person.status("kind")["healthy"] is True


def databases_and_roles(person: Person) -> list[str]:
    password = (secrets_of() / "postgres_admin_password").read_text().strip()
    with psycopg.connect(host=person_address(person, "postgres"), user="platform", password=password, dbname="postgres",
                         sslmode="verify-full", sslrootcert=str(secrets_of() / "ca.crt")) as connection:  # fmt: skip
        return [str(row[0]) for row in connection.execute("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")]


def vhosts_and_users(person: Person) -> list[str]:
    password = (secrets_of() / "rabbitmq_admin_password").read_text().strip()
    context = ssl.create_default_context(cafile=str(secrets_of() / "ca.crt"))
    url = f"https://{person_address(person, 'rabbitmq')}:15671/api"
    with httpx.Client(verify=context, auth=("platform", password)) as client:
        return [found["name"] for kind in ("vhosts", "users") for found in client.get(f"{url}/{kind}").raise_for_status().json()]


def secrets_of() -> Path:
    return Path(os.environ["HS_TEST_ESTATE_DIR"]) / "secrets"
