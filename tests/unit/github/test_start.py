"""What a runner is given of the estate: nothing that names a path or a loopback address of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from local import environment, overlay
from local.estate import Estate, EstateFile
from local.github import start

BACKEND = "postgres://pulumi_state@172.30.0.10/pulumi_state?sslrootcert="


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An estate that is up, as far as its files go."""
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    found = Estate(EstateFile.model_validate({"name": "trial", "subnet": "172.31.0.0/24"}), tmp_path)
    found.secrets.ca_certificate.write_text("authority")
    found.acme_root.write_text("root")
    charts = {"cert-manager": Path("/a/chart"), "traefik": Path("/b/chart")}
    overlay.write(
        found,
        {"postgres": "172.30.9.10", "rabbitmq": "172.30.9.11"},
        {"reference-service": "service:1", "reference-ui": "ui:1", "flyway": "flyway:13"},
        charts,
    )
    return found


def test_the_settings_hold_the_environment_with_the_pod_s_paths(estate: Estate, tmp_path: Path) -> None:
    found = start.files(estate, "172.31.0.2")
    settings = yaml.safe_load(found["settings.yaml"])
    assert list(settings) == ["environment"]
    assert settings["environment"]["ca_certificate_file"] == "/etc/highstreetly/ca.crt"
    public = settings["environment"]["public"]
    assert (public["address"], public["http_port"], public["https_port"]) == ("172.31.0.2", 80, 443)
    assert public["trusted_roots_file"] == "/etc/highstreetly/acme-root.pem"
    assert (found["ca.crt"], found["acme-root.pem"]) == ("authority", "root")
    assert str(tmp_path) not in found["settings.yaml"]


def test_the_variables_name_no_path_of_this_machine(estate: Estate, tmp_path: Path) -> None:
    found = start.variables(estate, BACKEND + str(estate.secrets.ca_certificate))
    assert found["PULUMI_BACKEND_URL"] == f"{BACKEND}/etc/highstreetly/ca.crt"
    assert found["HIGHSTREETLY_LOCAL_SETTINGS"] == "/etc/highstreetly/settings.yaml"
    assert found["PULUMI_CONFIG_PASSPHRASE"] == environment.LOCAL_PASSPHRASE
    assert found["HIGHSTREETLY_DIGITALOCEAN_TOKEN"] == estate.secrets.digitalocean_token
    assert not {"PATH", "PULUMI_HOME", "KUBECONFIG"} & set(found)
    assert [name for name, value in found.items() if str(tmp_path) in value] == []
