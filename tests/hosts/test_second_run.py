"""The roles applied to machines that already are as they say, and to one that is bare; and what the runs' logs hold."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.machines import image
from local.machines.configure import Controller, play
from local.machines.events import Run
from local.providers.esxi_native.engine import Engine


def environment(secrets: dict[str, str]) -> dict[str, str]:
    """The variables of a play."""
    return {name.upper(): value for name, value in secrets.items()}


def test_a_second_run_changes_nothing(controller: Controller, secrets: dict[str, str]) -> None:
    again = play(controller, environment(secrets), [])
    assert again.changed_tasks == []
    assert again.recap is not None
    assert again.recap.ok > 50
    assert (again.recap.changed, again.recap.failed, again.recap.unreachable) == (0, 0, 0)


def test_a_dry_run_is_clean(controller: Controller, secrets: dict[str, str]) -> None:
    dry = play(controller, environment(secrets), ["--check", "--diff"])
    assert dry.changed_tasks == []
    assert dry.recap is not None
    assert (dry.recap.changed, dry.recap.failed, dry.recap.unreachable) == (0, 0, 0)


@pytest.fixture
def bare(controller: Controller, tmp_path: Path) -> Iterator[Controller]:
    """A machine as it is made, without an address, reached through the engine; it stands for both machines of an inventory."""
    engine, name = Engine("bare"), f"bare-{uuid.uuid4().hex[:8]}"
    engine.command("No bare machine", "run", "--detach", "--network", "none", "--name", name, *engine.hardware(), image.ensure_image())
    hosts = yaml.safe_load(controller.inventory.read_text())
    hosts["all"]["vars"]["ansible_connection"] = "community.docker.docker"
    for group in hosts["all"]["children"].values():
        for host in group["hosts"].values():
            host["ansible_host"] = name
    here = Controller(controller.checkout, tmp_path)
    here.inventory.write_text(yaml.safe_dump(hosts))
    yield here
    engine.command("It stays", "rm", "--force", "--volumes", name)


def test_a_dry_run_of_a_bare_machine_is_clean_too(bare: Controller, secrets: dict[str, str]) -> None:
    dry = play(bare, environment(secrets), ["--check", "--diff"])
    assert {"postgres", "rabbitmq"} == {task.split(":")[0] for task in dry.changed_tasks if task.endswith("Say what would be installed")}
    assert dry.recap is not None
    assert (dry.recap.failed, dry.recap.unreachable) == (0, 0)


def test_no_secret_is_in_the_log_of_any_run(controller: Controller, secrets: dict[str, str]) -> None:
    runs = {log: log.read_text() for log in controller.logs}
    assert any(changed(text) for text in runs.values()), "no run that changed something has a log: ./hs down, then ./hs up"
    assert [(log, name) for log, text in runs.items() for name, value in secrets.items() if value in text] == []


def changed(log: str) -> bool:
    """Whether a run came to its end and changed something."""
    heard = Run()
    for line in log.splitlines():
        heard.hear(line)
    return heard.recap is not None and heard.recap.changed > 0
