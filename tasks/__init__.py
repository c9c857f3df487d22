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
from tasks.associative_recall import multi_query_recall
from tasks.brown import brown_char, brown_tags, brown_word
from tasks.chorales import music21_chorales
from tasks.copying import copy_problem, delayed_echo, memorization_problem
from tasks.dyck import dyck_language
from tasks.iam_ondb import iam_ondb_lines
from tasks.laser import laser_series
from tasks.mackey_glass import mackey_glass_series
from tasks.marked_values import adding_problem, multiplication_problem, xor_problem
from tasks.pen_digits import pen_digit_strings
from tasks.penn_treebank import ptb_char, ptb_word
from tasks.permutation import permutation_problem
from tasks.phones import russian_phones
from tasks.pixels import permuted_fashion, permuted_mnist, sequential_fashion, sequential_mnist
from tasks.polyphonic import jsb_chorales, musedata_pieces, nottingham_tunes, piano_midi_pieces
from tasks.regular_languages import cycle_navigation, even_pairs, modular_arithmetic, parity
from tasks.sequential_digits import small_digits
from tasks.spoken_digits import free_spoken_digits
from tasks.symmetric_group import symmetric_group_products
from tasks.synthetic_text import arithmetic, xml
from tasks.table import user_table
from tasks.temporal_order import temporal_order
from tasks.timit import timit_phones
from tasks.vowels import japanese_vowels
from tasks.waveform import waveform_generation

TASKS: dict[str, Task | Callable[..., Task]] = {
    "chorales": music21_chorales,
    "jsb": jsb_chorales,
    "nottingham": nottingham_tunes,
    "musedata": musedata_pieces,
    "piano_midi": piano_midi_pieces,
    "timit": timit_phones,
    "phones": russian_phones,
    "spoken_digits": free_spoken_digits,
    "vowels": japanese_vowels,
    "iam_ondb": iam_ondb_lines,
    "pen_digits": pen_digit_strings,
    "ptb_char": ptb_char,
    "ptb_word": ptb_word,
    "brown_char": brown_char,
    "brown_word": brown_word,
    "brown_tags": brown_tags,
    "arithmetic": arithmetic,
    "xml": xml,
    "adding": adding_problem,
    "multiplication": multiplication_problem,
    "xor": xor_problem,
    "temporal_order": temporal_order,
    "permutation": permutation_problem,
    "memorization": memorization_problem,
    "copy": copy_problem,
    "delayed_echo": delayed_echo,
    "parity": parity,
    "even_pairs": even_pairs,
    "modular_arithmetic": modular_arithmetic,
    "cycle_navigation": cycle_navigation,
    "s5": symmetric_group_products,
    "dyck": dyck_language,
    "mqar": multi_query_recall,
    "sequential_digits": small_digits,
    "sequential_mnist": sequential_mnist,
    "permuted_mnist": permuted_mnist,
    "sequential_fashion": sequential_fashion,
    "permuted_fashion": permuted_fashion,
    "mackey_glass": mackey_glass_series,
    "laser": laser_series,
    "waveform": waveform_generation,
    "table": user_table,
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
