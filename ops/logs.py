"""The last lines of a service's pods."""

from __future__ import annotations

import os

from ops.errors import InputError
from settings.errors import nearest
from settings.load import load_catalogue


def print_logs(environment: str, service: str, *, follow: bool, lines: int) -> None:
    """Print what a service's pods wrote, each line with its pod; becomes kubectl, so that Ctrl-C ends it cleanly.

    Raises InputError for a service that the catalogue does not know.
    """
    names = [workload.name for workload in load_catalogue().workloads()] + [f"{c}-migration" for c in load_catalogue().contexts]
    if service not in names:
        raise InputError(f"There is no service or UI {service!r}.", why=nearest(service, names), remedy=f"./hs logs {names[0]}")
    selector = f"app.kubernetes.io/name={service}"
    words = ["logs", "--namespace", environment, "--selector", selector, "--prefix", f"--tail={lines}", "--max-log-requests=20"]
    os.execvp("kubectl", ["kubectl", *words, *(["--follow"] if follow else [])])
