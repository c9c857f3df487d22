"""The registered tasks, in report order; `TASKS` maps each name to its task.

Importing it loads no data and nothing heavier than numpy.
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
    """Return the reference of every known task: those listed here, then those of installed packages."""
    return registry.merge_entry_points(
        {name: f"tasks:TASKS[{name}]" for name in TASKS}, group="odyssey.tasks"
    )


def available_tasks() -> dict[str, Task]:
    """Return the tasks listed here and those of installed packages (entry points `odyssey.tasks`).

    A plug-in that cannot be used is skipped, which is said on stderr.
    """
    return dict(registry.load_available(task_references(), find_task))


def find_task(name: str) -> Task:
    """Return a task by name or as "module:attribute"; refuse an unknown one, and what is no task."""
    if name in TASKS:
        return TASKS[name]
    found = registry.resolve_reference("task", name, task_references())
    task_check.check_task(name, found)
    return found


def load_splits(name: str, folder: Path | None = None) -> Mapping[str, Split]:
    """Return the splits of a task by name; refuse what could not be trained (`suite.task_check`)."""
    return task_check.load_checked_splits(name, find_task(name), folder)
