"""The registered tasks, in report order; `TASKS` maps each name to its task.

Importing it loads no data and nothing heavier than numpy.
"""

from suite import registry
from suite.task import Task
from tasks.adding import ADDING
from tasks.chorales import CHORALES
from tasks.polyphonic import JSB, MUSEDATA, NOTTINGHAM, PIANO_MIDI
from tasks.sequential_digits import SEQUENTIAL_DIGITS

TASKS: dict[str, Task] = {
    "chorales": CHORALES,
    "jsb": JSB,
    "nottingham": NOTTINGHAM,
    "musedata": MUSEDATA,
    "piano_midi": PIANO_MIDI,
    "adding": ADDING,
    "sequential_digits": SEQUENTIAL_DIGITS,
}


def known() -> dict[str, Task]:
    """Return the tasks listed here and those of installed packages (entry points `odyssey.tasks`)."""
    listed = registry.known({name: f"tasks:TASKS[{name}]" for name in TASKS}, group="odyssey.tasks")
    return {name: find(name, listed) for name in listed}


def find(name: str, listed: dict[str, str] | None = None) -> Task:
    """Return a task by name or as "module:attribute"; refuse an unknown one."""
    if name in TASKS:
        return TASKS[name]
    listed = listed or registry.known({name: f"tasks:TASKS[{name}]" for name in TASKS}, group="odyssey.tasks")
    return registry.find("task", name, listed)
