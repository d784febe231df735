"""All stacks of an estate in one command: what another stands on goes first, what is independent runs side by side.

The datacenter's machines (`esxi/`) precede what Ansible makes of them, that the cluster's stack, that the environments, and an environment
those that are promoted from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

from ops import console
from ops.deploy import UNCHANGED
from ops.errors import InputError, PlatformError
from ops.inventory import state_variables
from ops.preview import NOTHING_CHANGES
from ops.process import run
from ops.releases.deploy import NOTHING_TO_DO
from settings.datacenter.load import DATACENTER
from settings.datacenter.load import FOLDER as MACHINES
from settings.errors import nearest
from settings.files import read_yaml
from settings.load import ESTATES, PROJECT, ROOT, clusters, environments, estate_of, stacks

Verb = Literal["up", "preview"]
Outcome = Literal["done", "unchanged", "failed", "not run"]
LOCAL = "local"
ANSIBLE = "ansible"
"""The folder of the playbooks, and the name of their task."""
PLAYBOOK = (
    *("../.venv-kubespray/bin/ansible-playbook", "site.yml", "--inventory", "inventory/estate"),
    *("--skip-tags", "cluster-stack"),  # a task of its own
)
"""What makes machines and cluster of bare VMs (docs/runbooks/build-datacenter.md, step 5)."""
AT_ONCE = 3
"""How many stacks are worked on at the same time: LIVE, TEST and DEV."""
SHOWN_LINES = 40
LEFT_ALONE = (UNCHANGED, NOTHING_TO_DO, NOTHING_CHANGES)
"""What the commands of `./hs` say when there was nothing to do."""
ENGINE_SUMMARY = "\nResources:\n"
CHANGED_BY_ANSIBLE = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+)", re.MULTILINE)
"""How much Ansible changed on a machine, in its recap."""
GOOD: tuple[Outcome, ...] = ("done", "unchanged")
MARKS = {"done": "[green]✓[/green]", "unchanged": "[green]=[/green]", "failed": "[red]✗[/red]", "not run": "[dim]-[/dim]"}


@dataclass(frozen=True)
class Task:
    """One stack, the command for it, and the stacks that it stands on."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    folder: str = ""
    """Where the command is run, below the checkout."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its environment has beside this process's: secrets."""

    def __str__(self) -> str:
        """The command as a person would type it, without secrets."""
        return (f"cd {self.folder} && " if self.folder else "") + " ".join((*(f"{name}=…" for name in self.variables), *self.command))


@dataclass(frozen=True)
class Result:
    """How a task ended, and what its command printed; for one that was not run, why."""

    outcome: Outcome
    said: str = ""


def tasks(verb: Verb, estate: str, root: Path = ROOT, *, refresh: bool = False, environ: Mapping[str, str] = os.environ) -> list[Task]:
    """The command for every stack of an estate, each with the stacks that it stands on.

    The local estate's machines are part of its own `./hs up`. An environment of the datacenter is deployed as a release. ``refresh``
    compares each with reality, also one that has not changed; not the machines, whose plugin cannot. Raises InputError for an estate that
    has no stack, or whose machines' state is not named.
    """
    of_estate = [stack for stack in stacks(root) if estate_of(stack, root) == estate]
    if not of_estate:
        raise InputError(f"There is no estate {estate!r}.", why=nearest(estate, ESTATES), remedy=f"./hs {verb} --all")
    bases = tuple(stack for stack in clusters(root) if stack in of_estate)
    upper = [stack for stack in environments(root) if stack in of_estate and stack not in bases]
    words = ("--refresh",) if refresh else ("--if-changed",)
    if estate == LOCAL:
        return [Task(stack, ("./hs", verb, stack, *words), () if stack in bases else bases) for stack in (*bases, *upper)]
    ready = (ANSIBLE if verb == "up" else MACHINES,)  # a preview makes nothing that another could wait for
    below = [Task(stack, ("./hs", verb, stack, *words), ready) for stack in bases]
    return [*_machines(verb, environ), *below, *(_environment(verb, stack, bases, root, refresh=refresh) for stack in upper)]


def _machines(verb: Verb, environ: Mapping[str, str]) -> list[Task]:
    """The datacenter's machines, and what Ansible makes of them."""
    make = ("pulumi", verb, "--cwd", MACHINES, "--stack", DATACENTER, *(("--yes",) if verb == "up" else ()))
    configure = (*PLAYBOOK, *(("--check",) if verb == "preview" else ()))
    return [Task(MACHINES, make, variables=state_variables(environ)), Task(ANSIBLE, configure, (MACHINES,), folder=ANSIBLE)]


def _environment(verb: Verb, stack: str, bases: tuple[str, ...], root: Path, *, refresh: bool) -> Task:
    """An environment that others use; it is released after the one that its releases must have been verified in."""
    if verb == "preview":
        return Task(stack, ("./hs", verb, stack), bases)
    return Task(stack, ("./hs", "deploy", stack, *(("--refresh",) if refresh else ())), (*bases, *_origin(stack, root)))


def _origin(stack: str, root: Path) -> tuple[str, ...]:
    """The environment that a stack is promoted from, read without checking the rest."""
    file = f"Pulumi.{stack}.yaml"
    environment = read_yaml(root / file, file)["config"][f"{PROJECT}:environment"]
    return (environment["promoted_from"],) if environment and environment.get("promoted_from") else ()


def in_order(tasks: Sequence[Task], execute: Callable[[Task], Result]) -> dict[str, Result]:
    """Run every task once all it needs is done; independent ones side by side. What needs a failed one is not run, and says so."""
    by_name = {task.name: task for task in tasks}
    order = TopologicalSorter({task.name: [name for name in task.needs if name in by_name] for task in tasks})
    try:
        order.prepare()
    except CycleError as circle:
        remedy = "correct promoted_from in their stack files"
        raise InputError("Stacks wait for each other; nothing was touched.", why=" → ".join(circle.args[1]), remedy=remedy) from None
    results: dict[str, Result] = {}
    running: dict[Future[Result], str] = {}
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        while order.is_active():
            for name in order.get_ready():
                failed = [need for need in by_name[name].needs if need in results and results[need].outcome not in GOOD]
                if failed:
                    results[name] = Result("not run", f"{', '.join(failed)} comes first, and failed")
                    order.done(name)
                else:
                    running[pool.submit(execute, by_name[name])] = name
            if running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    results[name] = future.result()
                    order.done(name)
    return results


def execute(task: Task, root: Path = ROOT) -> Result:
    """Run a task's command and keep what it prints; the line that it is at stands beside its name meanwhile."""
    said: list[str] = []
    try:
        with console.step(str(task)) as step:

            def hear(line: str) -> None:
                said.append(line)
                step.note(line.strip()[:100])

            run(task.command, cwd=root / task.folder, env=task.variables, on_line=hear)
            step.note("")
    except PlatformError as failed:
        return Result("failed", "\n".join(said) or str(failed))
    text = "\n".join(said)
    return Result("unchanged" if changed_nothing(text) else "done", text)


def changed_nothing(said: str) -> bool:
    """Whether a command of `./hs`, the engine or Ansible says that all stayed, or would stay, as it was."""
    recap = CHANGED_BY_ANSIBLE.findall(said)
    by_ansible = bool(recap) and all(changed == "0" for changed in recap)
    summary = said.rpartition(ENGINE_SUMMARY)[2].partition("\n\n")[0]  # the run's; the preview before it has one too
    return by_ansible or any(words in said for words in LEFT_ALONE) or bool(re.fullmatch(r" +\d+ unchanged\n?", summary))


def run_all(tasks: Sequence[Task], runner: Callable[[Task], Result] = execute) -> None:
    """Run tasks in order and tell how each ended; raises PlatformError when any failed, with what its command said."""
    results = in_order(tasks, runner)
    for task in tasks:
        result = results[task.name]
        console.out.print(
            f"{MARKS[result.outcome]} {task.name}: {result.outcome}" + (f" ({result.said})" if result.outcome == "not run" else "")
        )
    failed = {name: result for name, result in results.items() if result.outcome == "failed"}
    if failed:
        parts = [f"{name}:\n" + "\n".join(result.said.splitlines()[-SHOWN_LINES:]) for name, result in failed.items()]
        commands = [str(task) for task in tasks if task.name in failed]
        raise PlatformError(
            f"{', '.join(failed)} failed; what stands on it was not touched.",
            why="\n".join(parts),
            remedy=f"mend it ({'; '.join(commands)} runs it alone), then run the same command again: it continues from there",
        )


def say_all(tasks: Sequence[Task], runner: Callable[[Task], Result] = execute) -> None:
    """Like ``run_all``, and print what each command said: for commands whose output is what was asked for."""
    results: dict[str, Result] = {}

    def keep(task: Task) -> Result:
        results[task.name] = runner(task)
        return results[task.name]

    try:
        run_all(tasks, keep)
    finally:
        for task in tasks:
            if task.name in results and results[task.name].outcome in GOOD:
                console.out.print(f"\n{task.name}", style="bold", markup=False)
                console.out.print(results[task.name].said, markup=False, highlight=False, soft_wrap=True)


__all__ = ["Result", "Task", "in_order", "run_all", "say_all", "tasks"]
