"""The registered tasks, in report order; `TASKS` maps each name to its task, or to a function of its options.

A task with options is named with them, `adding@length=750` (`suite.options`). Importing this package loads no
data, and no library larger than NumPy. To add a task, write its file and add its line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any

from suite import options, registry, task_check
from suite.task import Split, Task
from tasks.adding import adding_problem
from tasks.brown import brown_char, brown_tags, brown_word
from tasks.chorales import CHORALES
from tasks.penn_treebank import ptb_char, ptb_word
from tasks.phones import russian_phones
from tasks.polyphonic import JSB_CHORALES, MUSEDATA, NOTTINGHAM, PIANO_MIDI
from tasks.sequential_digits import SEQUENTIAL_DIGITS
from tasks.spoken_digits import free_spoken_digits
from tasks.synthetic_text import arithmetic, xml
from tasks.timit import timit_phones
from tasks.vowels import japanese_vowels

TASKS: dict[str, Task | Callable[..., Task]] = {
    "chorales": CHORALES,
    "jsb": JSB_CHORALES,
    "nottingham": NOTTINGHAM,
    "musedata": MUSEDATA,
    "piano_midi": PIANO_MIDI,
    "timit": timit_phones,
    "phones": russian_phones,
    "spoken_digits": free_spoken_digits,
    "vowels": japanese_vowels,
    "ptb_char": ptb_char,
    "ptb_word": ptb_word,
    "brown_char": brown_char,
    "brown_word": brown_word,
    "brown_tags": brown_tags,
    "arithmetic": arithmetic,
    "xml": xml,
    "adding": adding_problem,
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
    """Return a task by its name with options, or as "module:attribute"; its name is the canonical one.

    Refuses an unknown name or option, another value, and an object that is no task and no function of options
    that returns one.
    """
    canonical, task = options.call_with_options("task", name, task_function(name))
    task_check.check_task(name, task)
    return replace(task, name=canonical) if "@" in canonical else task


def canonical_task(name: str) -> str:
    """Return the canonical name of a task; only a task with options is imported for that."""
    return options.canonical_name("task", name, task_function(name)) if "@" in name else name


def task_function(name: str) -> Callable[..., Task]:
    """Return the function of a task's options, which has none for a plain task; refuse an unknown name."""
    base = options.base_name(name)
    task: Any = TASKS.get(base) or registry.resolve_reference("task", base, task_references())
    return task if isinstance(task, FunctionType) else lambda: task


def load_splits(name: str, folder: Path | None = None) -> Mapping[str, Split]:
    """Return the splits of a task by name; refuse data that could not be trained on (`suite.task_check`)."""
    return task_check.load_checked_splits(name, find_task(name), folder)
