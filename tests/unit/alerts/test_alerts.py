"""The alerts: one for each promise, on figures that are really sent, each with a runbook that is really there."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.conditions import conditions
from ops.report import facts
from settings.alerts import ALERTS, REPORT_MINUTES, Alerts, parse
from settings.errors import SettingsError
from settings.load import ROOT
from tests.unit.ops.test_report import STATUS

STACK_FILE = ROOT / "alerts" / "Pulumi.datacenter.yaml"
GIVEN: dict[str, Any] = {
    "account_id": 7,
    "region": "eu",
    "repository": "https://github.com/highstreetly/platform",
    "environments": ["live", "test"],
    "recipients": ["ops@highstreet.ly"],
}
SETTINGS = Alerts.model_validate(GIVEN)


def test_every_alert_is_raised_on_a_figure_that_is_reported_and_every_figure_has_one() -> None:
    reported = {fact.name for fact in facts(STATUS, datetime(2026, 11, 23, 12, tzinfo=UTC))}
    assert {condition.fact for condition in conditions(SETTINGS)} == reported
    assert len(conditions(SETTINGS)) == len(reported)


def test_every_alert_names_a_runbook_that_is_there() -> None:
    for condition in conditions(SETTINGS):
        assert (ROOT / "docs" / "runbooks" / condition.runbook).is_file(), condition.name
        assert condition.runbook_url(SETTINGS) == f"https://github.com/highstreetly/platform/blob/main/docs/runbooks/{condition.runbook}"


def test_a_figure_is_asked_for_by_environment_and_subject() -> None:
    [dead] = [condition for condition in conditions(SETTINGS) if condition.fact == "dead_letters"]
    assert dead.query(SETTINGS) == (
        "SELECT latest(numeric(platform.value)) FROM Log WHERE platform.fact = 'dead_letters' "
        "AND deployment.environment.name IN ('live', 'test') FACET deployment.environment.name, platform.subject"
    )


def test_a_threshold_of_the_settings_is_the_alert_s() -> None:
    changed = Alerts.model_validate({**GIVEN, "thresholds": {"backup_age_hours": 50, "held_minutes": 30}})
    found = {condition.fact: condition for condition in conditions(changed)}
    assert found["backup_age_hours"].threshold == 50
    assert found["release_held"].minutes == 30
    assert found["certificate_days_left"].operator == "below"


def test_reports_come_as_often_as_the_alerts_expect() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "report.yml").read_text())
    assert workflow[True]["schedule"] == [{"cron": f"*/{REPORT_MINUTES} * * * *"}]  # YAML reads the key `on` as true


def test_every_mistake_is_told_at_once() -> None:
    wrong = {**GIVEN, "account_id": 0, "region": "de", "recipients": ["nobody"], "thresholds": {"queue_dept": 1}}
    with pytest.raises(SettingsError) as refused:
        parse({ALERTS: wrong, "alarms": {}}, "datacenter")
    assert sorted(mistake.key for mistake in refused.value.mistakes) == [
        "highstreetly-alerts:alarms",
        "highstreetly-alerts:alerts.account_id",
        "highstreetly-alerts:alerts.recipients.0",
        "highstreetly-alerts:alerts.region",
        "highstreetly-alerts:alerts.thresholds.queue_dept",
    ]
    assert all(mistake.remedy for mistake in refused.value.mistakes)


def test_a_duration_that_new_relic_would_refuse_is_refused_here() -> None:
    with pytest.raises(SettingsError) as refused:
        parse({ALERTS: {**GIVEN, "thresholds": {"held_minutes": 100}}}, "datacenter")
    assert [mistake.key for mistake in refused.value.mistakes] == ["highstreetly-alerts:alerts.thresholds.held_minutes"]


def test_a_stack_without_settings_says_what_is_missing() -> None:
    with pytest.raises(SettingsError) as refused:
        parse({}, "datacenter")
    assert "account_id" in refused.value.mistakes[0].remedy


@pytest.fixture(scope="module")
def declared() -> list[dict[str, Any]]:
    """What the committed stack declares, run under mocks in the environment that has the SDK; made when it is not there yet."""
    subprocess.run(["sh", ROOT / "requirements" / "environment", ROOT, "alerts", ".venv-alerts"], check=True, capture_output=True)
    words = [ROOT / ".venv-alerts" / "bin" / "python", Path(__file__).parent / "declare.py"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def of(declared: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one["inputs"] for one in declared if one["type"].rsplit(":", 1)[-1] == kind]


def test_the_program_makes_one_condition_for_each_alert(declared: list[dict[str, Any]]) -> None:
    settings = parse({ALERTS: yaml.safe_load(STACK_FILE.read_text())["config"]["highstreetly-alerts:alerts"]}, "datacenter")
    made = {one["name"]: one for one in of(declared, "NrqlAlertCondition")}
    assert set(made) == {condition.name for condition in conditions(settings)}
    for condition in conditions(settings):
        assert made[condition.name]["nrql"]["query"] == condition.query(settings)
        assert made[condition.name]["runbookUrl"] == condition.runbook_url(settings)
        assert made[condition.name]["critical"]["threshold"] == condition.threshold


def test_silence_is_an_alarm_and_only_once(declared: list[dict[str, Any]]) -> None:
    silent = [one["name"] for one in of(declared, "NrqlAlertCondition") if one["openViolationOnExpiration"]]
    assert silent == ["Not healthy"]


def test_everybody_who_shall_know_is_told(declared: list[dict[str, Any]]) -> None:
    [destination], [channel], [workflow] = (of(declared, kind) for kind in ("NotificationDestination", "NotificationChannel", "Workflow"))
    assert destination["properties"] == [{"key": "email", "value": "ops@highstreet.ly"}]
    assert channel["type"] == "EMAIL"
    assert workflow["issuesFilter"]["predicates"][0]["attribute"] == "labels.policyIds"
    assert len(of(declared, "AlertPolicy")) == 2, "the component, and New Relic's policy"
