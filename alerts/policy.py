"""The alerts and who is told of them, in New Relic."""

from __future__ import annotations

import pulumi
import pulumi_newrelic as newrelic

from alerts.conditions import Condition, conditions
from settings.alerts import REPORT_MINUTES, Alerts

TOKEN = "platform:alerts:AlertPolicy"
MINUTE_SECONDS = 60
CLOSED_AFTER_SECONDS = 3 * 24 * 3600


class AlertPolicy(pulumi.ComponentResource):
    """Every alert of the platform:

    - AlertPolicy: an incident for each alert and subject
    - NrqlAlertCondition for each promise; one that hears nothing raises an alarm too
    - NotificationDestination, NotificationChannel and Workflow: an e-mail to each recipient
    """

    def __init__(self, name: str, settings: Alerts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TOKEN, name, None, opts)
        self.settings = settings
        self.child = pulumi.ResourceOptions(parent=self)
        policy = newrelic.AlertPolicy(
            f"{name}-policy",
            account_id=str(settings.account_id),
            name="highstreet.ly platform",
            incident_preference="PER_CONDITION_AND_TARGET",
            opts=self.child,
        )
        for condition in conditions(settings):
            self._create_condition(name, condition, policy)
        self._create_workflow(name, policy)
        self.register_outputs({"policy": policy.id})

    def _create_condition(self, name: str, condition: Condition, policy: newrelic.AlertPolicy) -> None:
        is_heartbeat = condition.fact == "healthy"
        newrelic.NrqlAlertCondition(
            f"{name}-{condition.fact}",
            account_id=str(self.settings.account_id),
            policy_id=policy.id,
            name=condition.name,
            description=f"{condition.means}. What to do: {condition.runbook_url(self.settings)}",
            runbook_url=condition.runbook_url(self.settings),
            type="static",
            nrql=newrelic.NrqlAlertConditionNrqlArgs(query=condition.query(self.settings)),
            critical=newrelic.NrqlAlertConditionCriticalArgs(
                operator=condition.operator,
                threshold=condition.threshold,
                threshold_duration=condition.minutes * MINUTE_SECONDS,
                threshold_occurrences="all",
            ),
            aggregation_window=REPORT_MINUTES * MINUTE_SECONDS,
            aggregation_method="event_timer",
            aggregation_timer=MINUTE_SECONDS,
            fill_option="last_value",
            expiration_duration=self.settings.thresholds.silent_minutes * MINUTE_SECONDS,
            open_violation_on_expiration=is_heartbeat,
            close_violations_on_expiration=not is_heartbeat,
            violation_time_limit_seconds=CLOSED_AFTER_SECONDS,
            opts=self.child,
        )

    def _create_workflow(self, name: str, policy: newrelic.AlertPolicy) -> None:
        account = str(self.settings.account_id)
        recipients = newrelic.NotificationDestinationPropertyArgs(key="email", value=",".join(self.settings.recipients))
        destination = newrelic.NotificationDestination(
            f"{name}-recipients",
            account_id=account,
            name="highstreet.ly operations",
            type="EMAIL",
            properties=[recipients],
            opts=self.child,
        )
        subject = newrelic.NotificationChannelPropertyArgs(key="subject", value="{{ issueTitle }}")
        channel = newrelic.NotificationChannel(
            f"{name}-channel",
            account_id=account,
            name="highstreet.ly operations",
            type="EMAIL",
            product="IINT",
            destination_id=destination.id,
            properties=[subject],
            opts=self.child,
        )
        of_the_policy = newrelic.WorkflowIssuesFilterPredicateArgs(
            attribute="labels.policyIds", operator="EXACTLY_MATCHES", values=[policy.id]
        )
        newrelic.Workflow(
            f"{name}-workflow",
            account_id=account,
            name="highstreet.ly platform",
            muting_rules_handling="NOTIFY_ALL_ISSUES",
            issues_filter=newrelic.WorkflowIssuesFilterArgs(name="platform", type="FILTER", predicates=[of_the_policy]),
            destinations=[newrelic.WorkflowDestinationArgs(channel_id=channel.id)],
            opts=self.child,
        )


__all__ = ["AlertPolicy"]
