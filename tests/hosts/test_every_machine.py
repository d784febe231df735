"""What the role ``common`` promises of every machine."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from local.machines.configure import Controller
from tests.hosts.machine import Machine


def test_root_has_no_password(machine: Machine) -> None:
    assert machine.user("root").password.startswith(("!", "*"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
        ("permitrootlogin", "no"),
        ("authenticationmethods", "publickey"),
        ("allowusers", "deploy"),
    ],
)
def test_ssh_is_set_to_take_keys_only(machine: Machine, setting: str, value: str) -> None:
    assert f"{setting} {value}" in machine.check_output("sshd -T").splitlines()


@pytest.mark.parametrize("user", ["deploy", "root", "postgres"])
@pytest.mark.parametrize("name", ["postgres", "rabbitmq"])
def test_ssh_offers_no_password_to_anybody(controller: Controller, addresses: dict[str, str], name: str, user: str) -> None:
    command = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={controller.folder / 'known_hosts'}"]
    command += ["-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes", f"{user}@{addresses[name]}", "true"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert answer.returncode == 255
    assert "Permission denied (publickey)" in answer.stderr


def test_root_cannot_sign_in_even_with_the_key(controller: Controller) -> None:
    answer = subprocess.run(
        ["ssh", "-F", controller.ssh_config, "root@postgres", "true"], capture_output=True, text=True, timeout=20, check=False
    )
    assert answer.returncode == 255
    assert "Permission denied" in answer.stderr


def test_the_deploy_account_has_exactly_the_estates_key(machine: Machine, estate_dir: Path) -> None:
    keys = machine.file("/home/deploy/.ssh/authorized_keys").content_string.split("\n")
    assert [key for key in keys if key] == [(estate_dir / "secrets" / "id_ed25519.pub").read_text().strip()]


def test_the_clock_is_on_utc(machine: Machine) -> None:
    assert machine.check_output("date +%Z") == "UTC"


def test_security_updates_install_themselves_but_never_restart_a_data_service(machine: Machine) -> None:
    settings = machine.check_output("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    origins = [line for line in settings.splitlines() if line.startswith("Unattended-Upgrade::Origins-Pattern::")]
    assert len(origins) == 1
    assert "-security" in origins[0]
    assert ("^postgresql-" in settings) or ("^rabbitmq-server$" in settings)


def test_the_platform_ca_is_trusted(machine: Machine) -> None:
    installed = "/usr/local/share/ca-certificates/highstreetly-platform.crt"
    assert machine.run(f"openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt {installed}").succeeded


def test_the_firewall_drops_what_no_rule_admits(machine: Machine) -> None:
    chain = machine.check_output("nft list chain inet platform input")
    assert "policy drop" in chain
    assert machine.service("nftables").is_enabled


def test_the_firewall_admits_networks_only_to_named_ports(machine: Machine, subnet: str) -> None:
    rules = [line.strip() for line in machine.check_output("nft list chain inet platform input").splitlines() if "dport" in line]
    assert rules
    assert all(rule.startswith(f"ip saddr {subnet} tcp dport ") for rule in rules)


@pytest.mark.parametrize("name", ["postgres", "rabbitmq"])
def test_a_port_that_no_rule_names_does_not_answer(request: pytest.FixtureRequest, addresses: dict[str, str], name: str) -> None:
    host: Machine = request.getfixturevalue(name)
    program = "import socket, time; s = socket.create_server(('0.0.0.0', 8099)); time.sleep(8)"
    host.check_output("systemd-run --quiet --collect --unit=open-port python3 -c %s", program)
    try:
        host.check_output("timeout 5 sh -c 'until ss -Htln sport = :8099 | grep -q .; do sleep 0.1; done'")
        with pytest.raises(TimeoutError):
            socket.create_connection((addresses[name], 8099), timeout=2).close()
    finally:
        host.run("systemctl stop open-port.service")


def test_rules_that_were_proven_are_not_taken_back(machine: Machine) -> None:
    assert machine.run("systemctl is-active platform-firewall-undo.timer").stdout.strip() == "inactive"


@pytest.mark.parametrize("name", ["postgres", "rabbitmq"])
def test_the_node_exporter_answers_on_the_management_address_only(
    request: pytest.FixtureRequest, addresses: dict[str, str], name: str
) -> None:
    host: Machine = request.getfixturevalue(name)
    with urllib.request.urlopen(f"http://{addresses[name]}:9100/metrics", timeout=10) as answer:
        assert b"node_memory_MemTotal_bytes" in answer.read()
    assert host.check_output("ss -Htln 'sport = :9100'").split()[3] == f"{addresses[name]}:9100"


@pytest.mark.parametrize(("name", "account"), [("postgres", "postgres"), ("rabbitmq", "rabbitmq")])
def test_the_certificate_is_for_the_machines_name_and_address_and_its_key_never_left(
    request: pytest.FixtureRequest, addresses: dict[str, str], ca_certificate: Path, name: str, account: str
) -> None:
    host: Machine = request.getfixturevalue(name)
    certificate = f"/etc/platform/tls/{name}.crt"
    text = host.check_output(f"openssl x509 -in {certificate} -noout -ext subjectAltName,extendedKeyUsage")
    assert f"DNS:{name}" in text
    assert f"IP Address:{addresses[name]}" in text
    assert "TLS Web Server Authentication" in text
    assert host.run(f"openssl x509 -in {certificate} -noout -checkend {30 * 86400}").succeeded
    key = host.file(f"/etc/platform/tls/{name}.key")
    assert (key.user, key.group, key.mode) == (account, account, 0o600)
    assert not list(ca_certificate.parent.glob(f"{name}*.key"))


def test_no_service_has_failed(machine: Machine) -> None:
    assert machine.check_output("systemctl --failed --no-legend --plain") == ""


@pytest.mark.parametrize("name", ["postgres", "rabbitmq"])
def test_the_machine_says_what_it_runs_and_why(request: pytest.FixtureRequest, name: str) -> None:
    host: Machine = request.getfixturevalue(name)
    fact = json.loads(host.file(f"/etc/ansible/facts.d/{name}.fact").content_string)
    assert fact["source"] in ("vendor", "debian")
    assert fact["reason"]
    assert fact["version"][0].isdigit()
