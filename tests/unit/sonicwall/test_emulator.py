"""The emulated firewall refuses what a real one does: else the role's tests would prove nothing."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.digitalocean.server import tls_context
from local.sonicos.firewall import Firewall, RefusedError
from local.sonicos.server import Emulator, running
from tests.unit.sonicwall.conftest import self_signed

ADDRESS = {"name": "web", "zone": "LAN", "host": {"ip": "10.10.0.80"}}
NAT: dict[str, Any] = {
    "inbound": "X1",
    "outbound": "any",
    "source": {"any": True},
    "translated_source": {"original": True},
    "destination": {"any": True},
    "translated_destination": {"name": "web"},
    "service": {"name": "HTTP"},
    "translated_service": {"original": True},
}
RULE: dict[str, Any] = {
    "from": "WAN",
    "to": "LAN",
    "action": "allow",
    "source": {"address": {"any": True}, "port": {"any": True}},
    "destination": {"address": {"name": "web"}},
    "service": {"name": "HTTP"},
    "schedule": {"always_on": True},
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with firewall.crt and firewall.key for 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("firewall"))


@pytest.fixture
def emulator(certificate: Path) -> Iterator[Emulator]:
    """A firewall with factory settings."""
    with running(tls_context(certificate / "firewall.crt", certificate / "firewall.key")) as emulator:
        yield emulator


@pytest.fixture
def api(emulator: Emulator, certificate: Path) -> Iterator[httpx.Client]:
    """A client that has not signed in."""
    trust = ssl.create_default_context(cafile=str(certificate / "firewall.crt"))
    url = f"https://127.0.0.1:{emulator.port}/api/sonicos"
    with httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=5, auth=("admin", "password")) as client:
        yield client


def info(answer: httpx.Response) -> dict[str, Any]:
    """The first information of an answer's status."""
    return dict(answer.json()["status"]["info"][0])


def test_a_session_is_the_client_s_and_ends_with_what_it_staged(emulator: Emulator, api: httpx.Client) -> None:
    assert api.get("/address-objects/ipv4").status_code == 401
    assert api.post("/auth", auth=("admin", "wrong")).status_code == 401
    assert info(api.post("/auth", json={"override": False}))["config_mode"] == "Yes"
    assert api.post("/address-objects/ipv4", json={"address_objects": [{"ipv4": ADDRESS}]}).status_code == 200
    assert api.get("/address-objects/ipv4").json() == {"address_objects": []}
    assert api.get("/config/pending").json() == {"address_objects": True}
    assert api.delete("/auth").status_code == 200
    assert (emulator.firewall.staged, emulator.firewall.sessions, emulator.firewall.attempts) == (None, {}, 2)


def test_staged_changes_run_from_the_commit_on_or_are_dropped(emulator: Emulator, api: httpx.Client) -> None:
    api.post("/auth")
    for kept in (False, True):
        api.post("/address-objects/ipv4", json={"address_objects": [{"ipv4": ADDRESS}]}).raise_for_status()
        (api.post if kept else api.delete)("/config/pending").raise_for_status()
        assert len(api.get("/address-objects/ipv4").json()["address_objects"]) == kept
    assert api.put("/address-objects/ipv4/name/web", json={"address_objects": [{"ipv4": ADDRESS | {"zone": "DMZ"}}]}).status_code == 200
    api.post("/config/pending")
    assert emulator.firewall.named("address-objects/ipv4", "web")["zone"] == "DMZ"
    assert api.get("/config/pending").json()["status"]["success"] is True


def test_one_administrator_changes_at_a_time_until_another_takes_over(emulator: Emulator, api: httpx.Client) -> None:
    emulator.firewall.administrator = "anna"
    assert info(api.post("/auth"))["config_mode"] == "No"
    refused = api.post("/address-objects/ipv4", json={"address_objects": [{"ipv4": ADDRESS}]})
    assert (refused.status_code, info(refused)["message"]) == (403, "Not in config mode: anna is.")
    assert api.get("/version").json()["firmware_version"].startswith("SonicOS 7")
    api.post("/config-mode").raise_for_status()
    assert emulator.firewall.preempted == ["anna"]
    assert api.post("/address-objects/ipv4", json={"address_objects": [{"ipv4": ADDRESS}]}).status_code == 200


@pytest.mark.parametrize("missing", sorted(NAT))
def test_a_nat_policy_without_one_of_its_selectors_is_refused(missing: str) -> None:
    firewall = with_web()
    with pytest.raises(RefusedError, match=f"{missing} is missing"):
        firewall.create("nat-policies/ipv4", {key: value for key, value in NAT.items() if key != missing})


@pytest.mark.parametrize("missing", sorted(RULE))
def test_a_rule_without_one_of_its_parts_is_refused(missing: str) -> None:
    with pytest.raises(RefusedError, match=f"{missing} is missing"):
        with_web().create("access-rules/ipv4", {key: value for key, value in RULE.items() if key != missing})


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("address-objects/ipv4", {"name": "x"}, "exactly one of host, range, network"),
        ("address-objects/ipv4", {"name": "x", "host": {"ip": "10.0.0.300"}}, "host.ip is no IPv4 address"),
        ("address-objects/ipv4", ADDRESS, "web already exists"),
        ("address-objects/ipv4", ADDRESS | {"name": "x", "zone": "MARS"}, "The zone MARS does not exist"),
        ("service-groups", {"name": "x", "service_object": [{"name": "GOPHER"}]}, "The service GOPHER does not exist"),
        ("nat-policies/ipv4", NAT | {"service": {"group": "x"}}, "The service group x does not exist"),
        ("nat-policies/ipv4", NAT | {"inbound": "X9"}, "The interface X9 does not exist"),
        ("nat-policies/ipv4", NAT | {"source": {"any": True, "name": "web"}}, "exactly one of any, name, group"),
        ("access-rules/ipv4", RULE | {"action": "accept"}, "action is none of allow, deny, discard"),
        ("access-rules/ipv4", RULE | {"managment": False}, "managment is no key"),
        ("access-rules/ipv4", RULE | {"enable": "yes"}, "enable is not of type bool"),
        ("access-rules/ipv4", RULE | {"schedule": {"always_on": False}}, "can only be true"),
    ],
)
def test_a_body_that_the_document_does_not_allow_is_refused(kind: str, body: dict[str, Any], why: str) -> None:
    firewall = with_web()
    with pytest.raises(RefusedError, match=why):
        firewall.create(kind, body)
    assert firewall.staged is None


def test_what_another_refers_to_cannot_be_removed(emulator: Emulator, api: httpx.Client) -> None:
    emulator.firewall.by_hand("address-objects/ipv4", ADDRESS)
    rule = emulator.firewall.by_hand("access-rules/ipv4", RULE)
    api.post("/auth")
    assert info(api.delete("/address-objects/ipv4/name/web"))["message"] == "web is used by access-rules/ipv4."
    before = copy.deepcopy(emulator.firewall.running)
    assert [api.delete(path).status_code for path in (f"/access-rules/ipv4/uuid/{rule}", "/address-objects/ipv4/name/web")] == [200, 200]
    assert emulator.firewall.running == before
    api.post("/config/pending").raise_for_status()
    assert api.get("/access-rules/ipv4").json() == {"access_rules": []}
    assert api.delete(f"/access-rules/ipv4/uuid/{rule}").status_code == 404


def with_web() -> Firewall:
    """A firewall that knows the address object web."""
    firewall = Firewall()
    firewall.by_hand("address-objects/ipv4", ADDRESS)
    return firewall
