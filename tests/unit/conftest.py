"""Fixtures of the unit tests: a platform CA and the settings that a real machine would add to the committed stack files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

SECRETS = {"HIGHSTREETLY_POSTGRES_ADMIN_PASSWORD": "canary-postgres", "HIGHSTREETLY_RABBITMQ_ADMIN_PASSWORD": "canary-rabbitmq"}


@pytest.fixture(scope="session")
def ca_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate in PEM form."""
    folder = tmp_path_factory.mktemp("ca")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout ca.key -out ca.crt"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


@pytest.fixture(scope="session")
def local_settings(tmp_path_factory: pytest.TempPathFactory, ca_certificate: Path) -> Path:
    """What the local estate adds to Pulumi.kind.yaml."""
    environment = {
        "postgres": {"address": "172.30.0.10"},
        "rabbitmq": {"address": "172.30.0.11"},
        "images": {"service": "highstreetly/reference-service:0123456789ab", "ui": "highstreetly/reference-ui:0123456789ab"},
        "ca_certificate_file": str(ca_certificate),
    }
    path = tmp_path_factory.mktemp("local") / "settings.yaml"
    path.write_text(yaml.safe_dump({"environment": environment}))
    return path
