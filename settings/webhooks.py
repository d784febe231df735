"""The webhooks that the platform knows: what each vendor documents about them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

WebhookName = Literal["stripe", "stripe-connect", "chargebee"]
"""A vendor's webhook: `stripe` for the platform's own account, `stripe-connect` for the shops' accounts, `chargebee` for subscriptions."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One vendor's events: where they arrive, who may send them, and what proves that they are the vendor's."""

    path: str
    secrets: tuple[str, ...]
    """Settings whose values the service checks each event against; upper-case they are its environment variables."""
    sources: tuple[str, ...] = ()
    """The addresses the vendor says it sends from; empty: it publishes none that can be relied on."""


REQUESTS_PER_SECOND = 20
"""For each sender. Stripe sends bursts when it retries; a shop of the high street has a few payments a minute."""
REQUEST_BURST = 100
REQUEST_SIZE_MAX_KIB = 256
"""Stripe's largest events are some tens of KiB."""

# https://stripe.com/files/ips/ips_webhooks.txt, as of May 2026; changes are announced seven days ahead.
STRIPE_SOURCES = (
    "3.18.12.63", "3.69.109.8", "3.120.168.93", "3.130.192.231", "13.235.14.237", "13.235.122.149", "18.211.135.69", "35.154.171.200",
    "35.157.207.129", "52.15.183.38", "54.88.130.119", "54.88.130.237", "54.187.174.169", "54.187.205.235", "54.187.216.72",
)  # fmt: skip

WEBHOOKS: dict[WebhookName, Webhook] = {
    # https://docs.stripe.com/webhooks: each endpoint has its own signing secret.
    "stripe": Webhook(path="/webhooks/stripe", secrets=("stripe_webhook_secret",), sources=STRIPE_SOURCES),
    # https://docs.stripe.com/connect/webhooks
    "stripe-connect": Webhook(path="/webhooks/stripe-connect", secrets=("stripe_connect_webhook_secret",), sources=STRIPE_SOURCES),
    # https://www.chargebee.com/docs/webhook_settings.html: HTTP Basic authentication; no list of addresses was found to rely on.
    "chargebee": Webhook(path="/webhooks/chargebee", secrets=("chargebee_webhook_user", "chargebee_webhook_password")),
}


def sources_of(name: WebhookName) -> tuple[IPv4Network, ...]:
    """The networks a vendor says it sends from."""
    return tuple(IPv4Network(address) for address in WEBHOOKS[name].sources)
