"""Why something of a deploy is not healthy, from its pods and events alone: `./hs why`'s judgement, in the deploy's own message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.why.cause import Cause
from ops.why.facts import Facts, Line
from ops.why.judge import causes
from ops.why.masks import mask
from ops.why.pods import ailment_of, name_of

LogReader = Callable[[str, str, bool], list[str]]
"""(pod, container, previous) to the last lines it wrote."""


@dataclass(frozen=True)
class Finding:
    """Something that is not healthy: the cause in a sentence, and what shows it."""

    workload: str
    pod: str
    cause: str
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = field(default=())
    next: str = ""
    """The command to type next."""

    def __str__(self) -> str:
        place = f"{self.workload} (pod {self.pod})" if self.pod else self.workload
        lines = [f"{place}: {self.cause}"]
        lines += [f"  event: {event}" for event in self.events]
        lines += [f"  log: {line}" for line in self.log]
        return "\n".join(lines)


def explain(pods: Iterable[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], read_log: LogReader, again: str = "") -> list[Finding]:
    """A finding for each cause that pods which are not healthy have, with its warnings and last lines; secrets are masked.

    ``again`` is the command that failed, for what comes next.
    """
    pods = [{**pod, "kind": "Pod"} for pod in pods]
    said = [{**event, "kind": "Event", "message": mask(str(event.get("message", "")))} for event in events]
    lines: dict[tuple[str, str], list[Line]] = {}
    previous: dict[tuple[str, str], list[Line]] = {}
    for pod in pods:
        ailment = ailment_of(pod, said)
        if ailment and ailment.container:
            where = previous if ailment.previous else lines
            found = read_log(name_of(pod), ailment.container, ailment.previous)
            where[name_of(pod), ailment.container] = [Line(mask(text)) for text in found]
    facts = Facts(environment=_namespace(pods), now=datetime.now(UTC), items=[*pods, *said], lines=lines, previous=previous, again=again)
    return [_finding(cause) for cause in causes(facts)]


def _namespace(pods: Sequence[Mapping[str, Any]]) -> str:
    return next((str(pod["metadata"]["namespace"]) for pod in pods if "namespace" in pod["metadata"]), "")


def _finding(cause: Cause) -> Finding:
    others = f"; fails because of it: {', '.join(cause.affected)}" if cause.affected else ""
    return Finding(cause.subject, cause.pod, f"{cause.sentence}{others}", cause.events, cause.log, cause.next)


__all__ = ["Finding", "LogReader", "explain"]
