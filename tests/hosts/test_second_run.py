"""The roles applied to machines that already are as they say."""

from __future__ import annotations

from local.machines.configure import Controller, play


def _environment(secrets: dict[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in secrets.items()}


def test_a_second_run_changes_nothing(controller: Controller, secrets: dict[str, str]) -> None:
    again = play(controller, _environment(secrets), [])
    assert again.changed_tasks == []
    assert again.recap is not None
    assert again.recap.ok > 50
    assert (again.recap.changed, again.recap.failed, again.recap.unreachable) == (0, 0, 0)


def test_a_dry_run_is_clean(controller: Controller, secrets: dict[str, str]) -> None:
    dry = play(controller, _environment(secrets), ["--check", "--diff"])
    assert dry.changed_tasks == []
    assert dry.recap is not None
    assert (dry.recap.changed, dry.recap.failed, dry.recap.unreachable) == (0, 0, 0)


def test_no_secret_is_in_the_log_of_a_run(controller: Controller, secrets: dict[str, str]) -> None:
    log = controller.log.read_text()
    assert "v2_playbook_on_stats" in log
    assert [name for name, value in secrets.items() if value in log] == []
