"""Which alerts there are: one for each promise of the platform, on the facts that `./hs report` sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from settings.alerts import REPORT_MINUTES, Alerts

RUNBOOKS = "blob/main/docs/runbooks"


@dataclass(frozen=True)
class Condition:
    """One alert: a figure, when it is wrong and for how long, and the runbook for whoever is told."""

    name: str
    fact: str
    """What `./hs report` calls the figure (ops/report.py)."""
    operator: Literal["above", "below"]
    threshold: float
    runbook: str
    """A file of docs/runbooks/."""
    means: str
    """What is wrong, for the message."""
    minutes: int = REPORT_MINUTES
    """How long it must be wrong."""

    def query(self, settings: Alerts) -> str:
        """The figure in New Relic's query language, by environment and subject (https://docs.newrelic.com/docs/nrql/)."""
        names = ", ".join(f"'{name}'" for name in settings.environments)
        return (
            f"SELECT latest(numeric(platform.value)) FROM Log WHERE platform.fact = '{self.fact}' "
            f"AND deployment.environment.name IN ({names}) FACET deployment.environment.name, platform.subject"
        )

    def runbook_url(self, settings: Alerts) -> str:
        """Where the runbook is read."""
        return f"{settings.repository}/{RUNBOOKS}/{self.runbook}"


def conditions(settings: Alerts) -> list[Condition]:
    """Every alert, by the thresholds of the settings."""
    at = settings.thresholds
    return [
        Condition("Not healthy", "healthy", "below", 1, "find-the-cause.md", "something of the environment is not healthy"),
        Condition("Certificate ends soon", "certificate_days_left", "below", at.certificate_days_left, "mend-certificate.md",
                  "a certificate was not renewed in time"),
        Condition("Release failed", "release_failed", "above", 0, "mend-deploy.md", "the newest release failed or was not verified"),
        Condition("Releases are held", "release_held", "above", 0, "roll-back.md", "tags do not deploy", at.held_minutes),
        Condition("Drift", "drift_objects", "above", 0, "look-into-drift.md", "somebody changed something by hand"),
        Condition("Nobody looks for drift", "drift_age_hours", "above", at.drift_age_hours, "look-into-drift.md",
                  "the hourly look did not run"),
        Condition("Backup is too old", "backup_age_hours", "above", at.backup_age_hours, "back-up.md",
                  "no backup of that age was restored and found good"),
        Condition("Events wait", "queue_depth", "above", at.queue_depth, "look-into-dead-letters.md", "a receiver does not keep up"),
        Condition("Dead letters", "dead_letters", "above", 0, "look-into-dead-letters.md", "a receiver could not take an event"),
        Condition("Connections run out", "connections_used_percent", "above", at.connections_used_percent, "find-the-cause.md",
                  "nearly all connections of a database are open"),
    ]  # fmt: skip


__all__ = ["Condition", "conditions"]
