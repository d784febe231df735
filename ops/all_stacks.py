"""All stacks of an estate in one command: what another stands on goes first, what is independent runs side by side.

The machines (`esxi/`) precede the cluster's stack, and that precedes the environments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

from ops import console
from ops.deploy import UNCHANGED
from ops.errors import InputError, PlatformError
from ops.process import run
from ops.releases.deploy import NOTHING_TO_DO
from settings.datacenter.load import DATACENTER
from settings.datacenter.load import FOLDER as MACHINES
from settings.errors import nearest
from settings.load import ESTATES, ROOT, clusters, environments, estate_of, stacks

Verb = Literal["up", "preview"]
Outcome = Literal["done", "unchanged", "failed", "not run"]
LOCAL = "local"
AT_ONCE = 3
"""How many stacks are worked on at the same time: LIVE, TEST and DEV."""
SHOWN_LINES = 40
GOOD: tuple[Outcome, ...] = ("done", "unchanged")
MARKS = {"done": "[green]✓[/green]", "unchanged": "[green]=[/green]", "failed": "[red]✗[/red]", "not run": "[dim]-[/dim]"}


@dataclass(frozen=True)
class Task:
    """One stack, the command for it, and the stacks that it stands on."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a task ended, and what its command printed; for one that was not run, why."""

    outcome: Outcome
    said: str = ""


def tasks(verb: Verb, estate: str, root: Path = ROOT) -> list[Task]:
    """The command for every stack of an estate, each with the stacks that it stands on.

    The local estate's machines are part of its own `./hs up`. An environment of the datacenter is deployed as a release. Raises InputError
    for an estate that has no stack.
    """
    of_estate = [stack for stack in stacks(root) if estate_of(stack, root) == estate]
    if not of_estate:
        raise InputError(f"There is no estate {estate!r}.", why=nearest(estate, ESTATES), remedy=f"./hs {verb} --all")
    bases = tuple(stack for stack in clusters(root) if stack in of_estate)
    upper = [stack for stack in environments(root) if stack in of_estate and stack not in bases]
    if estate == LOCAL:
        words = ("--if-changed",) if verb == "up" else ()
        below = [Task(stack, ("./hs", verb, stack, *words)) for stack in bases]
        return below + [Task(stack, ("./hs", verb, stack, *words), bases) for stack in upper]
    machines = Task(MACHINES, ("pulumi", verb, "--cwd", MACHINES, "--stack", DATACENTER, *(("--yes",) if verb == "up" else ())))
    below = [Task(stack, ("./hs", verb, stack, *(("--if-changed",) if verb == "up" else ())), (MACHINES,)) for stack in bases]
    command = "deploy" if verb == "up" else verb
    return [machines, *below, *(Task(stack, ("./hs", command, stack), bases) for stack in upper)]


def in_order(tasks: Sequence[Task], execute: Callable[[Task], Result]) -> dict[str, Result]:
    """Run every task once all it needs is done; independent ones side by side. What needs a failed one is not run, and says so."""
    by_name = {task.name: task for task in tasks}
    order = TopologicalSorter({task.name: [name for name in task.needs if name in by_name] for task in tasks})
    order.prepare()
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
        with console.step(" ".join(task.command)) as step:

            def hear(line: str) -> None:
                said.append(line)
                step.note(line.strip()[:100])

            run(task.command, cwd=root, on_line=hear)
    except PlatformError:
        return Result("failed", "\n".join(said))
    skipped = any(word in line for line in said for word in (UNCHANGED, NOTHING_TO_DO))
    return Result("unchanged" if skipped else "done", "\n".join(said))


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
        commands = [" ".join(task.command) for task in tasks if task.name in failed]
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
