"""What Ansible says while it runs (one JSON object a line), turned into progress, a recap and failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAILURES = ("v2_runner_on_failed", "v2_runner_on_unreachable")
MESSAGE_KEYS = ("msg", "stderr", "stdout", "module_stderr", "exception")
LONGEST_MESSAGE = 2000  # characters of one part of a message


@dataclass(frozen=True)
class Recap:
    """How many tasks did what, over all machines."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        words = f"{self.ok} ok, {self.changed} changed"
        return words + (f", {self.failed + self.unreachable} failed" if self.failed + self.unreachable else "")


@dataclass(frozen=True)
class Failure:
    """A task that failed on a machine, and what it said."""

    host: str
    task: str
    message: str
    unreachable: bool = False


@dataclass
class Run:
    """A run as it goes: feed it lines with ``hear``."""

    recap: Recap | None = None
    failures: list[Failure] = field(default_factory=list)
    changed_tasks: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)  # lines that are no events: warnings, errors before the first task

    def hear(self, line: str) -> str | None:
        """Take in a line; returns what the run is doing now (``machine: task``) when the line tells."""
        event = _parse(line)
        if event is None:
            if line.strip():
                self.noise.append(line.rstrip())
            return None
        name, task = event.get("_event", ""), event.get("task", {}).get("name", "")
        if name == "v2_playbook_on_stats":
            self.recap = recap(event.get("stats", {}))
        for host, result in event.get("hosts", {}).items():
            if name in FAILURES and not result.get("ignore_errors"):
                self.failures.append(Failure(host, task, message(result), unreachable=name == "v2_runner_on_unreachable"))
            elif result.get("changed"):
                self.changed_tasks.append(f"{host}: {task}")
            return f"{host}: {task}"
        return None


def recap(stats: Mapping[str, Mapping[str, int]]) -> Recap:
    """Sum the statistics of all machines."""

    def total(key: str) -> int:
        return sum(machine.get(key, 0) for machine in stats.values())

    return Recap(total("ok"), total("changed"), total("failures"), total("unreachable"), total("skipped"))


def message(result: Mapping[str, Any]) -> str:
    """What a failed task said, most telling part first; of a loop, what its failed items said."""
    if result.get("censored"):
        return "The task's output is withheld because it handles a secret."
    items = [item for item in result.get("results", []) if isinstance(item, Mapping) and item.get("failed")]
    if items:
        return "\n".join(message(item) for item in items)
    parts: list[str] = []
    for key in MESSAGE_KEYS:
        text = str(result.get(key) or "").strip()
        if text and text not in parts and text != "non-zero return code":
            parts.append(text[-LONGEST_MESSAGE:])
    return "\n".join(parts[:3]) or "The task gave no reason."


def explanation(failures: Iterable[Failure]) -> str:
    """All failures as text: machine, task and message of each."""
    return "\n".join(f"{failure.host}, task “{failure.task}”:\n{_indent(failure.message)}" for failure in failures)


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _parse(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and "_event" in event else None


__all__ = ["Failure", "Recap", "Run", "explanation", "message", "recap"]
