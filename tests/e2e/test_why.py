"""Things are broken one after the other, as in earnest; `./hs why` names each, and all is put back. In this order."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.e2e.conftest import SECOND, Person
from tests.e2e.outside import TIMEOUT_SECONDS, Outside
from tests.e2e.test_environment import person_address, place_order, wait_for_event
from tests.e2e.test_from_outside import wait_for_certificate
from tests.e2e.test_growing import secrets_of

pytestmark = pytest.mark.usefixtures("second")

NOTICED_SECONDS = 120
"""A probe fails twice, a crash is repeated, statistics come every few seconds: then at the latest the cause is to be named."""
SETTLED_SECONDS = 180
HOST = "shop.highstreet.localhost"
KIND = ("--namespace", "kind")
ONLY_DNS = [
    {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
]

Cause = dict[str, Any]


def why(person: Person, *words: str) -> dict[str, Any]:
    """`./hs why --json`, read; its exit code says the same as its answer."""
    done = subprocess.run(["./hs", "why", *words, "--json"], cwd=person.checkout, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["healthy"] is (done.returncode == 0)
    return found


def wait_for(person: Person, told: Callable[[list[Cause]], bool], seconds: float) -> list[Cause]:
    """The causes, as soon as they are as they should be."""
    deadline = time.monotonic() + seconds
    causes: list[Cause] = []
    while time.monotonic() < deadline:
        causes = why(person)["causes"]
        if told(causes):
            return causes
        time.sleep(2)
    pytest.fail(f"after {seconds:.0f} s: {json.dumps(causes, indent=2)}")


def cause_of(person: Person, kind: str, subject: str, told: Callable[[Cause], bool] = bool) -> Cause:
    """The one cause there is, when it has this kind and subject; a second one would be a symptom told as a cause."""

    def is_it(causes: list[Cause]) -> bool:
        return [(cause["kind"], cause["subject"]) for cause in causes] == [(kind, subject)] and told(causes[0])

    [cause] = wait_for(person, is_it, NOTICED_SECONDS)
    assert cause["events"] or cause["log"] or cause["seen"]
    assert cause["next"]
    return cause


def wait_until_well(person: Person) -> None:
    """Nothing is wrong any more: what was broken is put back, and no trace of it is taken for a cause."""
    wait_for(person, lambda causes: not causes, SETTLED_SECONDS)


@pytest.fixture(autouse=True)
def well(person: Person, broker: httpx.Client) -> Iterator[None]:
    """Each test begins and ends with an environment that is well."""
    broker.get("/overview").raise_for_status()
    wait_until_well(person)
    yield
    wait_until_well(person)


@contextmanager
def changed(person: Person, deployment: str, *words: str) -> Iterator[None]:
    """A Deployment that somebody edits by hand, until the block ends."""
    person.kubectl(*words, *KIND)
    try:
        yield
    finally:
        person.kubectl("rollout", "undo", f"deployment/{deployment}", *KIND)
        person.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=120s", *KIND)


def in_machine(outside: Outside, machine: str, *words: str) -> None:
    """Type a command on a data machine."""
    command = ["docker", "exec", outside.estate.container(machine), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def test_with_nothing_wrong_it_says_so(person: Person) -> None:
    assert "nothing is wrong" in person.types("./hs", "why")
    assert "nothing is wrong" in person.types("./hs", "why", "orders-api")


@pytest.mark.parametrize(
    ("words", "nearest"),
    [(("orders-apii",), "did you mean orders-api?"), (("--environment", "knd"), "did you mean kind?")],
    ids=["service", "environment"],
)
def test_an_unknown_name_has_the_nearest_known(person: Person, words: tuple[str, ...], nearest: str) -> None:
    assert nearest in person.types("./hs", "why", *words, expect=2)


def test_a_broken_image(person: Person) -> None:
    with changed(person, "orders-api", "set", "image", "deployment/orders-api", "*=highstreetly/orders-api:nowhere"):
        cause = cause_of(person, "image", "orders-api", lambda found: "(" in found["cause"])
        assert cause["cause"].startswith("its image cannot be had: highstreetly/orders-api:nowhere (")
        # Docker Hub's stand-in lacks it; then the node asks Docker Hub itself, which it reaches or not.
        assert "no such image" in cause["cause"] or "cannot reach the registry" in cause["cause"] or "refuses to give it" in cause["cause"]
        assert why(person, "orders-api")["causes"]
        assert why(person, "shops-api")["healthy"]


def test_what_is_broken_in_one_environment_is_no_cause_in_another(person: Person, second: Person) -> None:
    with changed(person, "orders-api", "set", "image", "deployment/orders-api", "*=highstreetly/orders-api:nowhere"):
        cause_of(person, "image", "orders-api")
        assert why(second, "--environment", SECOND)["causes"] == []
        found = json.loads(second.types("./hs", "status", "--json", expect=1))["environments"]
        assert {one["environment"]: one["healthy"] for one in found} == {"kind": False, SECOND: True}
        seen = second.types("./hs", "status", expect=1)
        assert "kind ✗" in seen
        assert f"{SECOND} ✓" in seen
        assert "./hs why --environment kind says why." in seen


def test_a_crash_loop(person: Person) -> None:
    with changed(person, "shops-api", "set", "env", "deployment/shops-api", "PORT=none"):
        cause = cause_of(person, "crash", "shops-api", lambda found: "times so far" in found["cause"])
        assert cause["cause"].startswith("ended with exit code 2")
        assert any('"none" is no port number' in line for line in cause["log"])


@pytest.fixture(scope="module")
def broker(person: Person) -> Iterator[httpx.Client]:
    """RabbitMQ's management API; queues of contexts that other tests made and took away again are gone."""
    trusted = ssl.create_default_context(cafile=str(secrets_of() / "ca.crt"))
    password = (secrets_of() / "rabbitmq_admin_password").read_text().strip()
    base = f"https://{person_address(person, 'rabbitmq')}:15671/api"
    with httpx.Client(base_url=base, verify=trusted, auth=("platform", password), timeout=TIMEOUT_SECONDS) as client:
        for queue in client.get("/queues/kind").raise_for_status().json():
            if queue["name"].partition(".")[0] not in person.read_yaml("catalogue.yaml")["contexts"]:
                client.delete(f"/queues/kind/{queue['name']}").raise_for_status()
        yield client


@contextmanager
def small_queue(person: Person, broker: httpx.Client, length: int) -> Iterator[None]:
    """The inbox of payments takes no more than so many messages, and nobody empties it, until the block ends."""
    policy = {"pattern": r"^payments\.inbox$", "apply-to": "queues", "priority": 9}
    policy["definition"] = {"max-length": length, "delivery-limit": 10}
    person.kubectl("scale", "deployment/payments-receiver", "--replicas=0", *KIND)
    person.kubectl("wait", "--for=delete", "pods", "--selector", "app.kubernetes.io/name=payments-receiver", "--timeout=60s", *KIND)
    broker.put("/policies/kind/small", json=policy).raise_for_status()
    try:
        yield
    finally:
        broker.delete("/policies/kind/small").raise_for_status()
        person.kubectl("scale", "deployment/payments-receiver", "--replicas=1", *KIND)


def test_a_full_queue(person: Person, broker: httpx.Client) -> None:
    with small_queue(person, broker, 2):
        orders = [place_order(person) for _ in range(3)]
        cause = cause_of(person, "queue", "payments.inbox", lambda found: "is full" in found["cause"])
        assert "of 2 messages; nothing consumes it" in cause["cause"]
        assert "payments-receiver" in cause["affected"]
    for order in orders:
        wait_for_event(person, "payments-api", order)


@pytest.mark.usefixtures("unchanged")
def test_a_failing_migration(person: Person) -> None:
    script = "CREATE TABLE fees (id int);\nALTER TABLE fees ADD COLUMN amount numeric REFERENCES nowhere;\n"
    path = person.write("migrations/subscriptions/V95__broken.sql", script)
    try:
        output = person.types("./hs", "up", expect=1)
        cause = cause_of(person, "migration", "subscriptions-migration")
        assert cause["cause"] == 'the script V95__broken.sql failed at line 2: relation "nowhere" does not exist'
        assert cause["cause"] in output, "the deploy's message and why are one"
    finally:
        path.unlink()
        person.types("./hs", "up")


def expired(host: str) -> dict[str, str]:
    """A TLS Secret's data with a certificate that ended yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=91)).not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    parts = {"tls.crt": certificate.public_bytes(Encoding.PEM), "tls.key": private}
    return {name: base64.b64encode(value).decode() for name, value in parts.items()}


@contextmanager
def nobody_renews(person: Person) -> Iterator[None]:
    """cert-manager does not run until the block ends."""
    controller = ("deployments", "--namespace", "cert-manager", "--selector", "app.kubernetes.io/component=controller")
    person.kubectl("scale", *controller, "--replicas=0")
    try:
        yield
    finally:
        person.kubectl("scale", *controller, "--replicas=1")


def test_an_expired_certificate(person: Person, outside: Outside) -> None:
    serial = wait_for_certificate(outside, HOST).serial_number
    with nobody_renews(person):
        patch = json.dumps({"data": expired(HOST)})
        person.kubectl("patch", "secret", f"{HOST.replace('.', '-')}-tls", "--type=merge", "--patch", patch, *KIND)
        cause = cause_of(person, "certificate", HOST)
        assert cause["cause"].startswith(f"the certificate of {HOST} has expired")
        assert cause["since"]
        assert why(person, HOST)["causes"]
    wait_for_certificate(outside, HOST, other_than=serial)


def test_an_unreachable_database_is_one_cause_for_nine_services(person: Person, outside: Outside) -> None:
    in_machine(outside, "postgres", "systemctl", "stop", "postgresql")
    try:
        cause = cause_of(person, "database", "postgres", lambda found: len(found["affected"]) == 9)
        assert "172" not in cause["subject"]
        assert "refuses connections" in cause["cause"]
        assert {name.rpartition("-")[2] for name in cause["affected"]} == {"api", "receiver"}
        assert why(person, "shop")["healthy"], "a page needs no database"
    finally:
        in_machine(outside, "postgres", "systemctl", "start", "postgresql")


def test_an_exhausted_quota(person: Person) -> None:
    found = json.loads(person.kubectl("get", "resourcequota", "environment", "--output", "json", *KIND))
    hard, used = found["spec"]["hard"]["pods"], found["status"]["used"]["pods"]

    def allow(pods: str) -> None:
        person.kubectl(
            "patch", "resourcequota", "environment", "--type=merge", "--patch", json.dumps({"spec": {"hard": {"pods": pods}}}), *KIND
        )

    allow(used)
    try:
        with changed(person, "identity-api", "rollout", "restart", "deployment/identity-api"):
            cause = cause_of(person, "quota", "identity-api")
            assert "the quota 'environment' of the namespace is exhausted" in cause["cause"]
            assert f"pods: {used} of {used} used, 1 more wanted" in cause["cause"]
    finally:
        allow(hard)


def test_a_blocked_network_flow(person: Person) -> None:
    found = json.loads(person.kubectl("get", "networkpolicy", "orders-receiver", "--output", "json", *KIND))

    def let_out(egress: list[dict[str, Any]]) -> None:
        patch = json.dumps([{"op": "replace", "path": "/spec/egress", "value": egress}])
        person.kubectl("patch", "networkpolicy", "orders-receiver", "--type=json", "--patch", patch, *KIND)
        # Connections that are open stay open; a new pod has none.
        person.kubectl("delete", "pods", "--selector", "app.kubernetes.io/name=orders-receiver", *KIND)

    let_out(ONLY_DNS)
    try:
        cause = cause_of(person, "network policy", "orders-receiver", lambda found: bool(found["log"]))
        assert f"orders-receiver → postgres {person_address(person, 'postgres')} (port 5432)" in cause["cause"]
        assert "although the catalogue declares it" in cause["cause"]
        assert "5432" not in " ".join(cause["seen"])
    finally:
        let_out(found["spec"]["egress"])
