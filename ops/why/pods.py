"""What is wrong with a pod by its own status and its events. Pure functions over what kubectl returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.issuance import time_of
from ops.why import images
from ops.why.cause import Kind

Item = Mapping[str, Any]

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
EVENTS_SHOWN = 3
WAITING_IS_NORMAL = {"ContainerCreating", "PodInitializing"}
KILLED = 137
"""128 + SIGKILL."""


@dataclass(frozen=True)
class Ailment:
    """What is wrong with one pod, and where to look further."""

    kind: Kind
    sentence: str
    seen: str
    container: str = ""
    """The container whose log shows more; empty where no log does."""
    previous: bool = False
    """Whether that is the log of the container's previous run."""
    since: datetime | None = None
    image: str = ""


def name_of(item: Item) -> str:
    """An object's name."""
    return str(item["metadata"]["name"])


def workload_of(item: Item) -> str:
    """The service, UI or migration that an object belongs to; its own name where it bears none."""
    return str(item["metadata"].get("labels", {}).get(NAME, name_of(item)))


def component_of(item: Item) -> str:
    """The part that an object plays: api, receiver, ui or migration."""
    return str(item["metadata"].get("labels", {}).get(COMPONENT, ""))


def is_over(pod: Item) -> bool:
    """Whether a pod has done its work, or is on its way out."""
    return pod.get("status", {}).get("phase") == "Succeeded" or bool(pod["metadata"].get("deletionTimestamp"))


def owners_of(item: Item) -> list[tuple[str, str]]:
    """(kind, name) of whatever made an object."""
    return [(str(owner["kind"]), str(owner["name"])) for owner in item["metadata"].get("ownerReferences", [])]


def is_replaced(pod: Item) -> bool:
    """Whether a pod has ended for good and another one took its place: a ReplicaSet's that was evicted, or lost with its node."""
    return pod.get("status", {}).get("phase") == "Failed" and any(kind == "ReplicaSet" for kind, _ in owners_of(pod))


def is_ready(pod: Item) -> bool:
    """Whether a pod gets requests."""
    return _condition(pod, "Ready").get("status") == "True" and not is_over(pod)


def _condition(item: Item, kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((each for each in item.get("status", {}).get("conditions", []) if each.get("type") == kind), {})
    return found


def moment(text: object) -> datetime | None:
    """A time as Kubernetes writes it; None where there is none."""
    try:
        return time_of(str(text)) if text else None
    except ValueError:
        return None


def since(pod: Item) -> datetime | None:
    """Since when a pod has not been ready."""
    for kind in ("PodScheduled", "Ready"):
        condition = _condition(pod, kind)
        if condition.get("status") == "False" and condition.get("lastTransitionTime"):
            return moment(condition["lastTransitionTime"])
    return moment(pod["metadata"].get("creationTimestamp"))


def ailment_of(pod: Item, events: Sequence[Item] = ()) -> Ailment | None:
    """What is wrong with a pod; None for one that is well, over, or only starting."""
    if is_over(pod):
        return None
    status, began = pod.get("status", {}), since(pod)
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        message = str(scheduled.get("message", ""))
        return Ailment(Kind.UNSCHEDULED, f"cannot be scheduled: {message}", f"PodScheduled False: {message}", since=began)
    if status.get("reason") == "Evicted":
        message = str(status.get("message", ""))
        return Ailment(Kind.UNSCHEDULED, f"was evicted from its node: {message}", f"Evicted: {message}", since=began)
    warnings = warnings_of(name_of(pod), events)
    running = status.get("containerStatuses", [])
    for container in [*status.get("initContainerStatuses", []), *running]:
        found = _container_ailment(container, warnings, began)
        if found:
            return found
    for container in running:
        if not container.get("ready") and status.get("phase") == "Running" and "running" in container.get("state", {}):
            return _unready(container, warnings, began)
    return _lost(pod, running, began)


def _lost(pod: Item, running: Sequence[Item], began: datetime | None) -> Ailment | None:
    """A pod whose containers were well when its node was last heard of: then only the condition says that it is not."""
    ready = _condition(pod, "Ready")
    if ready.get("status") != "False" or not running or not all(container.get("ready") for container in running):
        return None
    node = str(pod.get("spec", {}).get("nodeName", ""))
    return Ailment(
        Kind.UNSCHEDULED, f"its node {node} does not answer", f"Ready False on node {node} with every container ready", since=began
    )


def _container_ailment(container: Item, warnings: Sequence[str], began: datetime | None) -> Ailment | None:
    state, last = container.get("state", {}), container.get("lastState", {})
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or last.get("terminated") or {}
    reason, message, name = str(waiting.get("reason", "")), str(waiting.get("message", "")), str(container["name"])
    if reason in images.PULL_REASONS:
        return _image_ailment(str(container["image"]), reason, " ".join((message, *warnings)), began)
    if reason in ("CreateContainerConfigError", "CreateContainerError"):
        return Ailment(Kind.CONFIGURATION, f"its configuration is missing: {message}", f"{reason}: {message}", since=began)
    if "running" in state and (container.get("ready") or container.get("started")):
        return None  # it failed once and has started since; what keeps it from being ready is another matter
    previous = bool(last.get("terminated")) and not state.get("terminated")
    if ended.get("reason") == "OOMKilled":
        sentence = f"was killed because it used more memory than its limit{_times(container)}"
        return Ailment(Kind.MEMORY, sentence, f"container {name}: OOMKilled, exit code {ended.get('exitCode')}", name, previous, began)
    if ended.get("exitCode"):
        return _crash(container, ended, previous, began)
    if reason and reason not in WAITING_IS_NORMAL:
        return Ailment(Kind.CRASH, f"{reason}: {message}", f"container {name} waits: {reason}: {message}", name, previous, began)
    return None


def _image_ailment(image: str, reason: str, said: str, began: datetime | None) -> Ailment:
    words = images.reason_words(reason, images.sort_of(said), image)
    sentence = f"its image cannot be had: {image}" + (f" ({words})" if words else "")
    return Ailment(Kind.IMAGE, sentence, f"{reason} of {image}", since=began, image=image)


def _crash(container: Item, ended: Mapping[str, Any], previous: bool, began: datetime | None) -> Ailment:
    code = int(ended["exitCode"])
    killed = " (killed: its liveness check failed, or somebody ended it)" if code == KILLED else ""
    seen = f"container {container['name']}: exit code {code}, restarted {container.get('restartCount', 0)} times"
    return Ailment(Kind.CRASH, f"ended with exit code {code}{killed}{_times(container)}", seen, str(container["name"]), previous, began)


def _times(container: Item) -> str:
    count = int(container.get("restartCount", 0))
    return f", {count} times so far" if count > 1 else ""


def _unready(container: Item, warnings: Sequence[str], began: datetime | None) -> Ailment | None:
    name = str(container["name"])
    if container.get("started") is False:
        if not any("Startup probe failed" in warning for warning in warnings):
            return None  # it is only starting
        return Ailment(Kind.NOT_READY, "starts, but its startup check fails", f"container {name}: started False", name, since=began)
    said = [warning.partition("Readiness probe failed: ")[2] for warning in warnings if "Readiness probe failed: " in warning]
    seen = f"container {name}: running, ready False" + (f"; {said[-1]}" if said else "")
    return Ailment(Kind.NOT_READY, "runs but is not ready (its readiness check fails)", seen, name, since=began)


def warnings_of(name: str, events: Sequence[Item]) -> list[str]:
    """An object's latest warnings, newest last."""
    found = [event for event in events if event.get("type") == "Warning" and event["involvedObject"].get("name") == name]
    found.sort(key=lambda event: str(last_seen(event) or ""))
    return list(dict.fromkeys(f"{event['reason']}: {' '.join(str(event['message']).split())}" for event in found))[-EVENTS_SHOWN:]


def last_seen(event: Item) -> datetime | None:
    """When an event last happened."""
    return moment(event.get("lastTimestamp") or (event.get("series") or {}).get("lastObservedTime") or event.get("eventTime"))


__all__ = [
    "COMPONENT",
    "NAME",
    "Ailment",
    "Item",
    "ailment_of",
    "component_of",
    "is_over",
    "is_ready",
    "is_replaced",
    "last_seen",
    "moment",
    "name_of",
    "owners_of",
    "since",
    "warnings_of",
    "workload_of",
]
