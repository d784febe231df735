"""Bringing a stack to what its files say, with live progress; when it fails, why, and the command that mends it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console
from ops.errors import InputError, PlatformError
from ops.explain import Finding, explain
from ops.kubernetes import get_items, pod_log
from ops.records import clashes, existing_records, owned_record_ids, pending_record_hosts
from ops.rollouts import wait_for_rollouts
from ops.state import State, open_state
from ops.state.pending import heal
from ops.unchanged import fingerprint, is_unchanged, remember
from settings import Settings, SettingsError, load_stack
from settings.load import ADOPTED_RECORDS_VARIABLE, PROJECT, ROOT
from settings.pins import PINNED_IMAGES_VARIABLE
from settings.public import public_hosts

if TYPE_CHECKING:
    from pulumi import automation

LOG_LINES = 20
DATABASE_COMPONENT = "platform:env:Database"
"""The type of a context's database with its roles, rights and Secrets (components/tokens.py)."""
UNCHANGED = "is unchanged since its last run"
QUIET_OPERATIONS = ("same", "read", "refresh")


@dataclass
class Progress:
    """What the engine has told so far."""

    step: console.Step
    finished: int = 0
    errors: list[str] = field(default_factory=list)

    def hear(self, event: automation.EngineEvent) -> None:
        """Take in one engine event."""
        if event.resource_pre_event and event.resource_pre_event.metadata.op not in QUIET_OPERATIONS:
            kind, _, name = event.resource_pre_event.metadata.urn.rpartition("::")
            self.step.note(f"{event.resource_pre_event.metadata.op.value} {kind.rsplit(':', 1)[-1]} {name} ({self.finished} done)")
        if event.res_outputs_event:
            self.finished += 1
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            message = _plain(event.diagnostic_event.message)
            if message and message not in self.errors:
                self.errors.append(message)


@dataclass(frozen=True)
class Images:
    """The images of one run, pinned by digest; none where the stack file's versions are taken as they are."""

    pins: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """What the program reads them from."""
        return {PINNED_IMAGES_VARIABLE: json.dumps(dict(self.pins))} if self.pins else {}


AS_WRITTEN = Images()


@dataclass(frozen=True)
class Run:
    """A stack that is ready for the engine."""

    settings: Settings
    stack: automation.Stack
    broken_off: bool
    """Whether an earlier run was killed in the middle of its work."""
    refresh: bool
    """Whether its state must be compared with reality first, because an earlier run broke off or failed."""
    kept: Mapping[str, list[str]]
    """The databases that stay although their context is gone from the catalogue: the URNs of each, by context."""

    @property
    def excluded(self) -> list[str] | None:
        """What the engine leaves alone."""
        return [urn for urns in self.kept.values() for urn in urns] or None


def validated(stack: str, root: Path = ROOT, images: Images = AS_WRITTEN) -> Settings:
    """The settings of a stack; raises InputError with every mistake in them, before anything is touched."""
    try:
        return load_stack(stack, root, {**os.environ, **images.variables})
    except SettingsError as refused:
        raise InputError(
            f"The configuration of {stack} is refused; nothing was touched.",
            why="\n".join(str(mistake) for mistake in refused.mistakes),
            remedy="correct these lines, then run the same command again",
        ) from None


def up(stack: str, root: Path = ROOT, *, message: str = "", refresh: bool = False, if_changed: bool = False) -> dict[str, int]:
    """Bring ``stack`` to what its files say and return how many resources were created, updated, deleted, and the same.

    ``refresh`` compares with reality first, so that what somebody changed by hand is put back; ``if_changed`` leaves a stack alone whose
    files are those of its last run. Raises InputError for a configuration that is refused and PlatformError for a run that failed.
    """
    settings = validated(stack, root)
    with turn_of(stack, "up") as state:
        word = fingerprint(stack, root)
        if if_changed and is_unchanged(state, stack, word):
            tell(f"{stack} {UNCHANGED}; ./hs drift {stack} compares it with reality")
            return {}
        changes = bring_up(settings, root, message=message or f"up {stack}", again=f"./hs up {stack}", refresh=refresh)
        remember(state, stack, word)
        return changes


def tell(line: str) -> None:
    """Print a line about what was found and healed."""
    console.err.print(f"  {line}", markup=False, soft_wrap=True)


@contextmanager
def turn_of(stack: str, purpose: str) -> Iterator[State]:
    """The stack's state while it is this process's turn to change the stack; waits for whoever has it, and says who that is."""
    state = open_state(os.environ.get("PULUMI_BACKEND_URL", ""))
    with ExitStack() as waiting:
        steps: list[console.Step] = []

        def on_wait(holder: str) -> None:
            if not steps:
                steps.append(waiting.enter_context(console.step(f"Waiting for the turn on {stack}")))
            steps[0].note(holder)

        with state.turn(stack, purpose, on_wait, tell):
            waiting.close()
            yield state


def bring_up(
    settings: Settings,
    root: Path,
    *,
    message: str,
    again: str,
    images: Images = AS_WRITTEN,
    keep_databases: bool = False,
    refresh: bool = False,
    only: Sequence[str] = (),
    hear: Callable[[automation.EngineEvent], None] | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """What ``up`` does once the turn is held: the engine's run, and then the cluster's own word that the new pods have taken over.

    ``message`` is what the engine's history calls it, ``again`` the command that a failure tells to type once more. ``keep_databases``
    keeps those of contexts that are gone from the catalogue, ``only`` touches these URNs and what depends on them, and ``hear`` is told
    every event of the engine. ``give_way`` ends the waiting for pods by what it raises.
    """
    with console.step(f"Deploying {settings.stack}") as step:
        progress = Progress(step)
        run = make_ready(settings, root, step, images=images, keep_databases=keep_databases)
        if run.broken_off:
            take_over(run.stack, settings.stack)

        def tell_both(event: automation.EngineEvent) -> None:
            progress.hear(event)
            if hear:
                hear(event)

        try:
            result = run.stack.up(
                message=message,
                refresh=refresh or run.refresh,
                run_program=(refresh or run.refresh) or None,  # else the state's providers ask, which name another machine's files
                exclude=None if only else run.excluded,
                target=list(only) or None,
                target_dependents=bool(only) or None,  # a Secret that is made anew has another name, which its pods must learn
                on_event=tell_both,
                color="never",
                suppress_progress=True,
            )
        except Exception as failed:
            raise _failure(settings, progress, failed, again) from failed
        if settings.environment and (stuck := wait_for_rollouts(settings.stack, _workloads(settings, only), step.note, give_way)):
            raise _failure(settings, progress, PlatformError(f"New pods did not get ready: {', '.join(stuck)}"), again)
        return _note_changes(step, result.summary)


def _workloads(settings: Settings, only: Sequence[str]) -> set[str]:
    """The names of the Deployments that a run brings about: the catalogue's, or those among the URNs that alone are touched."""
    names = {workload.name for workload in settings.catalogue.workloads()}
    return names & {urn.rpartition("::")[2] for urn in only} if only else names


def make_ready(settings: Settings, root: Path, step: console.Step, *, images: Images, keep_databases: bool) -> Run:
    """Find out what a run must know beforehand: how the last one ended, records to adopt, databases to keep. Changes nothing."""
    selected = select(settings.stack, root)
    step.note("looking for DNS records at its names")
    adopted = _records_to_adopt(settings, selected.stack)
    workspace = selected.stack.workspace
    workspace.env_vars = {**workspace.env_vars, **images.variables, ADOPTED_RECORDS_VARIABLE: json.dumps(adopted)}
    kept = databases_to_keep(vars(selected.stack.export_stack()), list(settings.catalogue.contexts)) if keep_databases else {}
    for context in kept:
        tell(f"the database of {context} stays; that context is not in this catalogue")
    return Run(settings, selected.stack, selected.broken_off, selected.refresh, kept)


def databases_to_keep(state: Mapping[str, Any], contexts: Sequence[str]) -> dict[str, list[str]]:
    """The databases in a stack's state whose context is not among ``contexts``: the URNs of each with all that belongs to it."""
    resources = (state.get("deployment") or {}).get("resources") or []
    gone = {
        resource["urn"]: resource["urn"].rpartition("::")[2]
        for resource in resources
        if resource["type"] == DATABASE_COMPONENT and resource["urn"].rpartition("::")[2] not in contexts
    }
    return {context: [urn, *(resource["urn"] for resource in resources if resource.get("parent") == urn)] for urn, context in gone.items()}


def _records_to_adopt(settings: Settings, stack: automation.Stack) -> dict[str, str]:
    """The IDs, by host, of DNS records that are there already and become the stack's.

    Records that a run which broke off had made are its own; others that say the same are adopted where the stack file says so, and any
    that ADOPTED_RECORDS_VARIABLE names. Raises InputError for all that remain, and for a token that DigitalOcean refuses.
    """
    environment = settings.environment
    if environment is None or environment.public is None:
        return {}
    token = settings.secrets.get("digitalocean_token") or stack.get_config(f"{PROJECT}:digitalocean_token").value
    found = existing_records(settings, str(token))
    state = vars(stack.export_stack()) if found else {}
    clashing = clashes(
        found,
        public_hosts(settings.catalogue, environment),
        owned_record_ids(state),
        address=environment.public.address,
        stack=settings.stack,
        pending_hosts=pending_record_hosts(state),
    )
    adopt = environment.public.existing_records == "adopt"
    chosen = dict(settings.adopted_records)
    taken = {
        clash.record.host: clash.record.id
        for clash in clashing
        if clash.interrupted or (adopt and clash.adoptable) or chosen.get(clash.record.host) == clash.record.id
    }
    refused = [clash for clash in clashing if clash.record.id not in taken.values()]
    if refused:
        raise InputError(
            f"{settings.stack} would double DNS records that somebody else made; nothing was touched.",
            why="\n".join(str(clash) for clash in refused),
            remedy="do what stands behind each record, then run the same command again",
        )
    return taken


def destroy(stack: str, root: Path = ROOT) -> dict[str, int]:
    """Delete everything of ``stack``. Protected databases and vhosts make it fail before anything is deleted."""
    with turn_of(stack, "destroy"), console.step(f"Deleting everything of {stack}") as step:
        progress = Progress(step)
        selected = select(stack, root)
        if selected.broken_off:
            take_over(selected.stack, stack)
        try:
            result = selected.stack.destroy(
                refresh=selected.refresh,
                run_program=selected.refresh or None,
                on_event=progress.hear,
                color="never",
                suppress_progress=True,
            )
        except Exception as failed:
            why = "\n".join(progress.errors) or str(failed)[-2000:]
            raise PlatformError(
                f"{stack} could not be deleted.", why=why, remedy="mend the cause, then run the same command again"
            ) from failed
        return _note_changes(step, result.summary)


def _note_changes(step: console.Step, ended: automation.UpdateSummary) -> dict[str, int]:
    """How many resources a run created, updated, deleted and left the same; the step shows it."""
    changes = {str(getattr(op, "value", op)): count for op, count in (ended.resource_changes or {}).items()}
    step.note(summary(changes))
    return changes


def summary(changes: Mapping[str, int]) -> str:
    """What a run changed, in words."""
    words = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "same": "unchanged"}
    parts = [f"{count} {words[op]}" for op, count in changes.items() if count and op in words]
    return ", ".join(parts) or "nothing to do"


@dataclass(frozen=True)
class Selected:
    """A stack, and what an earlier run left of it."""

    stack: automation.Stack
    broken_off: bool
    refresh: bool
    """Whether its state must be compared with reality first, because an earlier run broke off or failed."""


def select(stack: str, root: Path) -> Selected:
    """The stack of the files in ``root``, for the engine; made in the state where it is not yet there.

    Raises PlatformError when the engine cannot open it.
    """
    from pulumi import automation  # half a second that ./hs --help need not pay

    from ops.engine import BoundEngine

    state = open_state(os.environ.get("PULUMI_BACKEND_URL", ""))
    broken_off = state.has_pending_operations(stack)
    environment = {
        "PATH": f"{root / '.venv' / 'bin'}:{os.environ['PATH']}",  # an earlier release's program has an environment of its own
        "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",  # a field that somebody set with kubectl is the files' again, or no deploy could pass
    }
    options = automation.LocalWorkspaceOptions(env_vars=environment, pulumi_command=BoundEngine())
    try:
        found = automation.create_or_select_stack(stack_name=stack, work_dir=str(root), opts=options)
    except automation.CommandError as failed:
        why = "\n".join(re.findall(r"error: .*", str(failed))) or str(failed)[-2000:]
        raise PlatformError(f"The state of {stack} cannot be opened.", why=why, remedy="see docs/runbooks/mend-state.md") from failed
    return Selected(found, broken_off, broken_off or state.last_run_failed(stack))


def take_over(stack: automation.Stack, name: str) -> None:
    """Decide what a killed run left undecided in the stack's state; whoever calls this has the turn, and refreshes afterwards.

    Raises PlatformError, and changes nothing, when an object may be there or not and nobody can tell.
    """
    exported = stack.export_stack()
    healed = heal(exported.deployment or {})
    if healed.undecided:
        raise PlatformError(
            f"An earlier run of {name} broke off, and what became of some of its work cannot be seen from here.",
            why="\n".join(healed.undecided),
            remedy=f"see whether they are there: pulumi refresh --stack {name} asks for the ID of each, or to forget it (mend-state.md)",
        )
    exported.deployment = dict(healed.deployment)
    stack.import_stack(exported)
    tell(f"an earlier run broke off; {healed.taken_over or 'no'} objects that it was making are taken over")


def _failure(settings: Settings, progress: Progress, failed: Exception, again: str) -> PlatformError:
    """One message of a failed run: the engine's errors, and for pods that are not healthy their causes, events and last lines."""
    text = str(failed)
    if "currently locked" in text:
        return PlatformError(
            f"Another run is deploying {settings.stack}.",
            why=next((line.strip() for line in text.splitlines() if "created by" in line), ""),
            remedy="wait until it has finished, then run the same command again",
        )
    findings = find(settings.stack, again) if settings.environment else []
    causes = [*progress.errors, *(str(finding) for finding in findings)] or [text[-2000:]]
    remedy = remedy_for(findings, again)
    return PlatformError(f"{settings.stack} was not deployed; what ran before still runs.", why="\n".join(causes), remedy=remedy)


def find(namespace: str, again: str = "") -> list[Finding]:
    """What is not healthy in a namespace, and why; empty also when the cluster cannot be asked. ``again`` is what deploys it anew."""
    try:
        pods, events = get_items(namespace, "pods"), get_items(namespace, "events")
    except PlatformError:
        return []

    def read_log(pod: str, container: str, previous: bool) -> list[str]:
        return pod_log(namespace, pod, container, lines=LOG_LINES, previous=previous)

    return explain(pods, events, read_log, again)


def remedy_for(findings: Sequence[Finding], again: str) -> str:
    """What mends the first cause, which the others may follow from, and then ``again``."""
    first = findings[0].next if findings else ""
    if again in first:
        return first
    return f"{first}; with the cause mended, {again}" if first else f"mend the cause, then {again}"


def _plain(message: str) -> str:
    text = re.sub(r"<\{%.*?%\}>|\x1b\[[0-9;]*m", "", message).strip()
    return "" if text.startswith(("update failed", "resource registration failed")) else text
