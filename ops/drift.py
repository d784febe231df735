"""What differs in reality from what was deployed, object by object and field by field. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console
from ops.changes import RULES, Subject, differences, is_object, subject
from ops.deploy import Progress, select, turn_of, validated
from ops.errors import InputError, PlatformError
from ops.field_owners import Addition, additions, writers
from ops.fields import SECRET, SECRET_KINDS, FieldChange, Step, child, hides, name_of, path_of, shown, steps_of
from ops.network_rules import rule_changes
from ops.releases.book import who
from ops.releases.databases import owners
from ops.removals import Removal, removal_of
from ops.rights import Right, foreign_rights
from ops.state import State
from settings.load import ROOT

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent, StepEventMetadata

KUBERNETES = "kubernetes:"
LOOKS = "drift"


@dataclass(frozen=True)
class LastLook:
    """A look for drift, as it is kept beside the state for `./hs status`."""

    at: str
    """ISO 8601, UTC, to the second."""
    by: str
    objects: int
    """How many were not as they were deployed."""


@dataclass(frozen=True)
class Difference:
    """One field: what was deployed (empty: it is not declared), what is there now (empty: nothing), who wrote it where that is known."""

    field: FieldChange
    by: str = ""
    added: bool = False
    """Whether it stands beside what is declared, where the engine does not see it and no deploy removes it."""

    def __str__(self) -> str:
        field = self.field
        if field.old == field.new:
            text = f"{field.name} is another, and not shown"
        elif field.old:
            text = f"{field.name} {field.new or 'nothing'} instead of {field.old}"
        else:
            text = f"{field.name} {field.new} added"
        return f"{text} (by {self.by})" if self.by else text


@dataclass(frozen=True)
class Drift:
    """One object that is not as it was deployed; without differences it is missing."""

    about: Subject
    urn: str
    differences: tuple[Difference, ...] = ()
    removal: Removal | None = None
    """How to take out of it what was added, where it is an object of the cluster."""
    right: Right | None = None
    """Set where it is a right that somebody gave by hand."""

    @property
    def is_seen_by_engine(self) -> bool:
        """Whether a deploy that looks first would restore it, at least in part."""
        return bool(self.urn) and not (self.differences and all(difference.added for difference in self.differences))

    def __str__(self) -> str:
        if not self.differences:
            return f"{self.about} is missing"
        about = self.about.owner if self.about.kind == "Deployment" else str(self.about)
        return f"{about}: {'; '.join(map(str, self.differences))}"

    def as_json(self) -> dict[str, Any]:
        """The public fields."""
        fields = [{**found.field.as_json(), "by": found.by, "added": found.added} for found in self.differences]
        drift = "changed" if self.differences else "missing"
        return {"kind": self.about.kind, "name": self.about.name, "owner": self.about.owner, "drift": drift, "fields": fields}


def drift(stack: str, root: Path = ROOT) -> list[Drift]:
    """What is not as the stack's last run left it: the engine looks at every object and keeps what it sees to itself.

    It takes its turn like a deploy, so that it never looks at a rollout half done. Raises InputError for a stack with nothing in it
    and PlatformError when something cannot be looked at.
    """
    settings = validated(stack, root)
    with turn_of(stack, "drift") as state:
        deployed = {resource["urn"] for resource in state.checkpoint(stack).get("resources") or ()}
        if not deployed:
            raise InputError(f"Nothing of {stack} is deployed: nothing can differ.", remedy=f"./hs up {stack}")
        with console.step(f"Comparing {stack} with what was deployed") as step:
            found = find(event for event in _looked_at(stack, root, step) if _urn(event) in deployed)
            if settings.environment:
                step.note("looking for rights that others have")
                found += [given(right) for right in foreign_rights(owners(stack), settings.ca_certificate_path)]
            step.note(f"{len(found)} objects differ" if found else "nothing differs")
        look = LastLook(datetime.now(UTC).isoformat(timespec="seconds"), who(), len(found))
        state.write_document(LOOKS, stack, 1, vars(look))
    return found


def last_look(state: State, stack: str) -> LastLook | None:
    """When somebody last looked for drift, and how many objects differed."""
    found = state.read_documents(LOOKS, stack)
    return LastLook(**found[-1][1]) if found else None


def _looked_at(stack: str, root: Path, step: console.Step) -> list[EngineEvent]:
    progress = Progress(step)
    events: list[EngineEvent] = []

    def hear(event: EngineEvent) -> None:
        events.append(event)
        progress.hear(event)
        if event.res_outputs_event:
            step.note(f"{progress.finished} objects")

    try:
        # The program's own providers ask: the state's name the CA's file where the last deploy had it, which may be gone.
        select(stack, root).stack.preview_refresh(run_program=True, on_event=hear, color="never", suppress_progress=True)
    except Exception as failed:
        raise PlatformError(
            f"What differs in {stack} cannot be told; nothing was touched.",
            why="\n".join(progress.errors) or str(failed)[-2000:],
            remedy="mend the cause, then run the same command again",
        ) from failed
    return events


def _urn(event: EngineEvent) -> str:
    return event.res_outputs_event.metadata.urn if event.res_outputs_event else ""


def find(events: Iterable[EngineEvent]) -> list[Drift]:
    """The drift that the events of a refresh tell of, by owner.

    The first event of an object tells what was found; of one that is missing a second one follows, because the program still declares it.
    """
    results: dict[str, StepEventMetadata] = {}
    for event in events:
        if event.res_outputs_event:
            results.setdefault(event.res_outputs_event.metadata.urn, event.res_outputs_event.metadata)
    found = [one for metadata in results.values() if is_object(metadata) and (one := _drift_of(metadata))]
    return sorted(found, key=lambda one: (one.about.owner, one.about.kind, one.about.name))


def given(right: Right) -> Drift:
    """A right that somebody gave by hand, as drift."""
    privileges = FieldChange("privileges", "", ", ".join(right.privileges), "privileges")
    return Drift(
        Subject("Right", f"of {right.role} on {right.target}", right.context), "", (Difference(privileges, added=True),), right=right
    )


def _drift_of(metadata: StepEventMetadata) -> Drift | None:
    about = subject(metadata)
    if metadata.op.value == "delete" or metadata.new is None:
        return Drift(about, metadata.urn)
    found = _differences(metadata, about.kind)
    return Drift(about, metadata.urn, found, _removal(metadata, about.kind, found)) if found else None


def _removal(metadata: StepEventMetadata, kind: str, found: Sequence[Difference]) -> Removal | None:
    """The patch that takes what was added out of a Kubernetes object; None where nothing was."""
    if not metadata.type.startswith(KUBERNETES) or not any(difference.added for difference in found):
        return None
    assert metadata.new is not None
    deployed = (metadata.old.inputs or {}) if metadata.old else {}
    return removal_of(deployed, metadata.new.outputs or {}, [one.field.path for one in found if one.added], hidden=kind in SECRET_KINDS)


def _differences(metadata: StepEventMetadata, kind: str) -> tuple[Difference, ...]:
    """What the provider says differs; of a Kubernetes object also what others added, which is no difference to server-side apply."""
    assert metadata.new is not None
    deployed, now = ((state.inputs or {}) if state else {} for state in (metadata.old, metadata.new))
    paths = list(metadata.detailed_diff or metadata.diffs or [])
    if not metadata.type.startswith(KUBERNETES):
        # Outputs say what is there. The inputs that a provider makes of them may keep the old value, or of a set no more than it had.
        was, live = ((state.outputs or {}) if state else {} for state in (metadata.old, metadata.new))
        return tuple(Difference(field) for field in differences(kind, {**deployed, **was}, {**now, **live}, paths))
    live = metadata.new.outputs or {}
    rules = rule_changes(deployed, live) if kind == "NetworkPolicy" else ()
    told_by_engine = differences(kind, deployed, now, paths)
    is_seen = any(field.path.startswith(RULES) for field in told_by_engine)
    found = [Difference(field, _writers(live, field)) for field in told_by_engine if not (rules and field.path.startswith(RULES))]
    found += [Difference(field, _writers(live, field), added=not is_seen) for field in rules]
    told = [steps_of(path) for path in (*(one.field.path for one in found), *(RULES if kind == "NetworkPolicy" else ()))]
    return (*found, *(_addition(kind, one, live) for one in additions(deployed, live) if not _is_within(one.path, told)))


def _addition(kind: str, added: Addition, live: Mapping[str, Any]) -> Difference:
    name, value = name_of(added.path, live), child(added.value, "value") or added.value
    hidden = kind in SECRET_KINDS or hides(name, value)
    return Difference(FieldChange(path_of(added.path), "", SECRET if hidden else shown(value), name), str(added.writer), added=True)


def _is_within(path: Sequence[Step], others: Iterable[Sequence[Step]]) -> bool:
    """Whether a path is one of the others or below it, step by step: the label team2 is not within team."""
    return any(list(path[: len(other)]) == list(other) for other in others)


def _writers(live: Mapping[str, Any], field: FieldChange) -> str:
    return ", ".join(map(str, writers(live, tuple(steps_of(field.path)))))


def show_drift(stack: str, found: Sequence[Drift]) -> None:
    """Print a line for each object that is not as it was deployed, then what to do about it."""
    if not found:
        console.out.print(f"{stack} is as it was deployed.", markup=False)
        return
    console.out.print(f"{stack} is not as it was deployed:", style="bold", markup=False)
    for one in found:
        console.out.print(f"  {one}", markup=False, soft_wrap=True)
    console.out.print(f"To restore exactly that: ./hs drift {stack} --fix (docs/runbooks/look-into-drift.md)", markup=False, soft_wrap=True)


def as_document(stack: str, found: Sequence[Drift]) -> dict[str, Any]:
    """What `./hs drift --json` prints: environment, drifted, and drift: [{kind, name, owner, drift, fields}]."""
    return {"environment": stack, "drifted": bool(found), "drift": [one.as_json() for one in found]}


__all__ = ["Difference", "Drift", "as_document", "drift", "find", "given", "show_drift"]
