"""The ACME server is started once with what it needs, is asked only over a connection that the platform CA vouches for, and is removed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local import container as shared
from local.acme import container
from local.estate import Estate
from ops.errors import PlatformError
from tests.unit.acme.conftest import CERTIFIED


def started(engine: list[list[str]]) -> list[list[str]]:
    """The commands that started a container."""
    return [words for words in engine if words[1] == "run"]


def test_its_settings_are_those_of_lets_encrypt_where_these_matter(estate: Estate) -> None:
    settings = json.loads(container.configuration(estate))["pebble"]
    assert settings["listenAddress"] == "127.0.0.13:14000"
    assert settings["managementListenAddress"] == "127.0.0.13:15000"
    assert settings["profiles"]["default"]["validityPeriod"] == 90 * 24 * 3600
    assert settings["retryAfter"] == {"authz": 1, "order": 1}


def test_it_asks_the_zones_nameserver_and_proves_every_order_anew(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    (command,) = started(engine)
    assert command[command.index("-dnsserver") + 1] == "127.0.0.12:53"
    assert {"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"} <= set(command)
    assert not [word for word in command if "NONCEREJECT" in word], "rejected nonces are part of the trial"


def test_it_is_the_estates_container_at_its_fixed_address(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    command = " ".join(started(engine)[0])
    assert "--name trial-acme " in command
    assert "--network trial --ip 127.0.0.13 " in command
    assert "--label ly.highstreet.estate=trial " in command
    assert f"--volume {estate.data_dir / 'acme'}:/etc/pebble:ro" in command


def test_what_it_reads_lies_in_its_folder_and_the_key_is_its_owners(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    folder = estate.data_dir / "acme"
    assert sorted(os.listdir(folder)) == ["pebble.json", "server.crt", "server.key"]
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    assert started(engine), "and then it was started"


def test_no_secret_is_in_its_command(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    key = (estate.data_dir / "acme" / "server.key").read_text().splitlines()[1]
    assert key not in " ".join(started(engine)[0])


def test_one_that_runs_is_left_alone(estate: Estate, engine: list[list[str]]) -> None:
    container.start(estate)
    container.start(estate)
    assert len(started(engine)) == 1


def test_one_with_other_settings_is_replaced(estate: Estate, engine: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    container.start(estate)
    monkeypatch.setattr(container, "CERTIFICATE_DAYS", 6)
    container.start(estate)
    assert len(started(engine)) == 2
    assert engine[-2] == ["docker", "rm", "--force", "--volumes", "trial-acme"]


def test_its_root_is_read_over_a_connection_that_the_platform_ca_vouches_for(estate: Estate, serve: Callable[[Estate, str], None]) -> None:
    serve(estate, CERTIFIED)
    assert container.root_certificate(estate) == CERTIFIED


def test_a_root_from_somebody_else_is_refused(
    estate: Estate, serve: Callable[[Estate, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate.secrets.ca_certificate.read_text()
    monkeypatch.setenv("HS_DATA", str(tmp_path / "other"))
    serve(Estate(estate.file), CERTIFIED)
    monkeypatch.setenv("HS_DATA", str(tmp_path / "data"))
    with pytest.raises(PlatformError, match="does not give its root certificate") as failure:
        container.root_certificate(estate)
    assert "certificate verify failed" in failure.value.why


@pytest.mark.parametrize(("answer", "healthy"), [('{"newOrder": "https://127.0.0.13/order"}', True), ("{}", False), ("not JSON", False)])
def test_it_is_healthy_when_it_gives_its_directory(
    estate: Estate, serve: Callable[[Estate, str], None], answer: str, healthy: bool
) -> None:
    serve(estate, answer)
    assert container.is_healthy(estate) is healthy


def test_one_that_does_not_answer_is_told_with_its_last_words(
    estate: Estate, engine: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "HEALTHY_SECONDS", 0)
    monkeypatch.setattr(container, "is_healthy", lambda _estate: False)
    with pytest.raises(PlatformError, match="does not answer"):
        container.wait_until_healthy(estate)
    assert engine[-1] == ["docker", "logs", "--tail", "10", "trial-acme"]
