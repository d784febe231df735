"""highstreet.ly's alerts in New Relic: one for each promise of the platform."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout: settings are shared with the root project

import pulumi
import pulumi_newrelic as newrelic

from alerts.policy import AlertPolicy
from settings.alerts import load_program

settings = load_program()
provider = newrelic.Provider("newrelic", account_id=str(settings.account_id), region=settings.region.upper())
policy = AlertPolicy("platform", settings, pulumi.ResourceOptions(provider=provider))
