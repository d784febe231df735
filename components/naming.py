"""Names that people see, as pure functions: the environment is part of each."""

from __future__ import annotations

import hashlib

PART_OF = "highstreetly"
MANAGED_BY = "pulumi"
KUBERNETES_NAME_LENGTH_MAX = 63


def database_name(environment: str, context: str) -> str:
    """The database of a context, for example live_orders."""
    return f"{environment}_{context}"


def owner_role(environment: str, context: str) -> str:
    """The role that owns a context's database; only migrations use it."""
    return f"{environment}_{context}_owner"


def app_role(environment: str, context: str) -> str:
    """The role of a context's services: reads and writes rows, changes no table."""
    return f"{environment}_{context}_app"


def broker_user(environment: str, context: str) -> str:
    """The broker user of a context's services."""
    return f"{environment}_{context}"


def broker_permissions(context: str, subscribes_to: tuple[str, ...]) -> dict[str, str]:
    """What a context's user may do in the vhost, as RabbitMQ's regular expressions.

    It configures and writes its own names (`orders.events`, `orders.inbox`, …) and reads those and the event exchanges it subscribes to.
    """
    own = rf"^{context}\."
    read = "|".join([own, *(rf"^{other}\.events$" for other in subscribes_to)])
    return {"configure": own, "write": own, "read": read}


def labels(name: str, component: str, version: str = "") -> dict[str, str]:
    """The recommended labels of every object (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/)."""
    found = {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }
    return found | ({"app.kubernetes.io/version": label_value(version)} if version else {})


def selector(name: str) -> dict[str, str]:
    """The labels by which a Service or a policy finds a workload's pods."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": PART_OF}


def label_value(text: str) -> str:
    """``text`` as a label's value: at most 63 characters; a longer one ends in a hash so that two never become the same."""
    if len(text) <= KUBERNETES_NAME_LENGTH_MAX:
        return text
    return f"{text[: KUBERNETES_NAME_LENGTH_MAX - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
