"""What the role ``rabbitmq`` promises."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.machines.configure import Controller, play
from tests.hosts.machine import Machine, files_that_hold

Api = Callable[..., Any]


@pytest.fixture(scope="module")
def api(addresses: dict[str, str], secrets: dict[str, str], trusting: ssl.SSLContext) -> Api:
    """The management API, over verified HTTPS, as the admin user."""
    token = base64.b64encode(f"platform:{secrets['rabbitmq_admin_password']}".encode()).decode()

    def call(method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPSConnection(addresses["rabbitmq"], 15671, context=trusting, timeout=20)
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        connection.request(method, f"/api{path}", json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text[:300]!r}"
        return json.loads(text) if text else None

    return call


@pytest.fixture(scope="module")
def fact(rabbitmq: Machine) -> dict[str, Any]:
    """What the machine says of its server."""
    found: dict[str, Any] = json.loads(rabbitmq.file("/etc/ansible/facts.d/rabbitmq.fact").content_string)
    return found


@pytest.fixture
def vhost(api: Api) -> Iterator[str]:
    """A vhost made as the program makes one: with quorum as its default queue type (3.10 knows the key without underscores only)."""
    api("PUT", "/vhosts/host-test", {"default_queue_type": "quorum", "defaultqueuetype": "quorum"})
    api("PUT", "/permissions/host-test/platform", {"configure": ".*", "write": ".*", "read": ".*"})
    yield "host-test"
    api("DELETE", "/vhosts/host-test")


def test_the_running_version_is_the_one_the_machine_tells(api: Api, fact: dict[str, Any]) -> None:
    version = api("GET", "/overview")["rabbitmq_version"]
    assert version == fact["version"]
    assert version.startswith("4.3." if fact["source"] == "vendor" else f"{fact['series']}.")


def test_there_is_no_guest(api: Api) -> None:
    assert [user["name"] for user in api("GET", "/users") if user["name"] == "guest"] == []


def test_the_admin_user_may_administer(api: Api) -> None:
    tags = api("GET", "/whoami")["tags"]
    assert "administrator" in tags


def test_a_wrong_password_is_refused(addresses: dict[str, str], trusting: ssl.SSLContext) -> None:
    connection = http.client.HTTPSConnection(addresses["rabbitmq"], 15671, context=trusting, timeout=20)
    connection.request("GET", "/api/whoami", headers={"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()})
    assert connection.getresponse().status == 401


@pytest.mark.parametrize("port", [5671, 15671])
def test_listeners_show_a_certificate_of_the_platform_for_the_address(
    addresses: dict[str, str], trusting: ssl.SSLContext, port: int
) -> None:
    with (
        socket.create_connection((addresses["rabbitmq"], port), timeout=10) as plain,
        trusting.wrap_socket(plain, server_hostname=addresses["rabbitmq"]) as connection,
    ):
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_a_renewed_certificate_is_shown_to_the_next_connection_without_a_restart(
    controller: Controller, rabbitmq: Machine, addresses: dict[str, str], secrets: dict[str, str], trusting: ssl.SSLContext
) -> None:
    def shown() -> list[str]:
        found = []
        for port in (5671, 15671):
            with (
                socket.create_connection((addresses["rabbitmq"], port), timeout=10) as plain,
                trusting.wrap_socket(plain, server_hostname=addresses["rabbitmq"]) as connection,
            ):
                found.append(str((connection.getpeercert() or {})["serialNumber"]))
        return found

    process = rabbitmq.check_output("systemctl show -P MainPID rabbitmq-server")
    [old] = set(shown())
    options = ["--limit", "rabbitmq", "--tags", "certificates", "--extra-vars", '{"common_certificate_renew_days": 398}']
    play(controller, {name.upper(): value for name, value in secrets.items()}, options)
    [new] = set(shown())
    assert new != old
    assert rabbitmq.check_output("systemctl show -P MainPID rabbitmq-server") == process


def test_amqp_answers_over_tls(addresses: dict[str, str], trusting: ssl.SSLContext) -> None:
    with (
        socket.create_connection((addresses["rabbitmq"], 5671), timeout=10) as plain,
        trusting.wrap_socket(plain, server_hostname=addresses["rabbitmq"]) as connection,
    ):
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        frame = connection.recv(8)
    assert frame[0] == 1  # a method frame: connection.start


def test_old_tls_is_not_spoken(addresses: dict[str, str]) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection((addresses["rabbitmq"], 5671), timeout=10) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain)


@pytest.mark.parametrize("port", [5672, 15672, 4369, 25672])
def test_plain_and_cluster_ports_are_closed_from_outside_and_not_bound_to_the_address(
    rabbitmq: Machine, addresses: dict[str, str], port: int
) -> None:
    with pytest.raises(OSError, match=r"timed out|refused"):
        socket.create_connection((addresses["rabbitmq"], port), timeout=2).close()
    listening = [line.split()[3] for line in rabbitmq.check_output(f"ss -Htln 'sport = :{port}'").splitlines()]
    assert [address for address in listening if not address.startswith("127.0.0.1:")] == []


def test_management_and_metrics_are_on(rabbitmq: Machine) -> None:
    assert rabbitmq.file("/etc/rabbitmq/enabled_plugins").content_string.strip() == "[rabbitmq_management,rabbitmq_prometheus]."


def test_metrics_answer(addresses: dict[str, str]) -> None:
    with urllib.request.urlopen(f"http://{addresses['rabbitmq']}:15692/metrics", timeout=10) as answer:
        assert b"rabbitmq_identity_info" in answer.read()


def test_limits_follow_from_the_machines_memory(rabbitmq: Machine, api: Api) -> None:
    node = api("GET", "/nodes")[0]
    settings = rabbitmq.file("/etc/rabbitmq/rabbitmq.conf").content_string
    total = int(next(line.split("=")[1].strip(" MB") for line in settings.splitlines() if line.startswith("total_memory")))
    assert node["mem_limit"] == pytest.approx(total * 1_000_000 * 0.6, rel=0.06)
    assert node["disk_free_limit"] == pytest.approx(max(1024, total) * 1_000_000, rel=0.06)
    assert node["mem_alarm"] is False
    assert node["disk_free_alarm"] is False
    assert rabbitmq.check_output("systemctl show -P LimitNOFILE rabbitmq-server") == "65536"
    assert node["fd_total"] >= 10_000  # a container has its host's limit where that is lower


def test_a_queue_is_a_quorum_queue_unless_it_says_otherwise(api: Api, vhost: str) -> None:
    api("PUT", f"/queues/{vhost}/any", {"durable": True})
    assert api("GET", f"/queues/{vhost}/any")["type"] == "quorum"


def test_a_queue_may_ask_for_quorum_itself(api: Api, vhost: str) -> None:
    api("PUT", f"/queues/{vhost}/asked", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
    assert api("GET", f"/queues/{vhost}/asked")["type"] == "quorum"


def test_the_machine_says_where_the_default_queue_type_comes_from(fact: dict[str, Any]) -> None:
    assert fact["default_queue_type"].startswith("quorum for the node" if fact["source"] == "vendor" else "quorum for")


def test_definitions_are_exported_for_the_backup(rabbitmq: Machine) -> None:
    folder = "/var/backups/rabbitmq"
    rabbitmq.check_output("systemctl start rabbitmq-definitions.service")
    newest = rabbitmq.check_output(f"ls -t {folder} | head -n 1")
    exported = json.loads(rabbitmq.check_output(f"cat {folder}/{newest}"))
    assert "platform" in [user["name"] for user in exported["users"]]
    assert rabbitmq.file(f"{folder}/{newest}").mode == 0o600
    assert rabbitmq.file(folder).mode == 0o700
    assert rabbitmq.service("rabbitmq-definitions.timer").is_enabled


def test_exported_definitions_reach_the_store_encrypted_and_can_be_read_again(rabbitmq: Machine) -> None:
    rabbitmq.check_output("systemctl start rabbitmq-definitions.service")
    exported = rabbitmq.check_output("ls -t /var/backups/rabbitmq | head -n 1")
    stored = rabbitmq.check_output("sudo -u rabbitmq rabbitmq-backup list").split()
    assert stored[-1] == f"{exported}.enc"
    assert len(stored) <= 30
    shown = json.loads(rabbitmq.check_output("sudo -u rabbitmq rabbitmq-backup show %s", stored[-1]))
    assert "platform" in [user["name"] for user in shown["users"]]
    store = "sudo -u rabbitmq s3cmd --config=/etc/rabbitmq-backup/s3cfg --quiet --no-progress get"
    assert rabbitmq.check_output(f"{store} s3://highstreetly-backups/rabbitmq/{stored[-1]} - | head -c 8") == "Salted__"


def test_the_stores_keys_are_where_only_rabbitmqs_account_reads_them(
    controller: Controller, rabbitmq: Machine, backup_secrets: dict[str, str]
) -> None:
    folder = rabbitmq.file("/etc/rabbitmq-backup")
    assert (folder.user, folder.group, folder.mode) == ("root", "rabbitmq", 0o750)
    for name in ("settings", "s3cfg", "passphrase"):
        settings = rabbitmq.file(f"/etc/rabbitmq-backup/{name}")
        assert (settings.user, settings.group, settings.mode) == ("root", "rabbitmq", 0o640)
    places = "/etc /var/log /var/lib/rabbitmq /var/backups /home /root"
    found = {name: files_that_hold(controller, "rabbitmq", secret, places) for name, secret in backup_secrets.items()}
    assert found == {
        "postgres_backup_access_key": ["/etc/rabbitmq-backup/s3cfg"],
        "postgres_backup_secret_key": ["/etc/rabbitmq-backup/s3cfg"],
        "postgres_backup_passphrase": ["/etc/rabbitmq-backup/passphrase"],
    }


def test_the_password_is_in_no_file_and_no_log(controller: Controller, secrets: dict[str, str]) -> None:
    places = "/etc /var/log /var/lib/rabbitmq /home /root"
    assert files_that_hold(controller, "rabbitmq", secrets["rabbitmq_admin_password"], places) == []
