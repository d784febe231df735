"""The logs of Ansible's runs: one each, so that what the first one said can still be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.machines import configure
from local.machines.configure import Controller


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """A controller that has played nothing yet."""
    return Controller(tmp_path / "checkout", tmp_path)


def test_every_run_has_a_log_of_its_own_that_nobody_else_reads(controller: Controller) -> None:
    logs = [controller.new_log() for _ in range(3)]
    assert controller.logs == logs
    assert {log.stat().st_mode & 0o777 for log in logs} == {0o600}


def test_the_first_log_stays_and_of_the_others_the_newest(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configure, "LOGS_KEPT", 2)
    logs = [controller.new_log() for _ in range(5)]
    assert controller.logs == [logs[0], *logs[-3:]]  # the newest is the run's that goes on
