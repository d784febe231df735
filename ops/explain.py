"""Why something is not healthy, from pods, their events and their last lines. Pure functions over what kubectl returned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
EVENTS_SHOWN = 3
WAITING_IS_NORMAL = {"ContainerCreating", "PodInitializing"}

LogReader = Callable[[str, str, bool], list[str]]
"""(pod, container, previous) to the last lines it wrote."""


@dataclass(frozen=True)
class Finding:
    """One pod that is not healthy: the cause in a sentence, and what shows it."""

    workload: str
    pod: str
    cause: str
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        lines = [f"{self.workload} (pod {self.pod}): {self.cause}"]
        lines += [f"  event: {event}" for event in self.events]
        lines += [f"  log: {line}" for line in self.log]
        return "\n".join(lines)


def explain(pods: Iterable[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], read_log: LogReader) -> list[Finding]:
    """A finding for each pod that is not healthy, with its warnings and last lines."""
    findings = []
    for pod in pods:
        cause, container, previous = cause_of(pod)
        if not cause:
            continue
        name = pod["metadata"]["name"]
        log = read_log(name, container, previous) if container else []
        labels = pod["metadata"].get("labels", {})
        sql = sql_failure(log) if labels.get(COMPONENT) == "migration" else ""
        findings.append(Finding(labels.get(NAME, name), name, sql or cause, tuple(warnings_of(name, events)), tuple(log)))
    return findings


def cause_of(pod: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(cause, container whose log shows it, whether its previous run's) of an unhealthy pod; an empty cause for a healthy one."""
    status = pod.get("status", {})
    if status.get("phase") == "Succeeded" or pod["metadata"].get("deletionTimestamp"):
        return "", "", False
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"cannot be scheduled: {condition.get('message', '')}", "", False
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        cause, previous = _container_cause(container)
        if cause:
            return cause, container["name"] if "image" not in cause.split(":")[0] else "", previous
    for container in status.get("containerStatuses", []):
        if not container["ready"] and status.get("phase") == "Running":
            return "runs but is not ready (its readiness check fails)", container["name"], False
    return "", "", False


def _container_cause(container: Mapping[str, Any]) -> tuple[str, bool]:
    state, last = container.get("state", {}), container.get("lastState", {})
    waiting, ended = state.get("waiting"), state.get("terminated") or last.get("terminated")
    if waiting and waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
        return f"its image cannot be had: {container['image']}", False
    if waiting and waiting.get("reason") == "CreateContainerConfigError":
        return f"its configuration is missing: {waiting.get('message', '')}", False
    if ended and ended.get("reason") == "OOMKilled":
        return "was killed because it used more memory than its limit", bool(last.get("terminated"))
    if ended and ended.get("exitCode") and (not state.get("running")):
        return f"ended with exit code {ended['exitCode']}", bool(waiting)
    if waiting and waiting.get("reason") not in WAITING_IS_NORMAL:
        return f"{waiting.get('reason')}: {waiting.get('message', '')}", False
    return "", False


def warnings_of(pod: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """A pod's latest warnings, newest last."""
    found = [event for event in events if event.get("type") == "Warning" and event["involvedObject"].get("name") == pod]
    found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return list(dict.fromkeys(f"{event['reason']}: {event['message']}" for event in found))[-EVENTS_SHOWN:]


def sql_failure(log: Sequence[str]) -> str:
    """What Flyway says of a failed migration in one sentence: the file, line and SQL error, or the checksum that differs."""
    text = "\n".join(log)
    script = re.search(r"[Mm]igration (?:of .*? )?\(?(\w+__\w+\.sql)\)? failed", text) or re.search(r"(\w+__\w+\.sql)", text)
    message = re.search(r"^Message\s*:\s*(?:ERROR: )?(.+)$", text, re.MULTILINE)
    line = re.search(r"^Line\s*:\s*(\d+)$", text, re.MULTILINE)
    if script and message:
        return f"the script {script[1]} failed{f' at line {line[1]}' if line else ''}: {message[1].strip()}"
    checksum = re.search(r"checksum mismatch for migration version (\S+)", text, re.IGNORECASE)
    if checksum:
        return f"the script of version {checksum[1]} was edited after it had been applied (its checksum differs)"
    return ""
