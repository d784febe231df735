"""Fixtures of the unit tests: a platform CA and the settings that a real machine would add to the committed stack files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import hypothesis
import pytest

from local import overlay
from local.estate import MACHINES, Estate
from settings import load
from settings.runners import PASSPHRASE

PASSPHRASES = [f"{PASSPHRASE}{environment}" for environment in ("live", "test", "dev")]
SECRETS = {f"HIGHSTREETLY_{name.upper()}": f"canary-{name}" for name in (*load.SECRETS, *PASSPHRASES)}

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("timeless", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("timeless")


@pytest.fixture(scope="session")
def ca_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate in PEM form."""
    folder = tmp_path_factory.mktemp("ca")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout ca.key -out ca.crt"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


@pytest.fixture(scope="session")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local estate adds to Pulumi.kind.yaml: the real file, for an estate that is not up."""
    data = tmp_path_factory.mktemp("local")
    references = {name: f"highstreetly/{name}:0123456789ab" for name in ("reference-service", "reference-ui")} | {
        "flyway": "flyway/flyway:13"
    }
    charts = {name: data / name for name in ("cert-manager", "traefik", "metallb")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HS_DATA", str(data))
        estate = Estate.load()
        overlay.write(estate, {name: str(estate.address(name)) for name in MACHINES}, references, charts)
        return estate.local_settings
