"""One object of every kind that the stack manages is changed by hand: each is found, named with who did it, and restored."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from local.github import checkout
from tests.e2e.conftest import Person
from tests.e2e.outside import Outside
from tests.e2e.test_drift import drift, in_database, set_permission, set_record

MACHINE_SECONDS = 60
"""`rabbitmqctl` starts a virtual machine of Erlang's."""
HERE, SHIPPER, DEPLOYER = ("--namespace", "kind"), ("--namespace", "log-shipper"), ("--namespace", checkout.STACK)
ANYBODY = {"kind": "ServiceAccount", "name": "default", "namespace": "kind"}
MISSING = ""
NO_OUTSIDE = {
    "random/RandomPassword": "it is in the state alone",
    "digitalocean/Domain": "a zone has a name and nothing else; one that is missing held records",
    "rabbitmq/VHost": "the server keeps what it is asked for when it is made; one that is missing held messages",
    "kubernetes/Release": "a chart's release is a note in the cluster of what was installed; nobody edits it",
}
"""The kinds that nobody can change and leave there, each with the reason. MetalLB's are not here: kind's network needs none."""


@dataclass(frozen=True)
class ByHand:
    """What somebody types, where the difference is then (how its path begins; MISSING for the whole object), and as whom they wrote."""

    words: tuple[str, ...]
    path: str
    by: str = "kubectl-patch"


def merge(change: dict[str, Any]) -> tuple[str, str]:
    """The words for kubectl patch that lay some fields over an object's."""
    return "--type=merge", f"--patch={json.dumps(change)}"


def edit(path: str, value: object, *, verb: str = "replace") -> tuple[str, str]:
    """The words for kubectl patch that set what is at one place."""
    return "--type=json", f"--patch={json.dumps([{'op': verb, 'path': path, 'value': value}])}"


KUBERNETES: dict[str, ByHand] = {
    "ClusterIssuer": ByHand(
        ("patch", "clusterissuer/letsencrypt", *merge({"spec": {"acme": {"email": "by-hand@example.org"}}})), "spec.acme.email"
    ),
    "ClusterRole": ByHand(("patch", "clusterrole/log-shipper", *edit("/rules/0/verbs/-", "delete", verb="add")), "rules[0].verbs"),
    "ClusterRoleBinding": ByHand(("patch", "clusterrolebinding/log-shipper", *edit("/subjects/-", ANYBODY, verb="add")), "subjects"),
    "ConfigMap": ByHand(("patch", "configmap/log-shipper", *SHIPPER, *merge({"data": {"ca.crt": "by hand"}})), 'data["ca.crt"]'),
    "DaemonSet": ByHand(
        ("label", "daemonset/log-shipper", *SHIPPER, "--overwrite", "app.kubernetes.io/component=by-hand"),
        'metadata.labels["app.kubernetes.io/component"]',
        "kubectl-label",
    ),
    "Deployment": ByHand(("scale", "deployment/orders-api", "--replicas=2", *HERE), "spec.replicas", "kubectl"),
    "Ingress": ByHand(
        ("patch", "ingress/shop-highstreet-localhost", *HERE, *edit("/spec/rules/0/http/paths/0/path", "/by-hand")), "spec.rules[0]"
    ),
    "Job": ByHand(("delete", "job", "--selector=platform.highstreet.ly/context=shops", *HERE), MISSING),
    "LimitRange": ByHand(
        ("patch", "limitrange/environment", *HERE, *edit("/spec/limits/0/default/memory", "1Gi")), "spec.limits[0].default.memory"
    ),
    "Middleware": ByHand(
        ("patch", "middleware/security-headers", *HERE, *merge({"spec": {"headers": {"contentTypeNosniff": False}}})),
        "spec.headers.contentTypeNosniff",
    ),
    "Namespace": ByHand(
        ("label", "namespace/traefik", "--overwrite", "app.kubernetes.io/component=by-hand"),
        'metadata.labels["app.kubernetes.io/component"]',
        "kubectl-label",
    ),
    "NetworkPolicy": ByHand(("delete", "networkpolicy/default-deny", *HERE), MISSING),
    "PodDisruptionBudget": ByHand(
        ("patch", "poddisruptionbudget/identity-api", *HERE, *merge({"spec": {"maxUnavailable": 0}})), "spec.maxUnavailable"
    ),
    "PriorityClass": ByHand(("patch", "priorityclass/kind", *merge({"description": "by hand"})), "description"),
    "ResourceQuota": ByHand(("patch", "resourcequota/environment", *HERE, *merge({"spec": {"hard": {"pods": "999"}}})), "spec.hard.pods"),
    "Role": ByHand(("patch", "role/deployer-dev", *DEPLOYER, *edit("/rules/0/verbs/-", "delete", verb="add")), "rules[0].verbs"),
    "RoleBinding": ByHand(("patch", "rolebinding/deployer-dev", *DEPLOYER, *edit("/subjects/-", ANYBODY, verb="add")), "subjects"),
    "Secret": ByHand(("delete", "secret", "--selector=app.kubernetes.io/name=shops,app.kubernetes.io/component=broker", *HERE), MISSING),
    "Service": ByHand(("patch", "service/orders-api", *HERE, *edit("/spec/ports/0/targetPort", 9)), "spec.ports[0].targetPort"),
    "ServiceAccount": ByHand(
        ("patch", "serviceaccount/orders-api", *HERE, *merge({"automountServiceAccountToken": True})), "automountServiceAccountToken"
    ),
}
POSTGRESQL: dict[str, ByHand] = {
    "Database": ByHand(("ALTER DATABASE kind_shops CONNECTION LIMIT 77",), "connectionLimit", ""),
    "DefaultPrivileges": ByHand(
        ("ALTER DEFAULT PRIVILEGES FOR ROLE kind_shops_owner IN SCHEMA public REVOKE DELETE ON TABLES FROM kind_shops_app",),
        "privileges",
        "",
    ),
    "Grant": ByHand(("REVOKE CONNECT ON DATABASE kind_shops FROM kind_shops_app",), "privileges", ""),
    "GrantRole": ByHand(("REVOKE kind_payments_owner FROM platform",), MISSING),
    "Role": ByHand(("ALTER ROLE kind_shops_app CREATEDB",), "createDatabase", ""),
}
RABBITMQ: dict[str, ByHand] = {
    "Policy": ByHand(
        ("set_policy", "-p", "kind", "delivery-limit", r"\.inbox$", '{"delivery-limit":99}', "--apply-to", "queues"),
        "policy.definition",
        "",
    ),
    "User": ByHand(("set_user_tags", "kind_shops", "administrator"), "tags", ""),
}
HTTP: dict[str, tuple[Callable[[Person, Outside], None], str]] = {
    "digitalocean/DnsRecord": (lambda _person, outside: set_record(outside, "127.0.0.9"), "value"),
    "rabbitmq/Permissions": (lambda person, _outside: set_permission(person, ".*"), "permissions.write"),
}


def expected() -> dict[str, tuple[str, str]]:
    """Of each kind, with its provider's name before it: how the path of what differs begins, and who wrote it."""
    tables = {"kubernetes": KUBERNETES, "postgresql": POSTGRESQL, "rabbitmq": RABBITMQ}
    found = {f"{provider}/{kind}": (change.path, change.by) for provider, table in tables.items() for kind, change in table.items()}
    return found | {kind: (path, "") for kind, (_, path) in HTTP.items()}


def change_one_of_every_kind(person: Person, outside: Outside) -> None:
    """Everything in the tables above."""
    for change in KUBERNETES.values():
        person.kubectl(*change.words)
    for change in POSTGRESQL.values():
        in_database(outside, "kind_shops", *change.words)
    for change in RABBITMQ.values():
        on_machine(outside, "rabbitmq", "rabbitmqctl", *change.words)
    for by_http, _ in HTTP.values():
        by_http(person, outside)


def on_machine(outside: Outside, machine: str, *words: str) -> str:
    """What a command prints on a data machine."""
    command = ["docker", "exec", outside.estate.container(machine), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=MACHINE_SECONDS).stdout


def managed(person: Person) -> set[str]:
    """The kinds of everything that the stack's state holds outside the engine, each with its provider's name."""
    words = ["sh", "-c", 'eval "$(./hs env)"; pulumi stack export --stack kind']
    done = subprocess.run(words, cwd=person.checkout, capture_output=True, text=True, check=True, timeout=60)
    types = [resource["type"] for resource in json.loads(done.stdout)["deployment"]["resources"] if resource.get("custom")]
    return {f"{one.partition(':')[0]}/{one.rpartition(':')[2]}" for one in types if not one.startswith("pulumi:")}


def seen(person: Person, outside: Outside) -> dict[str, str]:
    """What was changed by hand, asked where it is, without `./hs drift`."""

    def kubectl(what: str, path: str, *where: str) -> str:
        return person.kubectl("get", what, *where, "--output", f"jsonpath={{{path}}}").strip()

    limit = "SELECT datconnlimit FROM pg_database WHERE datname = 'kind_shops'"
    rights = "SELECT rolcreatedb, has_database_privilege(oid, 'kind_shops', 'CONNECT') FROM pg_roles WHERE rolname = 'kind_shops_app'"
    member = "SELECT pg_has_role('platform', 'kind_payments_owner', 'MEMBER')"
    psql = ("su", "postgres", "-c")
    secrets = kubectl("deployment/shops-api", ".spec.template.spec.containers[0].envFrom[*].secretRef.name", *HERE)
    return {
        "replicas": kubectl("deployment/orders-api", ".spec.replicas", *HERE),
        "target port": kubectl("service/orders-api", ".spec.ports[0].targetPort", *HERE),
        "path": kubectl("ingress/shop-highstreet-localhost", ".spec.rules[0].http.paths[0].path", *HERE),
        "policy": kubectl("networkpolicy/default-deny", ".metadata.name", *HERE),
        "verbs": kubectl("clusterrole/log-shipper", ".rules[0].verbs", *HERE),
        "subjects": kubectl("rolebinding/deployer-dev", ".subjects[*].name", *DEPLOYER),
        "authority": kubectl("configmap/log-shipper", r".data.ca\.crt", *SHIPPER),
        "secrets that pods name": str(len(person.kubectl("get", "secret", *secrets.split(), *HERE, "--output", "name").split())),
        "limit": on_machine(outside, "postgres", *psql, f'psql --tuples-only --command "{limit}"').strip(),
        "rights": on_machine(outside, "postgres", *psql, f'psql --tuples-only --command "{rights}"').strip(),
        "membership": on_machine(outside, "postgres", *psql, f'psql --tuples-only --command "{member}"').strip(),
        "tags": next(line for line in on_machine(outside, "rabbitmq", "rabbitmqctl", "list_users").splitlines() if "kind_shops" in line),
        "record": str([record["data"] for record in outside.records("shop")]),
    }


@pytest.fixture
def grown(person: Person) -> Iterator[None]:
    """The stack with what only larger ones have: a service of two pods, and the rights of a runner. Afterwards it is as it was."""
    before = (person.checkout / "Pulumi.kind.yaml").read_text()
    content = yaml.safe_load(before)
    content["config"]["highstreetly:environment"]["services"] = {"identity-api": {"replicas": 2}}
    content["config"]["highstreetly:cluster"]["runners"] = checkout.runners()
    person.write("Pulumi.kind.yaml", yaml.safe_dump(content, sort_keys=False))
    try:
        person.types("./hs", "up", "kind")
        yield
    finally:
        person.write("Pulumi.kind.yaml", before)
        person.types("./hs", "up", "kind")


@pytest.mark.usefixtures("grown")
def test_every_managed_kind_changed_by_hand_is_found_and_restored(person: Person, outside: Outside) -> None:
    changed = expected()
    assert managed(person) == changed.keys() | NO_OUTSIDE.keys()
    before = seen(person, outside)
    change_one_of_every_kind(person, outside)
    try:
        found = drift(person, expect=1)
        assert Counter(one["kind"] for one in found) == Counter(kind.partition("/")[2] for kind in changed)
        told = [(one["kind"], field["path"], field["by"].partition(" at ")[0]) for one in found for field in one["fields"]]
        for kind, (path, by) in changed.items():
            name = kind.partition("/")[2]
            if path == MISSING:
                assert [one["drift"] for one in found if one["kind"] == name] == ["missing"]
            else:
                assert [where for of, where, who in told if (of, who) == (name, by) and where.startswith(path)], (kind, path, by, told)
    finally:
        restored = person.types("./hs", "drift", "kind", "--fix", "--yes")
    assert "kind is as it was deployed." in restored
    assert seen(person, outside) == before
    person.types("./hs", "verify", "kind")
