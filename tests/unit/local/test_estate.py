"""The estate's description, its names, its secrets, and the settings and variables that are derived from it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from local import overlay
from local.environment import exports, require_local, variables
from local.estate import PASSWORDS, Estate
from ops.errors import InputError

REFERENCES = {
    "reference-service": "highstreetly/reference-service:aaa",
    "reference-ui": "highstreetly/reference-ui:bbb",
    "flyway": "flyway/flyway:13",
}
SERVERS = {"postgres": "172.30.7.10", "rabbitmq": "172.30.7.11"}
CHARTS = {name: Path("charts") / name for name in ("cert-manager", "traefik", "metallb")}


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate with a state folder of its own."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    return described(tmp_path, "{name: trial, subnet: 172.30.7.0/24}")


def described(root: Path, text: str) -> Estate:
    (root / "local").mkdir(exist_ok=True)
    (root / "local" / "estate.yaml").write_text(text)
    return Estate.load(root)


def test_everything_of_an_estate_bears_its_name(estate: Estate) -> None:
    assert estate.container("postgres") == "trial-postgres"
    assert estate.context == "kind-trial"
    assert estate.data_dir.name == "trial"
    assert str(estate.address("rabbitmq")) == "172.30.7.11"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{name: Trial, subnet: 172.30.7.0/24}", "name: String should match pattern"),
        ("{name: trial, subnet: 8.8.8.0/24}", "must be a private network"),
        ("{name: trial, subnet: 172.30.7.0/30}", "at least 32 addresses"),
        ("{name: trial, subnet: 172.30.7.0/24, nodes: 0}", "nodes: Input should be greater than or equal to 1"),
        ("{name: trial, subnet: 172.30.7.0/24, node: 2}", "node: Extra inputs are not permitted"),
        ("{name: [", "local/estate.yaml"),
    ],
)
def test_a_wrong_description_is_refused_with_the_reason(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(InputError) as refused:
        described(tmp_path, text)
    assert mistake in refused.value.why


def test_secrets_are_made_once_and_only_their_owner_may_read_them(estate: Estate) -> None:
    first = estate.secrets.postgres_admin_password
    again = Estate(estate.file, estate.checkout).secrets
    assert again.postgres_admin_password == first != again.rabbitmq_admin_password
    for path in (again.dir / "postgres_admin_password", again.ca_private_key, again.ssh_private_key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_shell_is_told_where_a_password_is_and_not_what_it_is(estate: Estate) -> None:
    values = variables(estate, "/home/pulumi", "/bin")
    printed = exports(values, estate.secrets.dir)
    assert values["HIGHSTREETLY_POSTGRES_ADMIN_PASSWORD"] == estate.secrets.postgres_admin_password
    assert printed.count("$(cat ") == len(PASSWORDS)
    assert not [name for name in PASSWORDS if getattr(estate.secrets, name) in printed]


def test_the_local_settings_name_machines_and_images_and_keep_what_was_loaded(estate: Estate) -> None:
    overlay.write(estate, SERVERS, REFERENCES, CHARTS)
    overlay.set_loaded(estate, "orders-api", "mine:dev")
    overlay.write(estate, SERVERS, REFERENCES, CHARTS)
    written = yaml.safe_load(estate.local_settings.read_text())
    found = written["environment"]
    assert found["public"]["address"] == "127.0.0.1"
    assert found["public"]["nameserver"] == "172.30.7.12"
    assert written["cluster"]["certificates"]["issuers"]["letsencrypt"]["server"] == "https://172.30.7.13:14000/dir"
    assert written["cluster"]["ingress_controller"]["traefik"]["chart"] == "charts/traefik"
    assert found["postgres"] == {"address": "172.30.7.10"}
    assert found["images"]["service"] == "highstreetly/reference-service:aaa"
    assert found["images"]["registry"] == "http://172.30.7.14:5000"
    assert overlay.read_loaded(estate) == {"orders-api": "mine:dev"}
    overlay.set_loaded(estate, "orders-api", None)
    assert overlay.read_loaded(estate) == {}


def test_no_command_of_the_local_estate_touches_a_shared_environment() -> None:
    require_local("kind")
    with pytest.raises(InputError, match="live is no stack of the local estate"):
        require_local("live")
