"""The typed settings of the alerts' project (alerts/): whose promises are watched, from which figure on, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from settings.errors import Mistake, SettingsError, nearest
from settings.parsing import parse_object
from settings.vocabulary import Email, Model, Name, Url

PROJECT = "highstreetly-alerts"
ALERTS = "alerts"
REPORT_MINUTES = 15
"""How often an environment reports (.github/workflows/report.yml). An alert's duration must be a multiple of it, its aggregation window:
https://docs.newrelic.com/docs/alerts/create-alert/create-alert-condition/alert-conditions/."""


class Thresholds(Model):
    """From which figure on somebody is told."""

    certificate_days_left: int = Field(default=14, ge=1, le=60, description="Let's Encrypt's last 90 days; renewal begins at 30")
    backup_age_hours: int = Field(default=26, ge=1, le=168, description="backups are taken and restored once a day")
    drift_age_hours: int = Field(default=3, ge=1, le=168, description="somebody looks every hour")
    queue_depth: int = Field(default=1000, ge=1, description="events that wait for one receiver")
    connections_used_percent: int = Field(default=80, ge=1, le=99, description="of a database's, or its server's, connections")
    held_minutes: int = Field(
        default=240,
        ge=15,
        le=1440,
        multiple_of=REPORT_MINUTES,
        description="how long an environment may be held; whole quarters of an hour",
    )
    silent_minutes: int = Field(default=60, ge=30, le=1440, description="how long an environment may report nothing")


class Alerts(Model):
    """Everything that the alerts' project makes."""

    account_id: int = Field(gt=0, description="New Relic's account, as its pages' addresses show it")
    region: Literal["us", "eu"] = Field(description="where New Relic keeps the account's data")
    repository: Url = Field(description="where runbooks are read, for example https://github.com/highstreetly/platform")
    environments: tuple[Name, ...] = Field(min_length=1, description="the environments whose promises are watched")
    recipients: tuple[Email, ...] = Field(min_length=1, description="who gets an e-mail")
    thresholds: Thresholds = Thresholds()


def parse(values: Mapping[str, Any], stack: str) -> Alerts:
    """The settings from a stack's values by their keys; raises SettingsError with every mistake at once."""
    file = f"alerts/Pulumi.{stack}.yaml"
    mistakes = [Mistake(file, f"{PROJECT}:{key}", "unknown key", nearest(key, [ALERTS])) for key in values if key != ALERTS]
    if ALERTS not in values:
        mistakes.append(Mistake(file, f"{PROJECT}:{ALERTS}", "missing", "say account_id, region, repository, environments and recipients"))
        raise SettingsError(mistakes)
    found = parse_object(Alerts, values[ALERTS] or {}, lambda _path: file, f"{PROJECT}:{ALERTS}", mistakes)
    if mistakes or found is None:
        raise SettingsError(mistakes)
    return found


def load_program() -> Alerts:
    """The settings of the running Pulumi program.

    Raises ConfigError, which Pulumi shows without a stack trace, with every mistake at once.
    """
    import pulumi
    from pulumi.runtime.config import CONFIG  # the only way to see keys that nobody asks for

    class ConfigError(pulumi.RunError):
        """The configuration is refused."""

    config = pulumi.Config(PROJECT)
    given = {key.removeprefix(f"{PROJECT}:") for key in CONFIG.get() if key.startswith(f"{PROJECT}:")}
    values: dict[str, Any] = {key: config.get_object(key) if key == ALERTS else config.get(key) for key in given}
    try:
        return parse(values, pulumi.get_stack())
    except SettingsError as refused:
        raise ConfigError(str(refused)) from None


__all__ = ["ALERTS", "PROJECT", "REPORT_MINUTES", "Alerts", "Thresholds", "load_program", "parse"]
