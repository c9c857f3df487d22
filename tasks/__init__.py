"""The registered tasks, in report order; `TASKS` maps each name to its task.

Importing this package loads no data, and no library larger than NumPy. To add a task, write its file and add
its line here.
"""

from collections.abc import Mapping
from pathlib import Path

from suite import registry, task_check
from suite.task import Split, Task
from tasks.adding import ADDING
from tasks.chorales import CHORALES
from tasks.polyphonic import JSB_CHORALES, MUSEDATA, NOTTINGHAM, PIANO_MIDI
from tasks.sequential_digits import SEQUENTIAL_DIGITS

TASKS: dict[str, Task] = {
    "chorales": CHORALES,
    "jsb": JSB_CHORALES,
    "nottingham": NOTTINGHAM,
    "musedata": MUSEDATA,
    "piano_midi": PIANO_MIDI,
    "adding": ADDING,
    "sequential_digits": SEQUENTIAL_DIGITS,
}


def task_references() -> dict[str, str]:
    """Return the reference of every task by name: those listed here, then those of installed packages."""
    return registry.merge_entry_points(
        {name: f"tasks:TASKS[{name}]" for name in TASKS}, group="odyssey.tasks"
    )


def available_tasks() -> dict[str, Task]:
    """Return the tasks listed here and those of installed packages (entry points `odyssey.tasks`).

    A plug-in that cannot be used is skipped, with a line on stderr.
    """
    return dict(registry.load_available(task_references(), find_task))


def find_task(name: str) -> Task:
    """Return a task by name or as "module:attribute"; refuse an unknown name or other object."""
    if name in TASKS:
        return TASKS[name]
    task = registry.resolve_reference("task", name, task_references())
    task_check.check_task(name, task)
    return task


def load_splits(name: str, folder: Path | None = None) -> Mapping[str, Split]:
    """Return the splits of a task by name; refuse data that could not be trained on (`suite.task_check`)."""
    return task_check.load_checked_splits(name, find_task(name), folder)
